"""A shard of an index whose files are there: arrays are mapped, texts are read when asked for."""

import copy
import functools
import pathlib
from collections.abc import Mapping

import numpy as np

from sign_jax.errors import UserError, first_line
from sign_jax.search import array_files, entries, manifest
from sign_jax.search.entries import Entry
from sign_jax.search.manifest import Shard
from sign_jax.untrusted import budget


class OpenShard:
  """A shard whose files are there."""

  def __init__(self, folder: pathlib.Path, note: Shard, fields: Mapping) -> None:
    self.folder, self.note, self._fields = folder, note, fields
    self._arrays = {}

  def __len__(self) -> int:
    return self.note.clips

  def array(self, name: str) -> np.ndarray:
    """A field of all clips, mapped into memory."""
    if name not in self._arrays:
      file = manifest.file_of(name)
      self._arrays[name] = array_files.open_array(
          self.folder / file, self._fields[name], len(self), self.note.files[file]
      )
    return self._arrays[name]

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
      raise UserError(f"{path} is damaged ({first_line(error)}): build the index again") from error
