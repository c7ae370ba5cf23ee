"""Files of safetensors: the header is checked before the library reads it; no PyTorch is needed."""

import re

import numpy as np
import safetensors

from sign_jax.errors import UserError, sentences, shown
from sign_jax.untrusted import budget as budgets
from sign_jax.weights import faults

MAX_HEADER = 8 << 20  # bytes; an array takes about a hundred
MAX_AXES = 32
BFLOAT16 = "BF16"
_NOT_READ = re.compile(r"(F4|F6|F8|C)(_\w+|64)?")  # types of numbers that the format has besides
_DAMAGE = (
  safetensors.SafetensorError, OSError, ValueError, TypeError, LookupError, AttributeError,
  OverflowError, MemoryError,
)  # fmt: skip


def read(path):
  """Reads a file.

  Args:
    path: pathlib.Path.

  Returns:
    {name: numpy array}, bfloat16 as float32.

  Raises:
    UserError: a damaged file, or a type of numbers that numpy does not have.
  """
  try:
    entries, begin = _header(path)
    name = next((x for x, entry in entries.items() if _NOT_READ.fullmatch(entry["dtype"])), None)
    if name is None:
      return _arrays(path, entries, begin)
  except _DAMAGE as error:
    if sentences.is_passing(error):
      raise
    raise faults.damaged(path, error) from error
  kind = entries[name]["dtype"]
  raise UserError(
    f"{path} holds numbers of type {kind} ({name[:80]}), which are not read, convert them to "
    "float32 or bfloat16"
  )


def _header(path):
  """({name: {"dtype", "shape", "data_offsets"}}, where the numbers begin)."""
  with path.open("rb") as file:
    length = int.from_bytes(file.read(8), "little")
    if length > MAX_HEADER:
      raise ValueError(f"its header claims {length} bytes")
    header = file.read(length)
  # A budget of no file: what honest headers of any size need fits into its floor.
  entries = budgets.parse_json(header, budgets.Budget(0))
  entries.pop("__metadata__", None)
  for name, entry in entries.items():
    if not 0 <= len(entry["shape"]) <= MAX_AXES:
      raise ValueError(f"{shown(name)} has {len(entry['shape'])} axes")
  return entries, 8 + length


def _arrays(path, entries, begin):
  with safetensors.safe_open(path, framework="np") as file:  # checks places and sizes
    return {
      name: _bfloat16(path, entry, begin) if entry["dtype"] == BFLOAT16 else file.get_tensor(name)
      for name, entry in entries.items()
    }


def _bfloat16(path, entry, begin):
  # numpy has no such type: the upper half of a float32.
  first, last = entry["data_offsets"]
  upper = np.fromfile(path, "<u2", (last - first) // 2, offset=begin + first)
  return (upper.astype(np.uint32) << 16).view(np.float32).reshape(entry["shape"])
