"""Where TFDS keeps the examples of a split that is too large for memory, without TensorFlow.

TFDS writes examples that take more than 1000 MiB to a thousand files by key, and reads these one
after the other; its own class for that needs TensorFlow, which this library does without.
"""

import contextlib
import pathlib
import struct

from tensorflow_datasets.core import shuffle

_HEAD = struct.Struct("=QQQ")  # the key's upper and lower half, and the length of the example
_LOWER = 2**64


class Bucket:
  """A file of (key, serialized example), with the interface of TFDS's class.

  It is open while something is written or read only: a thousand open files are too many for most
  systems.
  """

  def __init__(self, path):
    self._path, self._length, self.size = pathlib.Path(path), 0, 0

  def __len__(self):
    return self._length

  def add(self, key, data):
    """Appends an example; `key` is an int in [0, 2**128)."""
    self._path.parent.mkdir(parents=True, exist_ok=True)
    with self._path.open("ab") as file:
      file.write(_HEAD.pack(*divmod(key, _LOWER), len(data)) + data)
    self._length, self.size = self._length + 1, self.size + len(data)

  def flush(self):
    """Nothing is left to write."""

  def read_values(self):
    """Yields what was added."""
    if not self._length:
      return
    with self._path.open("rb") as file:
      while head := file.read(_HEAD.size):
        upper, lower, length = _HEAD.unpack(head)
        yield upper * _LOWER + lower, file.read(length)

  def del_file(self):
    """Removes the file, if there is one."""
    self._path.unlink(missing_ok=True)


@contextlib.contextmanager
def used_by_tfds():
  """Lets TFDS use these while the block runs."""
  before = shuffle._Bucket
  shuffle._Bucket = Bucket
  try:
    yield
  finally:
    shuffle._Bucket = before
