"""Where in a picture the hands are: a box about each, from its keypoints or from its forearm.

Source: Jiang et al., "SEDS" (ACM MM 2024), section 3.1, and its released code.
"""

from typing import NamedTuple

import numpy as np

# COCO-WholeBody's keypoints; left before right.
HANDS = np.stack([np.arange(91, 112), np.arange(112, 133)])
ARMS = np.array([[5, 7, 9], [6, 8, 10]])  # shoulder, elbow, wrist

# "released" has boxes of whole pixels that end where the picture does, "exact" leaves them as they
# come out.
RULES = ("exact", "released")
NUMBER = 2  # of what makes a hand usable: a change of it needs another one, as results are noted
FEWEST_VISIBLE, VISIBLE = 10, np.float64(0.1)  # keypoints that a hand needs, their confidence
ARM_CONFIDENCE = 0.5
BOTTOM = 50  # px; a forearm that ends so close to the bottom has its hand outside
BEYOND, FOREARM, UPPER_ARM = 0.33, 1.1, 0.9
BOX = 2.2  # side of a hand's box, of the hand's own size


class Boxes(NamedTuple):
  """The boxes of F frames; [:, 0] is of the left hand.

  Attributes:
    corner: (F, 2, 2) float, x and y of the upper left one.
    sides: (F, 2, 2) float, width and height, at least 1; they differ only in "released", where a
      picture has no room for a square.
    usable: (F, 2) bool; the others' boxes are of no meaning.
  """

  corner: np.ndarray
  sides: np.ndarray
  usable: np.ndarray


def find(keypoints, size, bottom=BOTTOM, rule="exact"):
  """The boxes about the hands.

  Args:
    keypoints: (F, 133, 3) float.
    size: (2,) float, width and height of the picture.
    bottom: px, a forearm whose wrist is closer to the bottom than that shows no hand; 0: it may be
      anywhere.
    rule: one of RULES.

  Returns:
    `Boxes`, float64; float32 with "released", in which that code computes: then a side of 104.5 is
    rounded to 104, where float64 may have a little more.
  """
  is_released = rule == "released"
  dtype = np.float32 if is_released else np.float64
  keypoints, size = keypoints.astype(dtype), np.asarray(size, dtype)
  corner, side, seen = _about_hands(keypoints[:, HANDS], size)
  arm_corner, arm_side, found = _from_arms(keypoints[:, ARMS], size, bottom)
  corner = np.where(seen[..., None], corner, arm_corner)
  side = np.where(seen, side, arm_side)
  sides = np.broadcast_to(side[..., None], corner.shape)
  if is_released:
    corner, sides = _in_whole_pixels(corner, sides, size)
  return Boxes(corner, np.maximum(sides, 1), seen | found)


def _about_hands(hands, size):
  """hands: (F, 2, 21, 3) -> corner (F, 2, 2), side and seen (F, 2)."""
  visible = hands[..., 2] > VISIBLE
  seen = visible.sum(-1) >= FEWEST_VISIBLE
  points = hands[..., :2]
  low = points.min(-2, where=visible[..., None], initial=np.inf)
  high = points.max(-2, where=visible[..., None], initial=-np.inf)
  low, high = (np.where(seen[..., None], x, 0).astype(points.dtype) for x in (low, high))
  side = np.round(BOX * (high - low).max(-1))
  corner = (low + high) / 2 - side[..., None] / 2
  return np.clip(corner, 0, np.maximum(size - side[..., None], 0)), side, seen


def _from_arms(arms, size, bottom):
  """arms: (F, 2, 3, 3) -> corner (F, 2, 2), side and found (F, 2)."""
  shoulder, elbow, wrist = np.moveaxis(arms[..., :2], -2, 0)
  found = (arms[..., 2] > ARM_CONFIDENCE).all(-1)
  if bottom:
    found &= size[1] - wrist[..., 1] >= bottom
  lengths = [np.linalg.norm(wrist - elbow, axis=-1), np.linalg.norm(elbow - shoulder, axis=-1)]
  side = FOREARM * np.maximum(lengths[0], UPPER_ARM * lengths[1])
  centre = wrist + BEYOND * (wrist - elbow)
  return centre - side[..., None] / 2, side, found


def _in_whole_pixels(corner, sides, size):
  """Corner and sides (F, 2, 2) rounded, a half to the even number, and cut off at the edges."""
  low = np.round(corner)
  high = low + np.round(sides)
  low, high = np.clip(low, 0, size), np.clip(high, 0, size)
  return low, high - low
