"""Untrusted .npz and .npy files: arrays and nothing else, of a size known before it is read."""

import math
import os
import zipfile

import numpy as np

from sign_jax.errors import UserError, first_line, sentences
from sign_jax.untrusted import budget as budgets

MAX_BYTES = 16 << 30  # of all arrays together; a small file can claim any size
MAX_ITEM = 1 << 16  # bytes of an element; texts are such
LAST_CHARACTER = 0x10FFFF
_SUFFIX = ".npy"
_HEADERS = {
  (1, 0): np.lib.format.read_array_header_1_0,
  (2, 0): np.lib.format.read_array_header_2_0,
}


def read(
  path, names=None, *, optional=(), kind=".npz file", remedy="get it anew", max_bytes=MAX_BYTES
):
  """Reads arrays; runs no code from the file, whatever it holds.

  Args:
    path: pathlib.Path.
    names: the arrays to read, None for all. The others are not looked at.
    optional: further arrays to read where they are there.
    kind, remedy: what the file should be, and what to do when it is not, for the error.
    max_bytes: more than this, all arrays together, is refused before memory is taken, and so is
      more than the file's size warrants, see `budget`.

  Returns:
    {name: np.ndarray}.

  Raises:
    UserError: one sentence with the file's name, for any content that cannot be read.
    OSError: the file cannot be opened, or the system fails to read it.
  """
  with path.open("rb") as file:
    try:
      budget = budgets.Budget.of(file, max_unpacked=max_bytes)
      with zipfile.ZipFile(file) as archive:
        budgets.check_zip(archive, budget)
        return _read(archive, names, optional, budget)
    # Zip, decompressors, tokenizer and memory raise almost anything over hostile bytes.
    except Exception as error:
      if sentences.is_passing(error):
        raise
      raise UserError(f"{path} is no complete {kind} ({first_line(error)}), {remedy}") from error


def names(path, *, kind=".npz file", remedy="get it anew"):
  """Names of the arrays that `read` finds, in the file's order; arguments and errors as there."""
  with path.open("rb") as file:
    try:
      with zipfile.ZipFile(file) as archive:
        budgets.check_zip(archive, budgets.Budget.of(file))
        return [info.filename.removesuffix(_SUFFIX) for info in archive.infolist()]
    # As in `read`.
    except Exception as error:
      if sentences.is_passing(error):
        raise
      raise UserError(f"{path} is no complete {kind} ({first_line(error)}), {remedy}") from error


def read_array(path, *, kind=".npy file", remedy="get it anew", max_bytes=MAX_BYTES):
  """Reads the array of a .npy file; runs no code from it. Arguments and errors as in `read`."""
  with path.open("rb") as file:
    try:
      size = os.fstat(file.fileno()).st_size
      if size > max_bytes:
        raise ValueError(f"its {size} bytes are more than are read")
      _check_array(file, size, "it")
      file.seek(0)
      return np.lib.format.read_array(file, allow_pickle=False)
    # As in `read`.
    except Exception as error:
      if sentences.is_passing(error):
        raise
      raise UserError(f"{path} is no complete {kind} ({first_line(error)}), {remedy}") from error


def _read(archive, names, optional, budget):
  entries = {info.filename.removesuffix(_SUFFIX): info for info in archive.infolist()}
  names = list(entries if names is None else names)
  missing = [name for name in names if name not in entries]
  if missing:
    raise ValueError(f"it has no {' and no '.join(missing)}")
  names += [name for name in optional if name in entries and name not in names]
  for name in names:
    budget.take_unpacked(entries[name].file_size)
    _check_header(archive, entries[name])
  return {name: _array(archive, entries[name]) for name in names}


def _check_header(archive, info):
  with archive.open(info) as file:
    _check_array(file, info.file_size, info.filename)


def _check_array(file, size, name):
  # numpy takes the memory that a header asks for before it looks whether there are as many bytes.
  version = np.lib.format.read_magic(file)
  if version not in _HEADERS:
    raise ValueError(f"{name} is of the unknown version {version}")
  shape, _, dtype = _HEADERS[version](file)
  if dtype.itemsize > MAX_ITEM:
    raise ValueError(f"{name} has elements of {dtype.itemsize} bytes")
  if math.prod(shape) * dtype.itemsize != size - file.tell():
    raise ValueError(f"{name} has not the size of an array {shape}")


def _array(archive, info):
  with archive.open(info) as file:
    array = np.lib.format.read_array(file, allow_pickle=False)
    file.read(1)  # at the end, zipfile compares the checksum
    _check_text(array, info.filename)
    return array


def _check_text(array, name):
  # numpy takes any number for a character, and fails when it is looked at.
  if array.dtype.kind == "U" and array.size and array.itemsize:
    numbers = array.ravel(order="K").view(f"{array.dtype.byteorder}u4")
    if numbers.max() > LAST_CHARACTER:
      raise ValueError(f"{name} holds text with characters that do not exist")
