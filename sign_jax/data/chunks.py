"""The chunks of an ArrayRecord file, seen from their headers alone.

A file of ArrayRecord is one of Riegeli: blocks of 64 KiB, each behind 24 bytes that say where its
chunks begin, and in them chunks (here of one record each) behind a header of 40 bytes:

  8 bytes  checksum of the header
  8 bytes  size of the chunk's data
  8 bytes  checksum of the data, which readers compare
  8 bytes  kind (1 byte) and number of records (7)
  8 bytes  size of the data when unpacked

So the headers, a thousandth of a file, change whenever a record that can be read does.
"""

import functools
import hashlib
import os
import pathlib
import struct
import time
from typing import NamedTuple

from array_record.python import array_record_module

from sign_jax.untrusted import budget

_BLOCK, _BLOCK_HEADER, _CHUNK_HEADER = 1 << 16, 24, 40
_KIND, _KINDS = 24, b"srtpm"  # signature, records, padding, metadata of the file
_KNOWN = 1 << 10  # files, or sets of files, that are remembered
_SETTLED = 10**9  # nanoseconds for which a file must not have changed
_READ = _BLOCK_HEADER + _CHUNK_HEADER  # a chunk's header, perhaps with a block's before or in it


def headers(path):
  """Yields (bytes as they lie in the file, size of the data when unpacked) of each chunk.

  Damage shows as other chunks than there were: nothing is checked here.
  """
  with open(path, "rb") as file:
    if hasattr(os, "posix_fadvise"):  # reading ahead would fetch the whole file
      os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
    size, place = os.fstat(file.fileno()).st_size, 0
    while place < size:
      raw = os.pread(file.fileno(), _READ, place)
      header = _without_block_header(raw, place)
      if len(header) < _CHUNK_HEADER or header[_KIND] not in _KINDS:  # a hole, for one
        return
      _, data, _, records, unpacked = struct.unpack("<5Q", header[:_CHUNK_HEADER])
      yield raw, unpacked
      place = max(_end(place, _CHUNK_HEADER + data), place + (records >> 8))


def digest(paths):
  """SHA-256, 64 hexadecimal digits, over names, sizes and all headers of files.

  A process reads them once, for as long as the system says that the files are not written to.
  """
  return _remembered(_digest, tuple(map(_as_it_is, paths)))


def _remembered(find, files, *args):
  now = time.time_ns()
  if any(now - file.changed < _SETTLED for file in files):
    find = find.__wrapped__  # the system's clock would not tell the next change from the last one
  return find(files, *args)


@functools.lru_cache(maxsize=_KNOWN)
def _digest(files):
  found = hashlib.sha256()
  for file in files:
    found.update(f"{file.path.name} {file.size} ".encode())
    for raw, _ in headers(file.path):
      found.update(raw)
  return found.hexdigest()


class _File(NamedTuple):
  """A file as it is now; any writing to it changes its time, and another one has another number."""

  path: pathlib.Path
  size: int
  number: int
  changed: int  # nanoseconds; unlike that of its content, no program can set this time


def _as_it_is(path):
  facts = os.stat(path)
  return _File(path, facts.st_size, facts.st_ino, facts.st_ctime_ns)


def check(path, length):
  """Checks that a file holds as many records as its data set says, and none that is a bomb.

  Raises:
    ValueError: it does not; `budget.Exceeded`: they unpack to too much.
    OSError: it cannot be read.
  """
  _remembered(_check, (_as_it_is(path),), length)


@functools.lru_cache(maxsize=_KNOWN)  # of those without fault
def _check(files, length):
  ((path, *_),) = files
  left = budget.Budget.of(path)
  for _, unpacked in headers(path):
    left.take_unpacked(unpacked)
  reader = array_record_module.ArrayRecordReader(str(path))
  try:
    found = reader.num_records()
  finally:
    reader.close()
  if found != length:
    raise ValueError(f"{path.name} has {found} records and should have {length}")


def _without_block_header(raw, place):
  """What is left of bytes that begin at `place` when a block's header in them is taken out."""
  block = -place % _BLOCK  # where the next one begins
  return raw[:block] + raw[block + _BLOCK_HEADER :]


def _end(place, length):
  """Where a chunk of `length` bytes that begins at `place` ends, with the blocks' headers in it."""
  usable = _BLOCK - _BLOCK_HEADER
  blocks = (length + (place + usable - 1) % _BLOCK) // usable
  return place + length + blocks * _BLOCK_HEADER
