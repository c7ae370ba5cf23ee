"""What a corpus's examples hold beside their texts: features, poses, places in videos, flow.

Each content has

  name: str.
  features(): {field of an example: TFDS feature}.
  metadata(): JSON-like dict.
  find(clip, split): pathlib.Path of the clip's file, or None where there is none; raises UserError
    where several can be meant.
  root: pathlib.Path of the folder with nothing but its files, or None.
  needed: whether a clip without such a file is damaged.
  read(clip, path): (fields of the example, `Extent`) of a file that `find` has found; raises
    UserError. Without a file, where it is not needed, the extent is None.
"""

import contextlib
import math
import pathlib
from typing import NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from data_builders.attachments import flow_pictures
from data_builders.attachments.features import FeatureFolder
from data_builders.attachments.layouts import JOINTS
from data_builders.attachments.poses import PoseFolder
from data_builders.attachments.scaling import UNSTATED
from data_builders.writing import schema
from sign_jax.data import streams
from sign_jax.errors import UserError
from sign_jax.files import existing_folder
from sign_jax.video import ends, pictures
from sign_jax.video import frames as videos

CONTENTS = {
  "features": "Sign features of `features/agnostic`, `features/aware` and those of other encoders "
  "in `features`, whichever are there.",
  "pose": "Keypoints of `pose`, and no features.",
  "features_pose": "Sign features and keypoints.",
  "video": "Paths of the videos with first and last frame; nothing is decoded.",
  "continuous": "Paths of the videos with first and last frame, and of their optical flow in "
  "`flow`; keypoints of `pose`, if these are there.",
}


class Extent(NamedTuple):
  """How long a clip is, as one of its files says, and what is counted of it."""

  num_frames: int
  fps: float  # frames per second, 0: unknown
  counts: dict = {}  # {what: how often}, summed over all clips that are built


class Stream:
  """Sign features of one encoder, (windows, width) of the numpy dtype that they are stored in."""

  needed = True

  def __init__(self, name, root, splits, dtype=np.float16):
    """The first readable file decides the width.

    Raises:
      UserError: no stream may be called `name`, or no file can be read.
    """
    streams.check_name(name, root)
    self.name, self.root, self._dtype = name, pathlib.Path(root), np.dtype(dtype)
    self._folder = FeatureFolder(root)
    self._path, first = self._first(splits)
    self._origin = _origin(first)

  def features(self):
    return {self.name: schema.rows(self._origin[0], self._dtype)}

  def metadata(self):
    _, stride, weights, preparation = self._origin
    return {self.name: {"weights": weights, "stride": stride, "preparation": preparation}}

  def find(self, clip, split):
    return self._folder.find(clip, split)

  def read(self, clip, path):
    content = self._folder.read(path)
    self.check(content, clip, path)
    # A file that does not say has stride 1, as the released ones.
    frames = content.num_frames or len(content.feature) + videos.WINDOW - 1
    return {self.name: content.feature.astype(self._dtype)}, Extent(frames, content.fps)

  def check(self, content, clip, where):
    """Checks that a clip's `features.Features` fit the others; `where` is what the error names.

    Raises:
      UserError: another width, stride, preparation or other weights.
    """
    del clip
    origin = _origin(content)
    if origin == self._origin:
      return
    if not _can_stand_together(origin, self._origin):
      raise UserError(
        f"{where} was made with another width, stride or weights, or prepared otherwise, than "
        f"{self._path}, extract all videos with the same ones (beside downloaded features, with "
        "--preparation released and stride 1)"
      )
    self._origin = max(origin, self._origin)  # what one says of itself holds for the later ones

  def _first(self, splits):
    reason = "no video has one"
    for split, members in splits.items():
      for clip in members:
        path = self.find(clip, split)
        try:
          if path is not None:
            return path, self._folder.read(path)
        except (UserError, OSError) as error:
          reason = str(error)
    raise UserError(
      f"{self.root} holds no features that can be read ({reason}), put them there or move the "
      "folder elsewhere"
    )


