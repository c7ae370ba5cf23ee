"""Files of keypoints of one clip, as users have them."""

import pathlib

import numpy as np
from jaxtyping import Float32

from data_builders.attachments import poses, scaling
from sign_jax.errors import UserError
from sign_jax.files import existing_path
from sign_jax.untrusted import npz

_WHAT = (
    "pass a .pose file, a folder of OpenPose's JSON files, or a .pkl or .npz file with keypoints "
    "(frames, 133, 3)"
)
_MOST_BYTES = 1 << 28


def read(path: pathlib.Path, size: tuple[int, int]) -> Float32[np.ndarray, "T 133 3"]:
  """Reads a file of keypoints.

  Args:
    path: `.pose`, `.pkl`, a folder of OpenPose's JSON files (see `data_builders.attachments.poses`)
      or `.npz` with the array `keypoints`, or with one array alone.
    size: (width, height) of the video's pictures.

  Returns:
    COCO-WholeBody's keypoints: x and y in pixels of pictures of that size, and confidence.

  Raises:
    UserError: there is no such file, or it holds no keypoints.
  """
  path = existing_path(path, "--keypoints", _WHAT)
  if path.suffix == ".npz":
    return _of_npz(path)
  stated = scaling.Stated(size)
  scale = poses.PoseFolder(path.parent).scaling([path], stated)
  return poses.PoseFolder.read(path, scale).keypoints


def _of_npz(path):
  arrays = npz.read(path, kind="file of keypoints", max_bytes=_MOST_BYTES)
  found = arrays.get("keypoints", next(iter(arrays.values()), None))
  if found is None or "keypoints" not in arrays and len(arrays) > 1:
    raise UserError(f"{path} holds the arrays {', '.join(arrays) or 'none'}: {_WHAT}")
  if found.ndim != 3 or found.shape[1:] != (133, 3) or found.dtype.kind not in "fiu":
    raise UserError(f"{path} holds keypoints of shape {found.shape}: {_WHAT}")
  return found.astype(np.float32)
