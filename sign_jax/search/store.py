"""An index on disk: shards of arrays that never change, and a manifest that is replaced last.

    INDEX/manifest.json               of which run it is, its fields, its shards with their digests
    INDEX/basis-DIGEST.npy            of the codes, see `codes`
    INDEX/shards/NUMBER-RANDOM/*.npy  a file for each field, and clips.json

Whoever is killed leaves the index as it was before, or as it is afterwards: a shard counts from the
moment at which a manifest names it, and none is written to afterwards. What is removed is only
named in the manifest. So readers go on with what they have opened while another process writes.
A new index counts from the moment at which it has a manifest, see `index_folder`.
"""

import contextlib
import functools
import hashlib
import json
import pathlib
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from sign_jax.errors import UserError, did_you_mean, shown
from sign_jax.files import replacing
from sign_jax.search import array_files, entries, index_folder, manifest
from sign_jax.search.entries import Entry
from sign_jax.search.manifest import Manifest, Shard
from sign_jax.search.open_shard import OpenShard

_LARGEST_WEIGHT = 1.01  # of a token; rounding may leave it above 1


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
    self.refresh()

  @classmethod
  def create(cls, folder: pathlib.Path, header: Manifest) -> "Store":
    """An empty index of a manifest without shards.

    Raises:
      UserError: there is an index already, or the folder holds something else.
    """
    folder = pathlib.Path(folder)
    with index_folder.begun(folder):
      _write_manifest(folder, header)
    return cls(folder)

  def _take(self, found):
    self.manifest = found
    there = {shard.note.name: shard for shard in self.shards}
    shards = []
    for note in found.shards:
      known = there.get(note.name)
      path = self.folder / index_folder.SHARDS / note.name
      shards.append(known.noted(note) if known else OpenShard(path, note, found.fields))
    self.shards = shards
    self.first = np.cumsum([0, *map(len, shards)])
    for name in ("rows", "_cut"):
      self.__dict__.pop(name, None)

  def refresh(self) -> None:
    """Takes in what other processes have written."""
    self._stamp = self._now()
    self._take(manifest.read(self.folder))

  @property
  def is_current(self) -> bool:
    """Whether nobody else has written since this was read or written; False where none can tell."""
    return self._stamp is not None and self._stamp == self._now()

  def _now(self):
    """What tells one manifest from the next, as each is a new file; None where there is none."""
    try:
      found = (self.folder / manifest.FILE).stat()
    except OSError:
      return None
    return found.st_ino, found.st_size, found.st_mtime_ns

  @functools.cached_property
  def rows(self) -> dict[str, int]:
    """{name of a clip: its row}, of those that are not removed."""
    return {entry.name: row for row, entry in self.clips()}

  def clips(self) -> Iterator[tuple[int, Entry]]:
    """Yields (row, `Entry`) of the clips that are not removed."""
    for first, shard in zip(self.first[:-1], self.shards, strict=True):
      gone = set(shard.note.removed)
      for row, entry in enumerate(shard.entries):
        if row not in gone:
          yield int(first) + row, entry

  @functools.cached_property
  def _cut(self):
    """Names of what is there in parts."""
    return {entry.cut_from for _, entry in self.clips()} - {""}

  def has_video(self, name: str) -> bool:
    """Whether a video, or a clip that a table lists, is there: whole or in parts."""
    row = self.rows.get(name)
    return name in self._cut or row is not None and not self.entry(row).cut_from

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
    row = 0
    for pieces in _tiles(self.shards, size):
      yield row, self._checked(self._joined(pieces, names))
      row += size

  def _joined(self, pieces, names):
    """One array of each field; a single piece stays mapped to its file, others are let go."""
    if len(pieces) == 1:
      ((shard, start, stop),) = pieces
      return {name: shard.array(name)[start:stop] for name in names}
    ends = np.cumsum([0, *(stop - start for _, start, stop in pieces)])
    fields = self.manifest.fields
    found = {x: np.empty((ends[-1], *fields[x].shape), fields[x].numpy) for x in names}
    for (shard, start, stop), first, end in zip(pieces, ends[:-1], ends[1:], strict=True):
      for name, array in found.items():
        array[first:end] = shard.array(name)[start:stop]
    return found

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
    with self._writing() as is_alone:
      self._check_new(clips)
      if basis is not None and self.manifest.basis is not None:
        raise UserError(
            f"another process has added the first clips to {self.folder} meanwhile: add these again"
        )
      name = f"{len(self.manifest.shards):06d}-{secrets.token_hex(8)}"
      folder = self.folder / index_folder.SHARDS / name
      found = self.manifest
      try:
        folder.mkdir(parents=True)
        notes = self._written(folder, arrays, list(clips))
        if basis is not None:
          found = found._replace(basis=self._write_basis(basis))
        shard = Shard(name, len(clips), notes)
        self._check_unchanged(is_alone)
      except BaseException:  # a full disk, for example: its room is given back
        shutil.rmtree(folder, ignore_errors=True)
        raise
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
    index_folder.sync(folder)
    index_folder.sync(folder.parent)
    return notes

  def _check_new(self, clips):
    for entry in clips:
      if entry.name in self.rows:
        raise UserError(
            f"the clip {shown(entry.name)} is in {self.folder} already: remove it first, or give "
            "the new one another name"
        )

  def remove(self, names: Sequence[str] = (), sources: Sequence[str] = ()) -> int:
    """Takes clips out; returns how many. Their numbers stay on the disk, and are never read.

    Args:
      names: of clips.
      sources: of videos, all clips of which go.

    Raises:
      UserError: there is no clip of such a name or video.
    """
    with self._writing() as is_alone:
      gone = np.unique([*self._rows_of(names), *self._rows_of_sources(sources)]).astype(int)
      shards = []
      for first, shard in zip(self.first[:-1], self.manifest.shards, strict=True):
        own = gone[(first <= gone) & (gone < first + shard.clips)] - first
        removed = tuple(sorted({*shard.removed, *map(int, own)}))
        shards.append(shard._replace(removed=removed))
      self._check_unchanged(is_alone)
      self._replace(self.manifest._replace(shards=tuple(shards)))
    return len(gone)

  def _rows_of(self, names):
    for name in names:
      if name not in self.rows:
        raise self._no_such("clip", name, self.rows)
    return [self.rows[name] for name in names]

  def _rows_of_sources(self, sources):
    there = {}
    for row, entry in self.clips() if sources else ():
      if entry.source:
        there.setdefault(entry.source, []).append(row)
    for source in sources:
      if source not in there:
        raise self._no_such("clips of the video", source, there)
    return [row for source in sources for row in there[source]]

  def _no_such(self, what, name, there):
    return UserError(
        f"{self.folder} has no {what} {shown(name)}{did_you_mean(str(name)[:200], there)}"
    )

  def snapshot(self, folder: pathlib.Path) -> "Store":
    """A copy of the index as it is here, which later changes do not reach.

    Files are linked where the file system can, as none of them ever changes, and else copied.
    """
    folder = pathlib.Path(folder)
    with index_folder.begun(folder):
      if self.manifest.basis:
        index_folder.link(self._basis_file, folder / manifest.basis_of(self.manifest.basis))
      for shard in self.shards:
        target = folder / index_folder.SHARDS / shard.note.name
        target.mkdir(parents=True)
        for file in shard.note.files:
          index_folder.link(shard.folder / file, target / file)
        index_folder.sync(target)
        index_folder.sync(target.parent)
      _write_manifest(folder, self.manifest)
    return Store(folder)

  @property
  def _basis_file(self):
    path = self.folder / manifest.basis_of(self.manifest.basis)
    earlier = self.folder / "basis.npy"  # its name in earlier versions
    return earlier if earlier.exists() and not path.exists() else path

  def _write_basis(self, basis):
    """`Note` of a file that nobody reads until a manifest names it."""
    content = array_files.content(basis)
    note = manifest.Note(len(content), hashlib.sha256(content).hexdigest())
    with replacing(self.folder / manifest.basis_of(note)) as partial:
      return array_files.write_bytes(partial, content)

  def basis(self) -> np.ndarray | None:
    """The basis of the codes, None where there is none yet."""
    if self.manifest.basis is None:
      return None
    codes, tokens = self.manifest.fields["codes"], self.manifest.fields["features"]
    field = manifest.Field((tokens.shape[-1], codes.shape[-1] - 2), "float32")
    return array_files.open_array(self._basis_file, field, None, self.manifest.basis)

  def files(self) -> Iterator[tuple[pathlib.Path, manifest.Note]]:
    """Yields every file beside the manifest, and what is noted of it."""
    if self.manifest.basis:
      yield self._basis_file, self.manifest.basis
    for shard in self.shards:
      for name, note in shard.note.files.items():
        yield shard.folder / name, note

  def verify(self) -> Iterator[tuple[pathlib.Path, str]]:
    """Reads every file; yields (file, "" or what is wrong with it)."""
    yield self.folder / manifest.FILE, manifest.fault(self.folder)
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
    """The only one that writes, with what others have written before; yields whether it is."""
    with index_folder.writing(self.folder) as is_alone:
      index_folder.check_in_place(self.folder)
      self.refresh()
      if is_alone:  # else it may be what another one writes just now
        known = {shard.name for shard in self.manifest.shards}
        if self.manifest.basis:
          known.add(self._basis_file.name)
        index_folder.clear(self.folder, known)
      yield is_alone

  def _check_unchanged(self, is_alone):
    """Without locks, another writer may have been quicker: what it has added must not be lost."""
    if not is_alone and manifest.read(self.folder) != self.manifest:
      raise UserError(f"another process has written to {self.folder} meanwhile: try again")

  def _replace(self, found):
    self._stamp = None  # whose manifest is there, if another one is as quick, is not known
    _write_manifest(self.folder, found)
    self._take(found)


def _tiles(shards, size):
  """Yields [(shard, start, stop)], pieces of shards in their order that make `size` clips."""
  pieces, left = [], size
  for shard in shards:
    start = 0
    while start < len(shard):
      stop = min(len(shard), start + left)
      pieces.append((shard, start, stop))
      left -= stop - start
      start = stop
      if not left:
        yield pieces
        pieces, left = [], size
  if pieces:
    yield pieces


def _write_manifest(folder, found):
  index_folder.sync(folder)  # first the names of what it names
  with replacing(folder / manifest.FILE) as partial:
    array_files.write_bytes(partial, json.dumps(manifest.to_json(found)).encode())
  index_folder.sync(folder)


def _as_noted(array, field):
  """`array` in the dtype of the field."""
  array = np.asarray(array).astype(field.numpy, copy=False)
  if array.shape[1:] != field.shape:
    raise ValueError(f"expected (n, *{field.shape}), got {array.shape}")
  return array
