"""Keypoints in pickles: as SEDS releases RTMPose's, and as scripts of estimators write them.

Their order is COCO-WholeBody's already.
"""

import numpy as np

from data_builders.attachments import people, pose_content, stated_size
from sign_jax.errors import UserError
from sign_jax.untrusted import safe_pickle

MAX_BYTES = 1 << 30
_REMEDY = "copy the file again or estimate the pose anew"
_NEEDED = (
  "write {'keypoints': (frames, 133, 3)}, or lists with (people, 133, 2) for each frame under "
  "'keypoints' and (people, 133) under 'scores'"
)


def read(path, max_frames):
  """Reads a file.

  Args:
    path: pathlib.Path.
    max_frames: not needed, the file holds as many as it says.

  Returns:
    `pose_content.Content`.

  Raises:
    UserError: damaged, hostile, without keypoints of a known layout, or with another number of
      pictures than frames.
  """
  del max_frames
  return parsed(load(path), path)


def load(path, max_bytes=MAX_BYTES):
  """The plain data of a file, of at most so many bytes; raises UserError as `read`."""
  return safe_pickle.read(path, kind="pose file", remedy=_REMEDY, max_bytes=max_bytes)


def parsed(content, path):
  """`pose_content.Content` of what `load` has read; raises UserError as `read`."""
  try:
    found = pose_content.parse(content, people.most_poses(path.stat().st_size))
  except (pose_content.Unreadable, stated_size.Differs) as error:
    raise UserError(f"{path} {error}: {_NEEDED}") from error
  pictures = content.get("img_list") if isinstance(content, dict) else None
  frames = len(found.people.counts)
  if isinstance(pictures, list | tuple | np.ndarray) and len(pictures) != frames:
    raise UserError(
      f"{path} has keypoints of {frames} frames and names {len(pictures)} pictures, {_REMEDY}"
    )
  return found
