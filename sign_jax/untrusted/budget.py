"""How much a file that others wrote may become: bytes when unpacked, memory, nesting.

A small file can ask for any amount: compression turns one byte into a thousand, and one byte of a
pickle or three of JSON make an object of 200. So every reader has a `Budget`, which grows with the
file: what no honest file of this size asks for is refused before it is there. Nothing here knows
the file's name: `Exceeded` is a `ValueError`, which each reader puts into its own sentence.
"""

import codecs
import io
import json
import os
import zipfile
import zlib

import numpy as np

PIECE = 1 << 20  # bytes that are unpacked at a time
_PACKED_PIECE = 1 << 16  # of what is packed: short, as each small member copies what follows it
MIN_UNPACKED, UNPACKED_PER_BYTE = 64 << 20, 16  # honest texts and numbers shrink 2 to 8 times
# Objects of honest pickles take 10 to 30 bytes for each of the file's, 30 to 120 where packed.
MIN_MEMORY, MEMORY_PER_BYTE, MEMORY_FROM = 192 << 20, 128, 4 << 20
MAX_NESTING = 64  # of lists and dicts: real files nest less than ten times
MIN_PARTS, PART_BYTES = 1000, 64  # entries of an archive, members of a gzip file
# Bytes that the values of JSON take at most: an entry of a dict with its key, an object, another.
_KEY, _STRUCTURE, _VALUE = 240, 160, 64
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others unpack megabytes at a time


class Exceeded(ValueError):
  """A file asks for more than its size warrants."""


class Budget:
  """What a file of a given size may become.

  Attributes:
    size: bytes on disk.
    unpacked: bytes left for decompression, of all parts of the file together.
    memory: bytes left for what is unpacked and for objects made of it, by rough prices.
    nesting: how deep lists and dicts may lie in one another.
    parts: how many are left: entries of an archive, or members of a gzip file.
  """

  def __init__(self, size, *, max_unpacked=None):
    """A budget for a file of `size` bytes, never above `max_unpacked` bytes unpacked."""
    self.size = size
    self.unpacked = max(MIN_UNPACKED, UNPACKED_PER_BYTE * size)
    if max_unpacked is not None:
      self.unpacked = min(self.unpacked, max_unpacked)
    self._max_unpacked = self.unpacked
    self.memory = MIN_MEMORY + MEMORY_PER_BYTE * max(size - MEMORY_FROM, 0)
    self.nesting = MAX_NESTING
    self.parts = MIN_PARTS + size // PART_BYTES

  @classmethod
  def of(cls, file, **options):
    """The budget of a path or of an open file."""
    stat = os.fstat(file.fileno()) if hasattr(file, "fileno") else os.stat(file)
    return cls(stat.st_size, **options)

  def take_unpacked(self, count):
    """Counts `count` more bytes, also as memory; raises `Exceeded`."""
    self.unpacked -= count
    if self.unpacked < 0:
      raise Exceeded(
        f"unpacked, it has more than {self._max_unpacked} bytes, too many for its {self.size}"
      )
    self.take_memory(count)

  def take_memory(self, count):
    """Counts `count` more bytes of objects; raises `Exceeded`."""
    self.memory -= count
    if self.memory < 0:
      raise self.too_many()

  def take_parts(self, count):
    """Counts `count` more parts; raises `Exceeded`."""
    self.parts -= count
    if self.parts < 0:
      raise Exceeded(f"it has far more parts than its {self.size} bytes warrant")

  def too_many(self):
    """The `Exceeded` of a file with too many objects."""
    return Exceeded(f"it holds far more objects than its {self.size} bytes warrant")


def read_all(file, budget):
  """The bytes of an open file to its end, each counted as unpacked before the next are read.

  Raises:
    Exceeded: there are more than the budget has.
  """
  content = io.BytesIO()
  while piece := file.read(PIECE):
    budget.take_unpacked(len(piece))
    content.write(piece)
  return content.getvalue()  # shares its memory


