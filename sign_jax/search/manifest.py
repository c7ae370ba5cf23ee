"""What an index says of itself, in manifest.json: of which run it is, its fields and its shards.

An index may come from a stranger: every value is checked before it is used.
"""

import hashlib
import json
import math
import pathlib
import re
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from sign_jax.errors import UserError, first_line, shown
from sign_jax.search import entries
from sign_jax.untrusted import budget

FILE = "manifest.json"
BASIS = re.compile(r"basis(-[0-9a-f]{64})?\.npy")  # without a digest in earlier versions
FORMAT, VERSION = "sign_jax.search", 1
STORAGES = ("exact", "float16")
SHARD = re.compile(r"\d{6,9}-[0-9a-f]{16}")
_FIELD = re.compile(r"[a-z][a-z0-9_]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_DIGEST_KEY = "digest"
_KEYS = {"format", "version", "run", "storage", "fields", "basis", "shards", _DIGEST_KEY}
_DTYPES = {
    **{name: np.dtype(name) for name in ("bool", "int32", "float16", "float32", "float64")},
    "bfloat16": np.dtype(jnp.bfloat16),
}
_MAX_BYTES = 256 << 20  # a million shards have less
_MAX_CLIPS, _MAX_SIDE, _MAX_ITEM = 2**31, 2**24, 2**28
_MAX_FIELDS, _MAX_FACTS, _LONGEST = 64, 64, 1000


class Field(NamedTuple):
  """An array of each clip: its shape and the name of its dtype."""

  shape: tuple[int, ...]
  dtype: str

  @property
  def numpy(self) -> np.dtype:
    return _DTYPES[self.dtype]

  @property
  def bytes(self) -> int:
    """Of one clip."""
    return math.prod(self.shape) * self.numpy.itemsize


class Note(NamedTuple):
  """What is noted of a file."""

  bytes: int
  sha256: str


class Shard(NamedTuple):
  """Some clips, which were added together.

  Attributes:
    name: of its folder.
    clips: how many they are.
    files: {name: `Note`}.
    removed: rows that count no more.
  """

  name: str
  clips: int
  files: dict[str, Note]
  removed: tuple[int, ...] = ()


class Manifest(NamedTuple):
  """All of it.

  Attributes:
    run: of which model the arrays are, {name: text}; see `origin`.
    storage: one of STORAGES.
    fields: {name: `Field`}.
    basis: of the file of the codes' basis; None where there is none.
    shards: in the order in which they were added.
  """

  run: dict[str, str]
  storage: str
  fields: dict[str, Field]
  basis: Note | None = None
  shards: tuple[Shard, ...] = ()

  @property
  def files(self) -> list[str]:
    """Names of the files of a shard."""
    return [*(file_of(name) for name in self.fields), entries.FILE]


def file_of(field: str) -> str:
  """The name of a field's file."""
  return f"{field}.npy"


def basis_of(note: Note) -> str:
  """The name of the file of a basis, by its content: those of two writers cannot meet."""
  return f"basis-{note.sha256}.npy"


def to_json(manifest: Manifest) -> dict[str, Any]:
  """JSON values, with a digest of all others."""
  shards = [
      {"name": shard.name, "clips": shard.clips, "removed": list(shard.removed),
       "files": {name: list(note) for name, note in shard.files.items()}}
      for shard in manifest.shards
  ]  # fmt: skip
  fields = {name: [list(field.shape), field.dtype] for name, field in manifest.fields.items()}
  content = {
      "format": FORMAT, "version": VERSION, "run": manifest.run, "storage": manifest.storage,
      "fields": fields, "basis": manifest.basis and list(manifest.basis), "shards": shards,
  }  # fmt: skip
  return {**content, _DIGEST_KEY: digest_of(content)}


def digest_of(content: dict[str, Any]) -> str:
  """Of the JSON values of a manifest without their digest: however they are written down."""
  text = json.dumps(content, sort_keys=True, separators=(",", ":"))
  return hashlib.sha256(text.encode()).hexdigest()


def read(folder: pathlib.Path) -> Manifest:
  """The manifest of an index.

  Raises:
    UserError: there is no index, or none of this version, or it is damaged.
  """
  path = folder / FILE
  if not path.is_file():
    raise UserError(
        f"{folder} holds no index: make one with `python -m sign_jax.search build`"
    )
  try:
    return _read(path)
  except (ValueError, KeyError, TypeError) as error:
    raise UserError(
        f"{path} is not the manifest of an index ({first_line(error)}): get it anew, or build the "
        "index again"
    ) from error


def fault(folder: pathlib.Path) -> str:
  """What is wrong with the manifest, "" where nothing is."""
  path = folder / FILE
  if not path.is_file():
    return "is missing"
  try:
    _read(path)
  except (OSError, ValueError, KeyError, TypeError) as error:
    return f"is not the manifest of an index ({first_line(error)})"
  return ""


def _read(path):
  content = budget.read_json(path, _MAX_BYTES)
  if not isinstance(content, dict) or content.get("format") != FORMAT:
    raise ValueError("it is of something else")
  if content.get("version") != VERSION:
    raise ValueError(f"it is of version {shown(content.get('version'))}, and not of {VERSION}")
  found = _parsed(content)
  _check_digest(content)
  return found


def _check_digest(content):
  """Whether it holds what was written; manifests of earlier versions have no digest."""
  if unknown := set(content) - _KEYS:
    raise ValueError(f"it says {shown(min(unknown))}, which is not known")
  noted = content.pop(_DIGEST_KEY, None)
  if noted is not None and noted != digest_of(content):
    raise ValueError("it does not hold what was written: its digest differs")


def _parsed(content):
  run, fields = content["run"], content["fields"]
  texts = lambda x: isinstance(x, str) and len(x) <= _LONGEST
  if not isinstance(run, dict) or len(run) > _MAX_FACTS or not all(map(texts, run.values())):
    raise ValueError("its run is not told in texts")
  if not isinstance(fields, dict) or not 0 < len(fields) <= _MAX_FIELDS:
    raise ValueError("it has no fields")
  if content["storage"] not in STORAGES:
    raise ValueError(f"its storage is {shown(content['storage'])}")
  found = Manifest(
      run, content["storage"], {name: _field(name, x) for name, x in fields.items()},
      content["basis"] and _note(content["basis"], "the basis"),
  )
  if not isinstance(content["shards"], list):
    raise ValueError("its shards are no list")
  shards = tuple(_shard(x, found) for x in content["shards"])
  if len({shard.name for shard in shards}) < len(shards):
    raise ValueError("two of its shards have one name")
  return found._replace(shards=shards)


def _field(name, value):
  if not _FIELD.fullmatch(name):
    raise ValueError(f"a field is called {shown(name)}")
  shape, dtype = value
  if dtype not in _DTYPES or not isinstance(shape, list) or len(shape) > 4:
    raise ValueError(f"the field {name} is of an unknown kind")
  if not all(_is_count(side, _MAX_SIDE) for side in shape):
    raise ValueError(f"the field {name} has the shape {shown(shape)}")
  field = Field(tuple(shape), dtype)
  if field.bytes > _MAX_ITEM:
    raise ValueError(f"the field {name} has {field.bytes} bytes for each clip")
  return field


def _note(value, what):
  size, digest = value
  if not _is_count(size, 2**63) or not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
    raise ValueError(f"what is noted of {what} is no size and digest")
  return Note(size, digest)


def _shard(value, manifest):
  name, clips, files, removed = (value[x] for x in ("name", "clips", "files", "removed"))
  # A name of ours has no dots and no slashes: it leads nowhere else.
  if not isinstance(name, str) or not SHARD.fullmatch(name):
    raise ValueError(f"a shard is called {shown(name)}")
  if not _is_count(clips, _MAX_CLIPS):
    raise ValueError(f"the shard {name} has {shown(clips)} clips")
  if not isinstance(files, dict) or set(files) != set(manifest.files):
    raise ValueError(f"the shard {name} has other files than an index")
  is_row = lambda row: type(row) is int and 0 <= row < clips
  if not isinstance(removed, list) or not all(map(is_row, removed)):
    raise ValueError(f"the shard {name} has lost clips that it never had")
  notes = {file: _note(x, f"{name}/{file}") for file, x in files.items()}
  return Shard(name, clips, notes, tuple(removed))


def _is_count(value, most):
  return type(value) is int and 0 < value <= most
