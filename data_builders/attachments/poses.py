"""Poses of clips in COCO-WholeBody's order, whichever estimator they come from."""

import contextlib
import pathlib
from typing import NamedTuple

import numpy as np

from data_builders.attachments import locate, openpose, people, pose_files, rtmpose, scaling
from sign_jax.errors import UserError

MAX_FRAMES = 200_000  # more than two hours; they take 300 MB
FARTHEST = 1e5  # pixels; estimators place hidden joints a little outside the picture
# Estimators clip their confidences differently: RTMPose's may pass 1 a little, and 0.
MIN_CONFIDENCE, MAX_CONFIDENCE = -1, 10
_READERS = {".pkl": rtmpose.read, ".pose": pose_files.read, "": openpose.read}


class Pose(NamedTuple):
  """The pose of one clip, of one person."""

  keypoints: np.ndarray  # (frames, 133, 3) float32: x, y in pixels, confidence in [0, 1]
  fps: float  # frames per second, 0 where the file does not say
  size: tuple | None  # (width, height) of the pictures, as the file states it
  several: int  # number of frames that show more than one person
  unsure: bool  # whether the file has no confidences


class PoseFolder:
  """Poses of clips: `[<split>/]<name>` with one of three endings.

  `.pkl` is RTMPose's, as SEDS releases it or as a script has written it, see `pose_content`;
  `.pose` is MediaPipe Holistic's, in the format of the library pose-format; a folder without ending
  holds OpenPose's JSON files, one for each frame.
  """

  def __init__(self, root):
    self.root = pathlib.Path(root)

  def find(self, clip, split):
    """The file or folder of a clip, or None; `split` is one of `splits.SPLITS`."""
    return locate.find(self.root, clip, split, tuple(_READERS))

  def scaling(self, places, stated, released=None):
    """What the coordinates of a set are, found from clips at equal distances in it.

    Args:
      places: the files or folders of all its clips, which `find` has found.
      stated: `scaling.Stated`.
      released: (width, height) of the corpus's released poses, see `scaling.find`.

    Returns:
      `scaling.Scaling` for `read`.

    Raises:
      UserError: see `scaling.find`; not for damaged files.
    """
    samples = []
    for path in places[:: -(-len(places) // scaling.SAMPLE) or 1]:
      with contextlib.suppress(UserError, OSError):  # whoever builds from it will hear
        pose = in_file(pathlib.Path(path))
        samples.append((path, pose.keypoints[:: len(pose.keypoints) // 100 + 1], pose.size))
    return scaling.find(samples, stated, released)

  @staticmethod
  def read(path, scale=None):
    """Reads a file or folder that `find` has found.

    One person is followed from frame to frame, see `people.follow`. Joints that the estimator does
    not know have the confidence 0 at (0, 0).

    Args:
      path: of the file or folder.
      scale: `scaling.Scaling` of the set that the clip belongs to, inside of whose pictures most of
        the pose must lie; by default the clip is a set of its own, of which nothing is stated but
        what the file says.

    Returns:
      `Pose`.

    Raises:
      UserError: damage of any kind; numbers that are no pixels and are not to be scaled, or no
        confidences; for `.pose`, the library is missing.
    """
    path = pathlib.Path(path)
    pose = in_file(path)
    alone = scale or scaling.find([(path, pose.keypoints, pose.size)], scaling.UNSTATED)
    keypoints = alone.place(pose.keypoints, pose.size, path)
    if scale:
      scale.check_inside(keypoints, path)
    return pose._replace(keypoints=keypoints)


def described_size(noted):
  """Sentences on the size of a set's pictures, of its `noted` metadata, see `contents.Poses`."""
  size = noted.get("image_size")
  if noted.get("assumed") and isinstance(size, list) and len(size) == 2:
    yield (
      "no file says of what pictures its poses are: they are taken as {} x {}, those of the "
      "corpus's released poses; state another size with --pose_size".format(*size)
    )


def described(counts):
  """Sentences on what is unusual in the poses of a set, of `counts` as `contents.Poses` makes."""
  clips = counts.get("clips", 0)
  if several := counts.get("several_clips"):
    yield (
      f"several people are seen in {counts.get('several_frames')} of {counts.get('frames')} frames "
      f"of poses, in {several} of {clips} clips: one was followed through each clip"
    )
  if unsure := counts.get("unsure"):
    yield (
      f"the poses of {unsure} of {clips} clips have no confidences: every keypoint that is not at "
      "(0, 0) counts as sure"
    )
  if resized := counts.get("resized"):
    yield (
      f"the poses of {resized} of {clips} clips are of pictures of another size than the set's and "
      "were scaled to it"
    )


def in_file(path):
  """`Pose` of one person in the coordinates of a file or folder; errors as of `PoseFolder.read`."""
  reader = _READERS[""] if path.is_dir() else _READERS.get(path.suffix)
  if reader is None:
    raise UserError(f"{path} has no ending of a pose file, which are .pkl and .pose")
  return of_content(reader(path, MAX_FRAMES), path)


def of_content(content, path):
  """`Pose` of one person in the coordinates of the file.

  Args:
    content: `pose_content.Content`.
    path: what errors name.

  Raises:
    UserError: no frames, or too many; numbers that are no pixels, or no confidences.
  """
  keypoints = content.people.keypoints
  frames = len(content.people.counts)
  if not 1 <= frames <= MAX_FRAMES:
    raise UserError(f"{path} holds {frames} frames, a clip has 1 to {MAX_FRAMES}")
  for start in range(0, len(keypoints), 10_000):  # in pieces, which take little memory
    _check(keypoints[start : start + 10_000], path)
  followed, several = people.follow(content.people)
  if followed is keypoints and not keypoints.flags.writeable:
    followed = followed.copy()
  followed[..., 2] = followed[..., 2].clip(0, 1)
  return Pose(followed, content.fps, content.size, int(several.sum()), content.unsure)


def _check(keypoints, path):
  places, confidences = keypoints[..., :2], keypoints[..., 2]
  # NaN compares false.
  if not np.all(np.abs(places) <= FARTHEST):
    raise UserError(
      f"{path} holds coordinates that are no pixels, write numbers below {FARTHEST:g}, and the "
      "confidence 0 at (0, 0) for keypoints that are not seen"
    )
  if not np.all((confidences >= MIN_CONFIDENCE) & (confidences <= MAX_CONFIDENCE)):
    raise UserError(
      f"{path} holds confidences far outside of [0, 1], divide those in percent by 100"
    )