def gunzip(file, budget):
  """The bytes of an open gzip file, perhaps of several members, unpacked piece by piece.

  Raises:
    Exceeded: it unpacks to more than the budget has, or is in too many pieces.
    EOFError, zlib.error: it is cut short or damaged.
  """
  content, waiting = io.BytesIO(), file.read(_PACKED_PIECE)
  while waiting:
    budget.take_parts(1)
    member = zlib.decompressobj(31)  # gzip, with its checksum
    while not member.eof:
      if not waiting and not (waiting := file.read(_PACKED_PIECE)):
        raise EOFError("it is cut short")
      piece = member.decompress(waiting, PIECE)
      waiting = member.unconsumed_tail
      budget.take_unpacked(len(piece))
      content.write(piece)
    # Zeros may follow a member, as padding.
    waiting = member.unused_data.lstrip(b"\0") or file.read(_PACKED_PIECE).lstrip(b"\0")
  return content.getvalue()


def check_zip(archive, budget):
  """Checks an open `zipfile.ZipFile`: how many entries it has and how they are packed.

  An entry then unpacks to no more than its `file_size`, which the reader counts by
  `take_unpacked` for what it reads.

  Raises:
    Exceeded: too many entries.
    ValueError: two of one name, or one that is packed as neither PyTorch nor numpy pack.
  """
  entries = archive.infolist()
  budget.take_parts(len(entries))
  if len({entry.filename for entry in entries}) < len(entries):
    raise ValueError("two of its entries have one name")
  for entry in entries:
    if entry.compress_type not in _METHODS:
      raise ValueError(f"its entry {entry.filename[:80]} is packed in an unknown way")


def parse_json(data, budget=None):
  """Parses JSON, after its values are counted.

  Args:
    data: bytes in UTF-8, perhaps with byte order mark.
    budget: `Budget`, by default that of a file of these bytes. Its `memory` pays 240 bytes for
      each key, 160 for each list or object, and 64 for each other value; its `nesting` is how deep
      lists and objects may lie in one another.

  Returns:
    what `json.loads` gives.

  Raises:
    ValueError: no JSON, no UTF-8, nested too deep; `Exceeded`: too many values.
  """
  budget = budget or Budget(len(data))
  _count_values(data, budget)
  try:
    return json.loads(data.removeprefix(codecs.BOM_UTF8).decode())
  except RecursionError as error:
    raise ValueError("its lists and objects are nested too deep") from error


def _count_values(data, budget):
  # Without escapes, every quotation mark begins or ends a text.
  plain = data.replace(b"\\\\", b"").replace(b'\\"', b"")
  quotes = depth = 0
  for start in range(0, len(plain), PIECE):
    marks = np.frombuffer(plain[start : start + PIECE], np.uint8)
    before = np.cumsum(marks == ord('"'), dtype=np.int32) + quotes
    quotes = int(before[-1])
    marks = marks[before % 2 == 0]
    opened = (marks == ord("[")) | (marks == ord("{"))
    closed = (marks == ord("]")) | (marks == ord("}"))
    keys, commas, structures = (
      np.count_nonzero(x) for x in (marks == ord(":"), marks == ord(","), opened)
    )
    budget.take_memory(_KEY * keys + _STRUCTURE * structures + _VALUE * commas)
    depths = np.cumsum(opened.astype(np.int8) - closed, dtype=np.int32) + depth
    if depths.max(initial=0) > budget.nesting:
      raise ValueError(f"its lists and objects are nested more than {budget.nesting} times")
    depth = int(depths[-1]) if depths.size else depth


def read_json(path, max_bytes=None):
  """Reads a JSON file by `parse_json`.

  Args:
    path: pathlib.Path.
    max_bytes: a larger file is refused unread.

  Raises:
    ValueError: as `parse_json`, or the file is larger.
    OSError: it cannot be read.
  """
  with path.open("rb") as file:
    budget = Budget.of(file)
    if max_bytes is not None and budget.size > max_bytes:
      raise Exceeded(f"it has {budget.size} bytes, more than {max_bytes}")
    # A device or pipe has no size of its own.
    return parse_json(read_all(file, budget), budget)
