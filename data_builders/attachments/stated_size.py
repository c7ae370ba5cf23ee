"""The size of the pictures that poses were estimated on, and their rate, as a file states them."""

import math

import numpy as np

LARGEST = 1 << 16  # pixels of a side
FASTEST = 1000.0  # frames per second
_PAIRS = (
  ("width", "height"), ("img_width", "img_height"), ("image_width", "image_height"),
  ("frame_width", "frame_height"), ("video_width", "video_height"),
)  # fmt: skip
_SHAPES = ("img_shape", "original_shape", "ori_shape", "image_shape", "frame_shape")  # rows first
_SIZES = ("image_size", "img_size", "size", "frame_size", "video_size", "resolution")
_INSIDE = ("meta_info", "metainfo", "meta", "metadata", "info", "video_info", "dataset_meta")
_RATES = ("fps", "frame_rate", "framerate")


class Differs(ValueError):
  """A file states two sizes; its text follows the file's name in a sentence."""


def find(dicts):
  """(width, height) that some dicts of one file state, or None.

  A size under a name such as 'img_shape' is (height, width), as numpy has it; one under 'size' and
  the like is (width, height). What is no size of a picture is not looked at.

  Raises:
    Differs: they state different ones.
  """
  found = None
  for content in dicts:
    if not isinstance(content, dict):
      continue
    for part in (content, *(content[key] for key in _INSIDE if isinstance(content.get(key), dict))):
      size = _of(part)
      if size and found and size != found:
        raise Differs("states pictures of {} x {} and of {} x {}".format(*found, *size))
      found = size or found
  return found


def valid(width, height):
  """(width, height) as whole numbers, or None where they are no size."""
  if not all(map(_is_number, (width, height))):
    return None
  sides = float(width), float(height)
  # NaN compares false.
  return tuple(map(int, sides)) if all(1 <= side <= LARGEST for side in sides) else None


def rate(content):
  """Frames per second that a dict states, 0.0 where it does not."""
  for key in _RATES:
    value = content.get(key) if isinstance(content, dict) else None
    if _is_number(value) and 0 < float(value) <= FASTEST:
      return float(value)
  return 0.0


def _of(content):
  for width, height in _PAIRS:
    if size := valid(content.get(width), content.get(height)):
      return size
  for key in (*_SHAPES, *_SIZES):
    value = content.get(key)
    if isinstance(value, np.ndarray) and value.ndim == 1 and len(value) < 4:
      value = value.tolist()
    most = 3 if key in _SHAPES else 2
    if isinstance(value, list | tuple) and 2 <= len(value) <= most:
      first, second = value[:2]
      if size := valid(second, first) if key in _SHAPES else valid(first, second):
        return size
  return None


def _is_number(value):
  is_number = isinstance(value, int | float | np.integer | np.floating)
  return is_number and not isinstance(value, bool) and math.isfinite(value)
