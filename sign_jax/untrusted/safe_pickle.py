"""Untrusted pickles: plain data, arrays and perhaps tensors, and nothing that could run."""

import zlib

import numpy as np

from sign_jax.errors import UserError, first_line
from sign_jax.files import existing_file
from sign_jax.untrusted import budget as budgets
from sign_jax.untrusted import pickle_arrays, pickle_machine, torch_legacy

MAX_BYTES = 4 << 30  # of the pickle, after it is unpacked
_GZIP = b"\x1f\x8b"
_ATOMS = (bytes, bytearray, int, float, complex, bool, type(None), str, np.generic)


def read(path, *, kind="pickle", remedy="get it anew", max_bytes=MAX_BYTES, tensors=False):
  """Reads a pickle, plain or compressed with gzip; runs no code from it, whatever it holds.

  Args:
    path: the file, written by Python 2 or 3 in any protocol.
    kind, remedy: what the file should be, and what to do when it is not, for the error.
    max_bytes: a pickle that is larger, unpacked, is refused before more memory is taken, and so is
      one that asks for more than its size warrants, see `budget`.
    tensors: whether it may hold PyTorch's tensors, which come back as numpy arrays (bfloat16 as
      float32, perhaps read-only); PyTorch is not needed.

  Returns:
    dict (for OrderedDict, defaultdict and Counter too), list, tuple, set, frozenset, str, bytes,
    numbers, bool, None, numpy arrays (those of objects hold the same kinds) and numpy scalars. Keys
    and members of sets are text, bytes, whole numbers or None. Strings of Python 2 are read as
    latin-1. Containers may hold themselves, as in any pickle.

  Raises:
    UserError: one sentence with the file's name, and with the full name of what is refused
      ("os.system"), for a missing or damaged file or one that holds anything else.
    OSError: the file cannot be opened at all.
  """
  path = existing_file(path, remedy=f"name the {kind}")
  try:
    with path.open("rb") as file:
      budget = budgets.Budget.of(file, max_unpacked=max_bytes)
      return loads(_unpacked(file, budget), budget, tensors=tensors)
  except pickle_machine.Refused as error:
    raise UserError(
      f"{path} asks for {first_line(error)}, which no {kind} needs and which could run code, "
      f"{remedy}"
    ) from error
  # Damage: of gzip, of the opcodes, and whatever numpy says of strange arrays.
  except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, EOFError,
          MemoryError, RecursionError, zlib.error) as error:  # fmt: skip
    raise UserError(f"{path} is no complete {kind} ({first_line(error)}), {remedy}") from error


def loads(data, budget=None, *, tensors=False):
  """Reads a pickle from bytes, see `read`; `budget` by default is that of a file of these bytes.

  Raises:
    pickle_machine.Refused, ValueError, IndexError, KeyError, TypeError, AttributeError,
    OverflowError, EOFError.
  """
  budget = budget or budgets.Budget(len(data))
  calls = (torch_legacy.PlainCalls if tensors else pickle_arrays.Calls)(budget, len(data))
  content = pickle_machine.load(data, calls)
  _check_plain(content)
  return content


def _unpacked(file, budget):
  is_packed = file.read(2) == _GZIP
  file.seek(0)
  return (budgets.gunzip if is_packed else budgets.read_all)(file, budget)


def _check_plain(content):
  """Checks that nothing is left but plain data."""
  waiting, seen = [content], set()
  while waiting:
    item = waiting.pop()
    if isinstance(item, _ATOMS):
      continue
    if not isinstance(item, np.ndarray | dict | list | tuple | set | frozenset):
      raise pickle_machine.Refused(item.name)
    if id(item) not in seen:
      seen.add(id(item))
      waiting.extend(_inner(item))


def _inner(item):
  if isinstance(item, np.ndarray):
    return item.ravel() if item.dtype.hasobject else ()
  return [*item, *item.values()] if isinstance(item, dict) else item
