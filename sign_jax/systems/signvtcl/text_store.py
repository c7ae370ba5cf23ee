"""Features of sentences on disk, computed once by a frozen encoder.

A folder holds parts of some sentences each. A part is two files: NAME.npy, float32 (tokens,
channels) of its sentences one after the other, where NAME is the SHA-256 of that file; and
NAME.json, written last, with the key and the number of tokens of each sentence. Nothing is changed
once it is there, so that several processes may write to one folder. Damaged parts are removed.
"""

import contextlib
import hashlib
import io
import json
import pathlib
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from sign_jax.errors import first_line, printable
from sign_jax.files import replacing, sha256
from sign_jax.untrusted import budget as budgets

_MOST_BYTES = 64 << 20  # of a list of sentences
_DAMAGE = (
    FileNotFoundError, ValueError, KeyError, TypeError, IndexError, AttributeError, EOFError,
)


class Place(NamedTuple):
  """Where the features of a sentence lie.

  Attributes:
    path: of a part's .npy file.
    first: row of it.
    tokens: rows.
  """

  path: pathlib.Path
  first: int
  tokens: int


class Store:
  """A folder of features, of one encoder."""

  def __init__(self, folder: pathlib.Path) -> None:
    """The folder need not be there."""
    self._folder = folder

  def places(self) -> dict[str, Place]:
    """{key: where its features are}; reads all parts to see whether one is damaged."""
    found = {}
    for path in sorted(self._folder.glob("*.json")):
      try:
        found |= _part(path)
      except _DAMAGE as error:
        self._remove(path, error)
    return found

  def _remove(self, path, error):
    text = f"{path} is damaged ({first_line(error)}): its features are computed anew"
    print(printable(text), file=sys.stderr)
    for each in (path, path.with_suffix(".npy")):
      with contextlib.suppress(OSError):
        each.unlink()

  def write(self, keys: Sequence[str], features: Sequence[Float[np.ndarray, "_ E"]]) -> None:
    """Adds a part.

    Args:
      keys: of sentences.
      features: of the tokens of each.

    Raises:
      OSError: the folder cannot be written to.
    """
    self._folder.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    np.save(content, np.concatenate(features).astype(np.float32))
    name = hashlib.sha256(content.getbuffer()).hexdigest()
    with replacing(self._folder / f"{name}.npy") as partial:
      partial.write_bytes(content.getbuffer())
    rows = [[key, len(each)] for key, each in zip(keys, features, strict=True)]
    with replacing(self._folder / f"{name}.json") as partial:
      partial.write_text(json.dumps({"sentences": rows}))


def _part(path: pathlib.Path) -> dict[str, Place]:
  """The places of a part's sentences; raises one of `_DAMAGE` where it is damaged."""
  with path.open("rb") as file:
    text = file.read(_MOST_BYTES)
  listed = budgets.parse_json(text)["sentences"]
  array = path.with_suffix(".npy")
  if sha256(array) != path.stem:
    raise ValueError("its numbers are not those that were written")
  found, first = {}, 0
  for key, tokens in listed:
    if not isinstance(key, str) or not isinstance(tokens, int) or tokens < 1:
      raise ValueError("it does not list sentences")
    found[key] = Place(array, first, tokens)
    first += tokens
  rows = opened(array)
  if rows.ndim != 2 or rows.dtype != np.float32 or len(rows) != first:
    raise ValueError("it lists other sentences than it has numbers of")
  return found


def opened(path: pathlib.Path) -> Float[np.ndarray, "R E"]:
  """The rows of a part, which are read from the disk when they are looked at."""
  return np.load(path, mmap_mode="r", allow_pickle=False)


def key(*parts: Any) -> str:
  """A digest of what JSON can write: texts, numbers, lists of them."""
  digest = hashlib.sha256()
  for part in parts:
    content = json.dumps(part).encode()
    digest.update(len(content).to_bytes(8, "big"))
    digest.update(content)
  return digest.hexdigest()


def file_digest(path: pathlib.Path, notes: pathlib.Path) -> str:
  """SHA-256 of a large file, which is noted, so that a file that has not changed is read once.

  Args:
    path: of the file.
    notes: the folder to note it in, by the file's path, size and times.
  """
  stat = path.stat()
  now = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
  note = notes / f"{key(str(path.resolve()))[:32]}.json"
  with contextlib.suppress(*_DAMAGE), note.open("rb") as file:
    noted = json.loads(file.read(1000))
    if noted["file"] == now and isinstance(noted["sha256"], str):
      return noted["sha256"]
  found = sha256(path)
  notes.mkdir(parents=True, exist_ok=True)
  with replacing(note) as partial:
    partial.write_text(json.dumps({"file": now, "sha256": found}))
  return found
