"""A person's box in a video: the part of each picture that is read."""

from typing import NamedTuple

import numpy as np

from sign_jax.video.containers import VideoError

LEAST_INSIDE = 0.5  # of a box's area; the released boxes of How2Sign's test split have 0.73 or more


class Box(NamedTuple):
  """Whole pixels of the upright picture, counted from its upper left corner."""

  left: int
  top: int
  width: int
  height: int

  def __str__(self):
    return f"{self.width} x {self.height} at {self.left},{self.top}"


def fault(box):
  """What is wrong with a `Box` whatever the picture, for a message; "" where nothing is."""
  if box.left < 0 or box.top < 0:
    return "begins outside the picture"
  return "is empty" if box.width < 1 or box.height < 1 else ""


def cut(frame, box, path):
  """The part of a picture that a box shows; what of the box lies beside the picture is cut off.

  Args:
    frame: (H, W, 3).
    box: `Box` without a `fault`.
    path: of the video, for the message.

  Returns:
    (h, w, 3), contiguous.

  Raises:
    VideoError: less than half of the box is inside the picture, as where boxes belong to a larger
      copy of the video.
  """
  part = frame[box.top : box.top + box.height, box.left : box.left + box.width]
  inside, whole = part.shape[0] * part.shape[1], box.width * box.height
  if inside < LEAST_INSIDE * whole:
    height, width = frame.shape[:2]
    raise VideoError(
      f"{path} has pictures of {width} x {height}, which hold {100 * inside // whole} % of the "
      f"clip's box ({box}): get the video that the boxes were made for, or correct them"
    )
  return np.ascontiguousarray(part)
