"""An index on disk: shards of arrays that never change, and a manifest that is replaced last.

    INDEX/manifest.json               of which run it is, its fields, its shards with their digests
    INDEX/basis.npy                   of the codes, see `codes`
    INDEX/shards/NUMBER-RANDOM/*.npy  a file for each field, and clips.json

Whoever is killed leaves the index as it was before, or as it is afterwards: a shard counts from the
moment at which a manifest names it, and none is written to afterwards. What is removed is only
named in the manifest. So readers go on with what they have opened while another process writes.
"""

import contextlib
import functools
import json
import os
import pathlib
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from sign_jax.errors import UserError, did_you_mean, first_line, shown
from sign_jax.files import claimed, replacing
from sign_jax.search import array_files, entries, manifest
from sign_jax.search.entries import Entry
from sign_jax.search.manifest import Manifest, Shard
from sign_jax.untrusted import budget

_SHARDS = "shards"
_BUILD = "build the index again"
_LARGEST_WEIGHT = 1.01  # of a token; rounding may leave it above 1


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

  @functools.cached_property
  def entries(self) -> list[Entry]:
    """`Entry` of each clip; raises UserError where the file is damaged."""
    path = self.folder / entries.FILE
    try:
      return entries.from_json(
          budget.read_json(path, self.note.files[entries.FILE].bytes), len(self)
      )
    except (OSError, ValueError, TypeError) as error:
      raise UserError(f"{path} is damaged ({first_line(error)}): {_BUILD}") from error