class Poses:
  """Keypoints (frames, 133, 3): x, y in pixels, confidence.

  float32: float16 has steps of a whole pixel from x = 1024 on, and How2Sign is 1280 wide.
  """

  name, needed = "pose", True

  def __init__(self, root, splits, stated=UNSTATED, released=None):
    """Some files decide what all coordinates are.

    Args:
      root, splits: the folder, and {split: [`Clip`]}.
      stated: `scaling.Stated`.
      released: `released_poses.Released` of the corpus, or None.

    Raises:
      UserError: see `scaling.find`.
    """
    self.root = pathlib.Path(root)
    self._folder = PoseFolder(root)
    places = []
    for split, clips in splits.items():
      for clip in clips:
        with contextlib.suppress(UserError):  # two files of a clip: whoever reads it will hear
          places += filter(None, [self.find(clip, split)])
    self._scale = self._folder.scaling(places, stated, released and released.image_size)

  def features(self):
    return {"pose": schema.rows((JOINTS, 3), np.float32)}

  def metadata(self):
    assumed = {"assumed": True} if self._scale.assumed else {}
    return {"pose": {"image_size": list(self._scale.size or ()), **assumed}}

  @property
  def image_size(self):
    """(width, height) of the pictures, None where nobody states it."""
    return self._scale.size

  def find(self, clip, split):
    return self._folder.find(clip, split)

  def read(self, clip, path):
    del clip
    content = self._folder.read(path, self._scale)
    counts = {
      "clips": 1,
      "frames": len(content.keypoints),
      "several_clips": int(content.several > 0),
      "several_frames": content.several,
      "unsure": int(content.unsure),
      "resized": int(content.size is not None and content.size != self._scale.size),
    }
    return {"pose": content.keypoints}, Extent(len(content.keypoints), content.fps, counts)


class Videos:
  """Where a clip is: a file or a folder of pictures, and its frames in it."""

  name, needed = "video", True
  root = None  # videos lie beside everything else

  def __init__(self, root):
    self._root = pathlib.Path(root)
    self._known = {}  # many clips lie in one raw video

  def features(self):
    return {
      "video": tfds.features.Text(),
      "start_frame": tfds.features.Scalar(dtype=np.int32),
      "end_frame": tfds.features.Scalar(dtype=np.int32),
    }

  def metadata(self):
    return {}

  def find(self, clip, split):
    del split  # the annotations name it
    path = self._root / clip.video
    return path if clip.video and path.exists() else None

  def read(self, clip, path):
    whole = self._probe(path, clip.fps)
    if isinstance(whole, UserError):
      raise UserError(str(whole))  # anew, as one that is raised again keeps every traceback
    start, end, cut = 0, whole.num_frames, 0
    if clip.end:
      if not whole.fps:
        raise UserError(f"{path} does not say its frames per second, get it anew")
      # The frames that the extraction reads: start <= seconds < end.
      start, end = (math.ceil(time * whole.fps - 1e-6) for time in (clip.start, clip.end))
      there = min(end, whole.num_frames or end)
      if not ends.is_enough(there - start, end - start, whole.fps):
        raise UserError(
          f"{path} has {whole.num_frames} frames and {clip.video_id} ends at frame {end}, get the "
          "whole video"
        )
      end, cut = max(there, start + 1), int(there < end)
    fields = {"video": clip.video, "start_frame": start, "end_frame": end}
    return fields, Extent(end - start, whole.fps, {"clips": 1, "cut": cut})

  def _probe(self, path, fps):
    if path not in self._known:
      try:
        self._known[path] = _pictures(path, fps) if path.is_dir() else _video(path)
      except UserError as error:
        self._known[path] = error
    return self._known[path]


class Flow:
  """Where a clip's optical flow is: a folder of as many pictures as its video has frames.

  It lies in `flow` under the path of the video; the field is "" where there is none.

  Attributes:
    settings: `flow_pictures.Settings`, or None where nothing says how the pictures were made.
  """

  name, needed = "flow", False
  root = None  # the note lies beside the pictures

  def __init__(self, root):
    """Raises UserError where the note is damaged."""
    self._root = pathlib.Path(root)
    self.settings = flow_pictures.read_note(self._root / self.name)

  def features(self):
    return {self.name: tfds.features.Text()}

  def metadata(self):
    return {self.name: self.settings._asdict() if self.settings else {}}

  def find(self, clip, split):
    del split  # the annotations name the video
    path = self._root / self.name / clip.video
    return path if clip.video and path.is_dir() else None

  def read(self, clip, path):
    if path is None:
      return {self.name: ""}, None
    extent = Extent(flow_pictures.count(path), clip.fps, {"clips": 1})
    return {self.name: f"{self.name}/{clip.video}"}, extent


