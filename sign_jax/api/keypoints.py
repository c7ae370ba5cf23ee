"""Files of keypoints of one clip, as users have them."""

import pathlib
from typing import Any

import numpy as np
from jaxtyping import Float32

from data_builders.attachments import pose_content, poses, rtmpose, scaling
from data_builders.isolated import keypoints as corpora
from sign_jax.data.splits import SPLITS
from sign_jax.errors import UserError, shown
from sign_jax.files import existing_path
from sign_jax.untrusted import npz

_WHAT = (
    "pass a .pose file, a folder of OpenPose's JSON files, or a .pkl or .npz file with keypoints "
    "(frames, 133, 3)"
)
_MOST_BYTES = 1 << 28
_MOST_PEOPLE = 8  # in a frame of a dict of frames; longer arrays are clips


def read(
    path: pathlib.Path, size: tuple[int, int], clip: str = ""
) -> Float32[np.ndarray, "T 133 3"]:
  """Reads a file of keypoints.

  Args:
    path: `.pose`, `.pkl`, a folder of OpenPose's JSON files (see `data_builders.attachments.poses`)
      or `.npz` with the array `keypoints`, or with one array alone. A `.pkl` may hold all clips of
      a corpus by their names (see `data_builders.isolated.keypoints`).
    size: (width, height) of the video's pictures.
    clip: the name of the video without its ending, "" where it has none.

  Returns:
    COCO-WholeBody's keypoints: x and y in pixels of pictures of that size, and confidence.

  Raises:
    UserError: there is no such file, it holds no keypoints, or none of this clip.
  """
  path = existing_path(path, "--keypoints", _WHAT)
  pose = _pose(path, clip)
  scale = scaling.find([(path, pose.keypoints, pose.size)], scaling.Stated(size))
  keypoints = scale.place(pose.keypoints, pose.size, path)
  scale.check_inside(keypoints, path)
  return keypoints


def _pose(path, clip):
  """`poses.Pose` in the coordinates of the file."""
  if path.suffix == ".npz":
    return poses.of_content(rtmpose.parsed(_of_npz(path), path), path)
  if path.suffix == ".pkl" and path.is_file():
    content = _of_clip(rtmpose.load(path, corpora.MAX_BYTES), clip, path)
    return poses.of_content(rtmpose.parsed(content, path), path)
  return poses.in_file(path)


def _of_npz(path):
  arrays = npz.read(path, kind="file of keypoints", max_bytes=_MOST_BYTES)
  found = arrays.get("keypoints", next(iter(arrays.values()), None))
  if found is None or "keypoints" not in arrays and len(arrays) > 1:
    raise UserError(f"{path} holds the arrays {', '.join(arrays) or 'none'}: {_WHAT}")
  if found.ndim != 3 or found.shape[1:] != (133, 3) or found.dtype.kind not in "fiu":
    raise UserError(f"{path} holds keypoints of shape {found.shape}: {_WHAT}")
  return found.astype(np.float32)


def _of_clip(content: Any, clip: str, path: pathlib.Path) -> Any:
  """What a dict of clips holds of one; any other content as it is."""
  if not _holds_clips(content):
    return content
  for key in (clip, f"{clip}.mp4", *(f"{split}/{clip}" for split in SPLITS)):
    if clip and key in content:
      return content[key]
  raise UserError(
      f"{path} holds keypoints of clips by their names, and of none that is called "
      f"{shown(clip)}: name the video as its clip is named, or write the clip's keypoints to a "
      "file of their own"
  )


def _holds_clips(content):
  """Whether a dict is one of clips by their names, and not of a clip or of its frames."""
  if not isinstance(content, dict) or pose_content.LAYOUT_KEYS & content.keys():
    return False
  return any(_is_clip(x) for x in content.values())


def _is_clip(x):
  """Whether it is a clip, and not what a frame holds: more entries than a frame has people."""
  if isinstance(x, dict):
    return any(_is_clip(x[key]) for key in pose_content.LAYOUT_KEYS & x.keys())
  return _axes(x) >= 3 and len(x) > _MOST_PEOPLE


def _axes(x):
  """Of an array, or of lists in lists, by their first entries."""
  if isinstance(x, list):
    return 1 + (_axes(x[0]) if x else 0)
  return getattr(x, "ndim", 0)
