"""RTMPose's keypoints in pickles, as SEDS releases them: {keypoints: (frames, 133, 3), img_list}.

Their order is COCO-WholeBody's already.
"""

import numpy as np

from sign_jax.data import safe_pickle
from sign_jax.errors import UserError

MAX_BYTES = 1 << 30
_REMEDY = "get it anew"


def read(path, max_frames):
  """Reads a file.

  Args:
    path: pathlib.Path.
    max_frames: not needed, the file holds as many as it says.

  Returns:
    keypoints as in the file, an array of floats; and 0.0, for the frame rate is not in it.

  Raises:
    UserError: damaged, hostile, without keypoints, or with another number of pictures than frames.
  """
  del max_frames
  content = safe_pickle.read(path, kind="pose file", remedy=_REMEDY, max_bytes=MAX_BYTES)
  keypoints = content.get("keypoints") if isinstance(content, dict) else None
  if not isinstance(keypoints, np.ndarray) or keypoints.dtype.kind != "f":
    raise UserError(f"{path} holds no array 'keypoints' of floats, {_REMEDY}")
  pictures = content.get("img_list")
  if isinstance(pictures, list | tuple | np.ndarray) and len(pictures) != len(keypoints):
    raise UserError(
      f"{path} has keypoints of {len(keypoints)} frames and names {len(pictures)} pictures, "
      f"{_REMEDY}"
    )
  return keypoints, 0.0