def _video(path):
  frames = videos.read_frames(path, (16, 16))
  next(frames)  # raises for a file that is no video, or cut short
  frames.close()
  info = videos.probe(path)
  return Extent(info.num_frames, info.fps)


def _pictures(path, fps):
  count = len(pictures.paths(path))
  if not count:
    raise UserError(f"{path} holds no pictures, get them anew")
  return Extent(count, fps)


def open_all(content, root, folders, splits, stated=UNSTATED, dtype=np.float16, released=None):
  """The contents of a kind of `CONTENTS`, as far as there are files.

  Args:
    content: a key of `CONTENTS`.
    root: the manual_dir.
    folders: {kind of file: pathlib.Path}, see `places.find`.
    splits: {split: [`Clip`]}.
    stated: `scaling.Stated` of the poses.
    dtype: of the stored features.
    released: `released_poses.Released` of the corpus, or None.

  Raises:
    UserError: a folder is missing, or holds nothing that can be read; something is stated of poses,
      and there are none.
  """
  with_pose = "pose" in content or content == "continuous" and _holds_any(folders[Poses.name])
  if any(stated) and not with_pose:
    raise UserError(f"{content} holds no poses, leave --pose_size and --pose_range out")
  found = _open_streams(folders, splits, dtype) if "features" in content else []
  found += [Videos(root)] if content in ("video", "continuous") else []
  found += _open_poses(folders, splits, stated, released) if with_pose else []
  return found + ([Flow(root)] if content == "continuous" else [])


def streams_among(contents):
  """The `Stream`s among some contents."""
  return [content for content in contents if isinstance(content, Stream)]


def _open_streams(folders, splits, dtype):
  found = {name: x for name, x in folders.items() if name != Poses.name and x.is_dir()}
  if not found:
    existing_folder(
      folders["agnostic"],
      remedy="extract features with `python -m sign_jax.extract` or put existing ones there",
    )
  return [Stream(name, folder, splits, dtype) for name, folder in found.items()]


def _open_poses(folders, splits, stated, released):
  folder = existing_folder(folders["pose"], remedy="put the poses there")
  return [Poses(folder, splits, stated, released)]


def _holds_any(folder):
  return folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir())


def read_all(contents, clip, paths, called):
  """The fields of a clip's example, and {name of a content: `Extent`}.

  Args:
    contents, paths: the contents of the data set, and {name: path} of the clip's files.
    clip, called: what `read` takes, and what an error calls it.

  Raises:
    UserError: as of `read`; streams with different numbers of windows.
  """
  fields, extents = {}, {}
  for content in contents:
    read, extent = content.read(clip, paths[content.name])
    fields |= read
    extents |= {content.name: extent} if extent else {}
  counts = {stream.name: len(fields[stream.name]) for stream in streams_among(contents)}
  if len(set(counts.values())) > 1:
    raise UserError(
      f"the streams of {called} have different numbers of windows ({counts}), extract them from "
      "the same video with the same --stride"
    )
  return fields, extents


def check_same_video(extents, clip):
  """Checks that files of different kinds can be of the same clip.

  Poses and features may come from copies of a video at other frame rates, so only a difference
  that no rate explains is damage.

  Args:
    extents: {name of a content: `Extent`}.
    clip: `Clip`.

  Raises:
    UserError: the lengths differ by more than 30 % and 16 frames.
  """
  for name, (frames, fps, _) in extents.items():
    for other, (other_frames, other_fps, _) in extents.items():
      scale = other_fps / fps if fps and other_fps else 1.0
      if frames * scale > 1.3 * other_frames + videos.WINDOW:
        raise UserError(
          f"{name} and {other} of {clip.video_id} have {frames} and {other_frames} frames, take "
          "both from the same video"
        )


def _origin(content):
  return content.feature.shape[1], content.stride, content.weights, content.preparation


def _can_stand_together(one, other):
  """Whether one says nothing of itself, as files that others release, and one is made as those."""
  unsaid, said = sorted((one, other))
  return unsaid == (said[0], 0, "", "") and said[1] == 1 and said[3] == videos.RELEASED
