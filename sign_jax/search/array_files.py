"""Arrays on disk, mapped into memory: written to the disk's bottom, opened without trust."""

import errno
import io
import os
import pathlib
import stat

import jax.numpy as jnp
import numpy as np

from sign_jax import files
from sign_jax.errors import UserError, first_line, sentences
from sign_jax.search.manifest import Field, Note

_BFLOAT16 = np.dtype(jnp.bfloat16)  # which numpy's files have no name for: as uint16


def write(path: pathlib.Path, array: np.ndarray) -> Note:
  """Writes a .npy file and waits until the disk has it."""
  with path.open("wb") as file:
    _write(file, array)
    file.flush()
    os.fsync(file.fileno())
  return note_of(path)


def content(array: np.ndarray) -> bytes:
  """What such a file holds, of a small array."""
  file = io.BytesIO()
  _write(file, array)
  return file.getvalue()


def _write(file, array):
  array = _as_stored(np.ascontiguousarray(array))
  np.lib.format.write_array(file, array, version=(1, 0), allow_pickle=False)


def write_bytes(path: pathlib.Path, content: bytes) -> Note:
  """The same of any file."""
  with path.open("wb") as file:
    file.write(content)
    file.flush()
    os.fsync(file.fileno())
  return note_of(path)


def note_of(path: pathlib.Path) -> Note:
  """Its size and its digest; raises OSError where it cannot be read."""
  return Note(size_of(path), files.sha256(path))


def size_of(path: pathlib.Path) -> int:
  """Bytes of a file; raises OSError for a pipe or a device, which might never end."""
  found = path.stat()
  if not stat.S_ISREG(found.st_mode):
    raise OSError(errno.EINVAL, "it is no file", str(path))
  return found.st_size


def open_array(path: pathlib.Path, field: Field, rows: int | None, note: Note) -> np.ndarray:
  """Maps a .npy file into memory, read-only.

  Args:
    path: of the file.
    field: what a row is.
    rows: how many there must be; None for an array that is one.
    note: what the manifest says of the file.

  Returns:
    array (rows, *field.shape); pages are read when they are looked at.

  Raises:
    UserError: there is no such file, or it holds something else.
  """
  shape = field.shape if rows is None else (rows, *field.shape)
  try:
    size = size_of(path)
    if size != note.bytes:
      raise ValueError(f"it has {size} bytes, and not {note.bytes}")
    array = np.lib.format.open_memmap(path, mode="r")
    if array.shape != shape or array.dtype != _stored_dtype(field.numpy):
      raise ValueError(f"it holds {array.dtype}{array.shape}, and not {field.dtype}{shape}")
    if not array.flags.c_contiguous:
      raise ValueError("its rows do not lie one behind the other")
  # Headers are read by Python's own parser, which raises almost anything over hostile bytes.
  except Exception as error:
    if sentences.is_passing(error):
      raise
    raise UserError(
        f"{path} is damaged ({first_line(error)}): `python -m sign_jax.search verify` tells what "
        "is, and build the index again"
    ) from error
  return array.view(field.numpy) if field.numpy == _BFLOAT16 else array


def _as_stored(array):
  return array.view(np.uint16) if array.dtype == _BFLOAT16 else array


def _stored_dtype(dtype):
  return np.dtype(np.uint16) if dtype == _BFLOAT16 else dtype
