"""A shard of an index whose files are there: arrays are mapped, texts are read when asked for."""

import collections
import copy
import functools
import pathlib
import resource
import threading
import weakref
from collections.abc import Mapping

import numpy as np

from sign_jax.errors import UserError, first_line, sentences
from sign_jax.search import array_files, entries, manifest
from sign_jax.search.entries import Entry
from sign_jax.search.manifest import Shard
from sign_jax.untrusted import budget

# Of the files that a process may have open: others need some too.
_SHARE, _LEAST, _MOST = 4, 16, 4096


class _Mapped:
  """`arrays` {field: array} of a shard, from which go those not used for longest; see `_Used`."""

  def __init__(self):
    self.arrays = {}


class _Used:
  """Which arrays of all shards are mapped, in the order of their last use.

  Each keeps a file open, of which systems grant a process some hundred, and an archive has more.
  """

  def __init__(self):
    self._order, self._lock = collections.OrderedDict(), threading.Lock()

  def note(self, mapped, name):
    """Notes that one is used, and lets go what was not for longest."""
    with self._lock:
      key = weakref.ref(mapped), name
      self._order[key] = None
      self._order.move_to_end(key)
      while len(self._order) > _most():
        (old, its), _ = self._order.popitem(last=False)
        if (found := old()) is not None:
          found.arrays.pop(its, None)


_used = _Used()


def _most():
  allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
  if allowed == resource.RLIM_INFINITY:
    return _MOST
  return min(max(allowed // _SHARE, _LEAST), _MOST)


class OpenShard:
  """A shard whose files are there."""

  def __init__(self, folder: pathlib.Path, note: Shard, fields: Mapping) -> None:
    self.folder, self.note, self._fields = folder, note, fields
    self._mapped, self._held = _Mapped(), {}

  def __len__(self) -> int:
    return self.note.clips

  def array(self, name: str) -> np.ndarray:
    """A field of all clips, mapped into memory; its file is open for as long as this is kept."""
    if name in self._held:
      return self._held[name]
    found = self._mapped.arrays.get(name)
    if found is None:
      file = manifest.file_of(name)
      found = array_files.open_array(
          self.folder / file, self._fields[name], len(self), self.note.files[file]
      )
      self._mapped.arrays[name] = found
    _used.note(self._mapped, name)
    return found

  def hold(self, name: str, array: np.ndarray) -> None:
    """Gives this array for a field from now on, such as a copy in memory, and maps no file."""
    self._held[name] = array

  def noted(self, note: Shard) -> "OpenShard":
    """The same shard of another manifest, with what is open of it."""
    found = copy.copy(self)
    found.note = note
    return found

  @functools.cached_property
  def entries(self) -> list[Entry]:
    """`Entry` of each clip; raises UserError where the file is damaged."""
    path = self.folder / entries.FILE
    try:
      array_files.size_of(path)  # a pipe would be waited for
      return entries.from_json(
          budget.read_json(path, self.note.files[entries.FILE].bytes), len(self)
      )
    except (OSError, ValueError, TypeError) as error:
      if sentences.is_passing(error):
        raise
      raise UserError(f"{path} is damaged ({first_line(error)}): build the index again") from error
