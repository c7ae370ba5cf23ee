"""A copy of an index without what was removed, its codes made for all that is there."""

import contextlib
import os
import pathlib
import secrets
import shutil
from collections.abc import Iterator

import numpy as np
from tqdm import tqdm

from sign_jax.api.retrieval import RetrievalModel
from sign_jax.errors import UserError
from sign_jax.search import codes, fields, index_folder, manifest, words
from sign_jax.search.store import Store

_SHARD = 1024  # clips: few files, and a part for each of several processes
_FITTED = 1024  # clips from which the codes' directions are found
_GIB = 2**30


def compact(
    store: Store, folder: pathlib.Path, model: RetrievalModel | None = None
) -> Store:
  """Copies the clips that are not removed, in their order.

  Who is killed leaves no index, and a folder in which the same can be begun again.

  Args:
    store: to be read.
    folder: of the copy, not there yet, or empty.
    model: of the index; where it is known, codes suit the sentences of the clips too.

  Raises:
    UserError: there are no clips, the folder holds something, a damaged index, a full disk.
  """
  rows = np.flatnonzero(store.there())
  if not len(rows):
    raise UserError(f"{store.folder} has no clips")
  folder = folder.absolute()
  _check_room(store, folder, len(rows))
  _check_whole(store)
  with index_folder.begun(folder):
    with _inside(folder) as inside:
      copy = Store.create(inside, store.manifest._replace(shards=(), basis=None))
      _copy(store, copy, rows, model)
      _move(copy, folder)
  return Store(folder)


def _check_whole(store):
  for path, fault in store.verify():  # the copy's digests would be those of what is damaged
    if fault:
      raise UserError(f"{path} {fault}: get it anew, or build the index again")


def _check_room(store, folder, clips):
  needed = clips * sum(field.bytes for field in store.manifest.fields.values())
  there = next(path for path in (folder, *folder.parents) if path.exists())
  free = shutil.disk_usage(there).free
  if needed > free:
    raise UserError(
        f"the copy needs {needed / _GIB:.2f} GiB, and {folder} has {free / _GIB:.2f} left: make "
        "room, or choose another folder"
    )


@contextlib.contextmanager
def _inside(folder: pathlib.Path) -> Iterator[pathlib.Path]:
  """Where the copy grows: under the name of a shard that no manifest names, which the next one that
  begins in this folder deletes. It is gone afterwards, and where something fails, all else too.
  """
  shards = folder / index_folder.SHARDS
  path = shards / f"000000-{secrets.token_hex(8)}"
  try:
    yield path
  except BaseException:  # its room is given back
    shutil.rmtree(shards, ignore_errors=True)
    raise
  shutil.rmtree(path)


def _copy(store, copy, rows, model):
  names, basis = [name for name in store.manifest.fields if name != fields.CODES], None
  if fields.CODES in store.manifest.fields:
    some = rows[np.linspace(0, len(rows) - 1, min(len(rows), _FITTED)).astype(int)]
    tokens = _as_coded(store.read(some, ["features"])["features"])
    count = store.manifest.fields[fields.CODES].shape[-1] - 2
    texts = [] if model is None else [store.entry(int(row)).text for row in some]
    basis = codes.fit(tokens.reshape(-1, tokens.shape[-1]), count, words.of(model, texts))
  for start in tqdm(range(0, len(rows), _SHARD), "copying", unit="shard", mininterval=1):
    some = rows[start : start + _SHARD]
    arrays = store.read(some, names)
    if basis is not None:
      arrays[fields.CODES] = codes.encode(basis, _as_coded(arrays["features"]))
    clips = [store.entry(int(row)) for row in some]
    copy.append(arrays, clips, basis if not start else None)


def _as_coded(tokens):
  return tokens.astype(codes.read_dtype(tokens.dtype))


def _move(copy, folder):
  """Takes the files of the copy to their places in the folder around it, the manifest last."""
  parents = {folder / index_folder.SHARDS}
  for path, _ in copy.files():
    target = folder / path.relative_to(copy.folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(path, target)
    parents.add(target.parent)
  for path in sorted(parents):
    index_folder.sync(path)
  index_folder.sync(folder)
  os.replace(copy.folder / manifest.FILE, folder / manifest.FILE)
  index_folder.sync(folder)
