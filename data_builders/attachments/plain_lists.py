"""Lists and arrays of numbers as they lie in plain data, read with a limit before each step."""

import itertools
import re

import numpy as np

_NUMBER = re.compile(r"(?:.*\D)?(\d{1,15})(?:\.[A-Za-z]\w{0,4})?", re.DOTALL)
_PLAIN = {float, int, *(np.dtype(code).type for code in ("f2", "f4", "f8", "i4", "i8"))}
DEEPEST = 6  # lists in one another
_LONGEST, _WIDEST = 3000, 4  # lists of one person's keypoints, and of a keypoint's numbers


class Unreadable(ValueError):
  """Content in none of the layouts; its text follows the file's name in a sentence."""


def frame_number(name):
  """The number of a frame that a key or a file's name gives, or None."""
  if isinstance(name, str):
    match = _NUMBER.fullmatch(name)
    return int(match[1]) if match else None
  is_number = isinstance(name, int | np.integer) and not isinstance(name, bool)
  return int(name) if is_number else None


def numbers(value):
  """The array of one or two axes of a list or an array of numbers; lists are counted first."""
  if isinstance(value, np.ndarray) and not value.dtype.hasobject:
    if value.dtype.kind not in "fiu" or value.ndim not in (1, 2):
      raise Unreadable(f"holds keypoints of type {value.dtype} in an array of {value.ndim} axes")
    return value
  rows = listed(value) if has_members(value) else None
  if rows is None or len(rows) > _LONGEST:
    raise Unreadable(f"holds keypoints that are no lists of numbers but {_described(value)}")
  flat, shape = rows, (len(rows),)
  if not all(type(row) in _PLAIN for row in rows):
    widths = {len(row) if _is_row(row) else -1 for row in rows}
    if len(widths) != 1 or not 0 <= (width := widths.pop()) <= _WIDEST:
      raise Unreadable("holds keypoints that are not all of two or three numbers")
    flat, shape = [*itertools.chain.from_iterable(rows)], (len(rows), width)
  if not set(map(type, flat)) <= _PLAIN:
    raise Unreadable("holds keypoints that are no numbers")
  whole = flat and all(isinstance(number, int | np.integer) for number in flat)
  try:
    return np.array(flat, np.int64 if whole else np.float64).reshape(shape)
  except OverflowError as error:
    raise Unreadable("holds coordinates that are no pixels") from error


def _is_row(row):
  return isinstance(row, list | tuple) or isinstance(row, np.ndarray) and row.ndim == 1


def _described(value):
  return f"a list of {len(value)}" if hasattr(value, "__len__") else f"a {type(value).__name__}"


def depth(value):
  """How many axes an array has, or how deep lists lie in one another: of their first members."""
  for level in range(DEEPEST):
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
      return level + value.ndim
    if not has_members(value):
      return level
    if not len(value):
      return level + 1
    value = value[0]
  return DEEPEST


def has_members(value):
  """Whether something is a list, or an array of one axis or more."""
  return isinstance(value, list | tuple) or isinstance(value, np.ndarray) and value.ndim > 0


def is_plain(value):
  """Whether something is an array of numbers."""
  return isinstance(value, np.ndarray) and value.dtype.kind in "fiu"


def is_pair(frame):
  """Whether a frame is keypoints (people, 133, 2) and their scores (people, 133)."""
  if not isinstance(frame, list | tuple) or len(frame) != 2:
    return False
  return depth(frame[0]) in (2, 3) and depth(frame[1]) == depth(frame[0]) - 1


def holds_dicts(frame):
  """Whether a list holds dicts, perhaps inside of further lists."""
  for _ in range(DEEPEST):
    if isinstance(frame, dict):
      return True
    if not has_members(frame) or not len(frame):
      return False
    frame = frame[0]
  return False


def listed(value):
  """A list of what an array or list holds; arrays of numbers along their first axis."""
  if isinstance(value, np.ndarray):
    return list(value.reshape(1) if value.ndim == 0 else value)
  return value


def key_of(content, keys):
  """The first of some keys that a dict has."""
  return next((key for key in keys if key in content), None)


def get(content, keys, missing=None):
  """What a dict has under the first of some keys that is there."""
  key = key_of(content, keys)
  return missing if key is None else content[key]
