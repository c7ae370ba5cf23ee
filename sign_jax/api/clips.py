"""What users pass of a clip: its video as a path or an array, and keypoints of its frames."""

import os
import pathlib
from typing import Any

import numpy as np
from jaxtyping import Float32, Shaped

from sign_jax.api import keypoints as keypoint_files
from sign_jax.api import videos
from sign_jax.data import sign_records
from sign_jax.errors import UserError
from sign_jax.files import user_path
from sign_jax.video import frames


def is_path(video: Any) -> bool:
  """Whether it is the path of a file or folder, and no array."""
  return isinstance(video, str | os.PathLike)


def array(video: Any, name: str = "a clip") -> Shaped[np.ndarray, "T H W 3"]:
  """Pictures as an array.

  Raises:
    UserError: they are of another form.
  """
  found = videos.array_of(video, name)
  if found.ndim != 4 or found.shape[3] != 3 or found.dtype != np.uint8 or not found.size:
    raise UserError(
        f"{name} is an array (T, H, W, 3) of uint8, not {found.shape} of {found.dtype}; or pass a "
        "path"
    )
  return found


def picture_size(path: pathlib.Path) -> tuple[int, int]:
  """(width, height) of the pictures of a video file or folder of pictures."""
  first = next(iter(frames.read_frames(path)), None)
  if first is None:
    raise frames.VideoError(f"{path} holds no frame, pass another video")
  return first.shape[1], first.shape[0]


def keypoint_shares(
    keypoints: Any, size: tuple[int, int], video: Any
) -> tuple[Float32[np.ndarray, "T 133 3"], str]:
  """Keypoints with x and y as shares of the picture, and what messages call them.

  Args:
    keypoints: a file that `api.keypoints.read` reads, or (T, 133, 3) numbers in pixels.
    size: (width, height) of the pictures.
    video: whose frames they are of; its path tells the clip's name.

  Raises:
    UserError: there are none, or they are of another form.
  """
  name = "keypoints"
  if is_path(keypoints):
    name = str(keypoints)
    clip = pathlib.Path(video).stem if is_path(video) else ""
    keypoints = keypoint_files.read(user_path(keypoints), size, clip)
  found = videos.array_of(keypoints, name)
  if found.ndim != 3 or found.shape[1:] != (133, 3) or found.dtype.kind not in "fiu":
    raise UserError(
        f"{name} has the shape {found.shape}, keypoints are COCO-WholeBody's (frames, 133, 3)"
    )
  return sign_records.as_shares(found.astype(np.float32), size, None, name), name


def unlike_counts(name: str, there: Any, video: Any, count: Any) -> UserError:
  """The error where keypoints are not of as many frames as the video has."""
  shown = video if is_path(video) else "the clip"
  return UserError(
      f"{name} has keypoints of {there} frames, and {shown} has {count}: estimate them on every "
      "frame of this video"
  )
