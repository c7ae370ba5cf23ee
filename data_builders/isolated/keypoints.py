"""Keypoints of isolated signs: of one pickle with all clips, or of a file for each clip."""

import functools
import pathlib

from data_builders.attachments import people, pose_content, poses, scaling, stated_size
from data_builders.corpus import places
from data_builders.isolated.frame_range import SLACK
from sign_jax.errors import UserError
from sign_jax.untrusted import safe_pickle

FOLDERS = ("pose", "keypoints")  # of a file for each clip
PICKLES = ("*keypoints*.pkl", "*keypoints*.pkl.gz")  # in the manual_dir, of all clips
MAX_BYTES = 16 << 30  # of such a pickle, unpacked; that of WLASL's 21,000 clips has 2 to 4 GB
_REMEDY = "get it anew or estimate the keypoints anew"


class Keypoints:
  """The keypoints in a user's folder.

  Attributes:
    pickle: path of the one with all clips, or None.
    folder: path of the one with a file for each clip, which need not be there.
  """

  def __init__(self, root, stated=scaling.UNSTATED):
    """Looks what is there.

    Args:
      root: the manual_dir.
      stated: `scaling.Stated`.

    Raises:
      UserError: there is nothing, or several pickles.
    """
    root, self._stated = pathlib.Path(root), stated
    pickles = sorted({path for pattern in PICKLES for path in root.glob(pattern)})
    if len(pickles) > 1:
      names = " and ".join(path.name for path in pickles)
      raise UserError(f"{root} holds {names}, leave one of them")
    self.pickle = pickles[0] if pickles else None
    self.folder = places.first(root, FOLDERS)
    if not self.pickle and not self.folder.is_dir():
      raise UserError(
        f"{root} holds no keypoints: put NLA-SLR's pickle of them there (keypoints.pkl), or a file "
        f"for each clip into {self.folder}; or build a config without keypoints"
      )

  def find(self, clip, split):
    """Where the keypoints of a clip are: a path, or its key in the pickle; None without any.

    Raises:
      UserError: the pickle is damaged or hostile, or there are two files.
    """
    for name in clip.names:
      for key in (name, f"{split}/{name}", f"{name}.mp4"):
        if key in self._content:
          return key
    return self.in_folder(clip, split)

  def in_folder(self, clip, split):
    """The file or folder of a clip, or None; errors as of `find`."""
    return poses.PoseFolder(self.folder).find(clip, split)

  def read(self, clip, place, extract):
    """The keypoints of a clip.

    Args:
      clip: `SignClip`.
      place: what `find` has found.
      extract: its `videos.Extract`.

    Returns:
      (keypoints, size, counts): (T, 133, 3) float32, x and y in pixels of pictures of `size`
      (width, height), and confidence; what is unusual, {name: count}. T is the number of the clip's
      frames, or lower by at most `SLACK`.

    Raises:
      UserError: damage of any kind, or another number of frames.
    """
    where = place if isinstance(place, pathlib.Path) else f"{self.pickle}, {place!r}"
    pose = poses.in_file(place) if where is place else self._in_pickle(place, where)
    size = self._stated.size or pose.size or extract.size
    keypoints = self._in_pixels(pose, size, where)
    return _of_clip(keypoints, clip, extract, where), size, {
      "clips": 1, "frames": len(keypoints), "several_clips": int(pose.several > 0),
      "several_frames": pose.several, "unsure": int(pose.unsure),
    }  # fmt: skip

  @functools.cached_property
  def _content(self):
    if not self.pickle:
      return {}
    content = safe_pickle.read(
      self.pickle, kind="file of keypoints", remedy=_REMEDY, max_bytes=MAX_BYTES
    )
    if not isinstance(content, dict):
      raise UserError(f"{self.pickle} holds no dict of clips and their keypoints, {_REMEDY}")
    return content

  def _in_pickle(self, key, where):
    most = people.most_poses(self.pickle.stat().st_size)
    try:
      return poses.of_content(pose_content.parse(self._content[key], most), where)
    except (pose_content.Unreadable, stated_size.Differs) as error:
      raise UserError(f"{where} {error}, {_REMEDY}") from error

  def _in_pixels(self, pose, size, where):
    stated = self._stated._replace(size=size)
    scale = scaling.find([(where, pose.keypoints, size)], stated)
    keypoints = scale.place(pose.keypoints, size, where)
    scale.check_inside(keypoints, where)
    return keypoints


def _of_clip(keypoints, clip, extract, where):
  count, wanted = len(keypoints), extract.end - extract.first
  if count == extract.count != wanted:  # those of the whole video
    return keypoints[extract.first : extract.end]
  if abs(count - wanted) > SLACK:
    raise UserError(
      f"{where} has keypoints of {count} frames, and {clip.video_id} has {wanted}: estimate them "
      "anew on the video that is there"
    )
  return keypoints[:wanted]
