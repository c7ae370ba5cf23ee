"""A copy of an index without what was removed, its codes made for all that is there."""

import os
import pathlib
import secrets
import shutil
from collections.abc import Callable

import numpy as np
from tqdm import tqdm

from sign_jax.errors import UserError
from sign_jax.search import codes, fields, index_folder
from sign_jax.search.store import Store

_SHARD = 1024  # clips: few files, and a part for each of several processes
_FITTED = 1024  # clips from which the codes' directions are found


def compact(
    store: Store, folder: pathlib.Path, of_model: Callable[[np.ndarray], np.ndarray]
) -> Store:
  """Copies the clips that are not removed, in their order; who is killed leaves no index.

  Args:
    store: to be read.
    folder: of the copy, not there yet, or empty.
    of_model: function of stored tokens that gives them as a search reads them.

  Raises:
    UserError: there are no clips, the folder holds something, a damaged index, a full disk.
  """
  rows = np.flatnonzero(store.there())
  if not len(rows):
    raise UserError(f"{store.folder} has no clips")
  if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
    raise UserError(f"{folder} holds something already: choose another folder")
  for path, fault in store.verify():  # the copy's digests would be those of what is damaged
    if fault:
      raise UserError(f"{path} {fault}: get it anew, or build the index again")
  folder = folder.absolute()
  partial = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}.partial")
  try:
    _copy(store, Store.create(partial, store.manifest._replace(shards=(), basis=None)), rows,
          of_model)  # fmt: skip
    os.replace(partial, folder)
    index_folder.sync(folder.parent)
  except OSError as error:
    raise UserError(f"{folder} cannot be written ({error.strerror})") from error
  finally:
    shutil.rmtree(partial, ignore_errors=True)
  return Store(folder)


def _copy(store, copy, rows, of_model):
  names, basis = [name for name in store.manifest.fields if name != fields.CODES], None
  if fields.CODES in store.manifest.fields:
    some = rows[np.linspace(0, len(rows) - 1, min(len(rows), _FITTED)).astype(int)]
    tokens = of_model(store.read(some, ["features"])["features"])
    count = store.manifest.fields[fields.CODES].shape[-1] - 2
    basis = codes.fit(tokens.reshape(-1, tokens.shape[-1]), count)
  for start in tqdm(range(0, len(rows), _SHARD), "copying", unit="shard", mininterval=1):
    some = rows[start : start + _SHARD]
    arrays = store.read(some, names)
    if basis is not None:
      arrays[fields.CODES] = codes.encode(basis, of_model(arrays["features"]))
    clips = [store.entry(int(row)) for row in some]
    copy.append(arrays, clips, basis if not start else None)