class Store:
  """The folder of an index, as it was when it was opened or last written to by this object.

  Clips have row numbers, from 0 in the order in which they were added; removed ones keep theirs.

  Attributes:
    folder: pathlib.Path.
    manifest: `manifest.Manifest`.
    shards: [`OpenShard`].
    first: of each shard, the row of its first clip; and the number of all rows.
  """

  def __init__(self, folder: pathlib.Path) -> None:
    """Opens an index; raises UserError where there is none, or it is damaged."""
    self.folder = pathlib.Path(folder)
    self.shards = []
    self._take(manifest.read(self.folder))

  @classmethod
  def create(cls, folder: pathlib.Path, header: Manifest) -> "Store":
    """An empty index of a manifest without shards.

    Raises:
      UserError: there is an index already, or the folder holds something else.
    """
    folder = pathlib.Path(folder)
    if (folder / manifest.FILE).exists():
      raise UserError(
          f"{folder} holds an index already: add to it with `python -m sign_jax.search add`, or "
          "choose another folder"
      )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
      raise UserError(f"{folder} holds something else than an index: choose another folder")
    try:
      folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
      raise UserError(f"{folder} cannot be made ({error.strerror})") from error
    with _claim(folder):
      _write_manifest(folder, header)
    return cls(folder)

  def _take(self, found):
    self.manifest = found
    there = {shard.note.name: shard for shard in self.shards}
    shards = []
    for note in found.shards:
      shard = there.get(note.name) or OpenShard(
          self.folder / _SHARDS / note.name, note, found.fields
      )
      shard.note = note
      shards.append(shard)
    self.shards = shards
    self.first = np.cumsum([0, *map(len, shards)])
    self.__dict__.pop("rows", None)

  def refresh(self) -> None:
    """Takes in what other processes have written."""
    self._take(manifest.read(self.folder))

  @functools.cached_property
  def rows(self) -> dict[str, int]:
    """{name of a clip: its row}, of those that are not removed."""
    found = {}
    for first, shard in zip(self.first[:-1], self.shards, strict=True):
      gone = set(shard.note.removed)
      for row, entry in enumerate(shard.entries):
        if row not in gone:
          found[entry.name] = int(first) + row
    return found

  def entry(self, row: int) -> Entry:
    """What is known of the clip in a row."""
    number = int(np.searchsorted(self.first, row, side="right")) - 1
    return self.shards[number].entries[row - int(self.first[number])]

  def there(self) -> np.ndarray:
    """(rows,) bool: which of them are not removed.

    Raises:
      UserError: a shard has not as many clips as the manifest says, for which no memory is taken.
    """
    for shard in self.shards:
      shard.entries  # noqa: B018 - read, which counts them
    found = np.ones(self.first[-1], bool)
    for first, shard in zip(self.first[:-1], self.shards, strict=True):
      found[first + np.array(shard.note.removed, int)] = False
    return found

  def read(self, rows: Sequence[int] | np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
    """{field: (n, ...)} of some rows, copied from the disk."""
    rows = np.asarray(rows, int)
    numbers = np.searchsorted(self.first, rows, side="right") - 1
    fields = self.manifest.fields
    found = {x: np.empty((len(rows), *fields[x].shape), fields[x].numpy) for x in names}
    for number in np.unique(numbers):
      places = np.flatnonzero(numbers == number)
      for name, array in found.items():
        array[places] = self.shards[number].array(name)[rows[places] - self.first[number]]
    return self._checked(found)

  def tiles(self, names: Sequence[str], size: int) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Yields (first row, {field: (n, ...)}) of all rows in order, `size` of them at a time."""
    waiting, count, row = [], 0, 0
    for shard in self.shards:
      for start, stop in _pieces(len(shard), size, count):
        waiting.append({x: shard.array(x)[start:stop] for x in names})
        count += stop - start
        if count == size:
          yield row, self._checked(_joined(waiting))
          waiting, count, row = [], 0, row + size
    if waiting:
      yield row, self._checked(_joined(waiting))

  def _checked(self, arrays):
    """The same; raises UserError on weights that no bound allows for, as damaged files have."""
    weights = arrays.get("weights")
    if weights is not None and not ((weights >= 0) & (weights <= _LARGEST_WEIGHT)).all():
      raise UserError(
          f"{self.folder} holds weights that are no shares: `python -m sign_jax.search verify` "
          "tells whether its files are damaged"
      )
    return arrays

  def append(
      self, arrays: Mapping[str, np.ndarray], clips: Sequence[Entry],
      basis: np.ndarray | None = None,
  ) -> None:
    """Adds a shard.

    Args:
      arrays: {field: (n, ...)}, all fields of the manifest.
      clips: n `Entry`s.
      basis: of the codes, where the index has none yet.

    Raises:
      UserError: names that are there already, a full disk, another process that writes.
    """
    entries.checked(list(clips))
    with self._writing():
      self._check_new(clips)
      if basis is not None and self.manifest.basis is not None:
        raise UserError(
            f"another process has added the first clips to {self.folder} meanwhile: add these again"
        )
      name = f"{len(self.manifest.shards):06d}-{secrets.token_hex(8)}"
      folder = self.folder / _SHARDS / name
      found, shard = self.manifest, None
      try:
        folder.mkdir(parents=True)
        notes = self._written(folder, arrays, list(clips))
        if basis is not None:
          with replacing(self.folder / manifest.BASIS) as partial:
            found = found._replace(basis=array_files.write(partial, basis))
        shard = Shard(name, len(clips), notes)
      finally:
        if shard is None:  # a full disk, for example: its room is given back
          shutil.rmtree(folder, ignore_errors=True)
      self._replace(found._replace(shards=(*found.shards, shard)))

  def _written(self, folder, arrays, clips):
    """{name: `Note`} of the files of a shard."""
    notes = {
        manifest.file_of(field): array_files.write(
            folder / manifest.file_of(field), _as_noted(array, self.manifest.fields[field])
        )
        for field, array in arrays.items()
    }
    content = json.dumps(entries.to_json(clips), ensure_ascii=False)
    notes[entries.FILE] = array_files.write_bytes(
        folder / entries.FILE, content.encode(errors="surrogatepass")
    )
    array_files.sync_folder(folder)
    array_files.sync_folder(folder.parent)
    return notes

  def _check_new(self, clips):
    for entry in clips:
      if entry.name in self.rows:
        raise UserError(
            f"the clip {shown(entry.name)} is in {self.folder} already: remove it first, or give "
            "the new one another name"
        )

  def remove(self, names: Sequence[str]) -> int:
    """Takes clips out; returns how many. Their numbers stay on the disk, and are never read.

    Raises:
      UserError: there is no clip of that name.
    """
    with self._writing():
      missing = [name for name in names if name not in self.rows]
      if missing:
        raise UserError(
            f"{self.folder} has no clip {shown(missing[0])}"
            f"{did_you_mean(str(missing[0])[:200], self.rows)}"
        )
      gone = np.unique([self.rows[name] for name in names]).astype(int)
      shards = []
      for first, shard in zip(self.first[:-1], self.manifest.shards, strict=True):
        own = gone[(first <= gone) & (gone < first + shard.clips)] - first
        removed = tuple(sorted({*shard.removed, *map(int, own)}))
        shards.append(shard._replace(removed=removed))
      self._replace(self.manifest._replace(shards=tuple(shards)))
    return len(gone)

  def snapshot(self, folder: pathlib.Path) -> "Store":
    """A copy of the index as it is here, which later changes do not reach.

    Files are linked where the file system can, as none of them ever changes, and else copied.
    """
    copy = Store.create(folder, self.manifest._replace(shards=()))
    with _claim(copy.folder):
      if self.manifest.basis:
        _link(self.folder / manifest.BASIS, copy.folder / manifest.BASIS)
      for shard in self.shards:
        target = copy.folder / _SHARDS / shard.note.name
        target.mkdir(parents=True)
        for file in shard.note.files:
          _link(shard.folder / file, target / file)
      copy._replace(self.manifest)
    return copy

  def basis(self) -> np.ndarray | None:
    """The basis of the codes, None where there is none yet."""
    if self.manifest.basis is None:
      return None
    path = self.folder / manifest.BASIS
    codes, tokens = self.manifest.fields["codes"], self.manifest.fields["features"]
    field = manifest.Field((tokens.shape[-1], codes.shape[-1] - 2), "float32")
    return array_files.open_array(path, field, None, self.manifest.basis)

  def files(self) -> Iterator[tuple[pathlib.Path, manifest.Note]]:
    """Yields every file beside the manifest, and what is noted of it."""
    if self.manifest.basis:
      yield self.folder / manifest.BASIS, self.manifest.basis
    for shard in self.shards:
      for name, note in shard.note.files.items():
        yield shard.folder / name, note

  def verify(self) -> Iterator[tuple[pathlib.Path, str]]:
    """Reads every file; yields (file, "" or what is wrong with it)."""
    for path, note in self.files():
      try:
        now = array_files.note_of(path)
      except OSError as error:
        yield path, f"cannot be read ({error.strerror})"
        continue
      if now.bytes != note.bytes:
        yield path, f"has {now.bytes} bytes, and not {note.bytes}"
      else:
        yield path, "" if now == note else "does not hold what was written (its digest differs)"

  @contextlib.contextmanager
  def _writing(self):
    """The only one that writes, with what others have written before."""
    with _claim(self.folder):
      self.refresh()
      shards = self.folder / _SHARDS
      if shards.is_symlink():
        raise UserError(f"{shards} is a link: an index is only added to in its place")
      self._clear()
      try:
        yield
      except OSError as error:
        raise UserError(f"{self.folder} cannot be written to ({error.strerror})") from error

  def _clear(self):
    """Deletes what a killed process has left: folders of shards that no manifest names."""
    known = {shard.name for shard in self.manifest.shards}
    for path in (self.folder / _SHARDS).glob("*"):
      if manifest.SHARD.fullmatch(path.name) and path.name not in known and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)

  def _replace(self, found):
    _write_manifest(self.folder, found)
    self._take(found)


def _pieces(rows, size, taken):
  """(start, stop) of pieces of some rows that fill up tiles, of the first of which some are."""
  start = 0
  while start < rows:
    stop = min(rows, start + size - taken % size)
    yield start, stop
    taken += stop - start
    start = stop


def _joined(parts):
  """One array of each field; a single part stays mapped to its file."""
  if len(parts) == 1:
    return parts[0]
  return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _write_manifest(folder, found):
  with replacing(folder / manifest.FILE) as partial:
    array_files.write_bytes(partial, json.dumps(manifest.to_json(found)).encode())
  array_files.sync_folder(folder)


def _as_noted(array, field):
  """`array` in the dtype of the field."""
  array = np.asarray(array).astype(field.numpy, copy=False)
  if array.shape[1:] != field.shape:
    raise ValueError(f"expected (n, *{field.shape}), got {array.shape}")
  return array


def _claim(folder):
  """Keeps a second writer out."""
  return claimed(folder, str(folder), "process", f"another process writes to {folder}: wait for it")


def _link(source, target):
  try:
    os.link(source, target)
  except OSError:
    shutil.copyfile(source, target)
