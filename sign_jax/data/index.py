"""Captions and lengths of a split's videos, noted in a small file beside its large records."""

import contextlib
import hashlib
import json

import numpy as np
from tqdm import tqdm

from sign_jax.data import digest
from sign_jax.files import replacing
from sign_jax.untrusted import budget

_QUIET_SECONDS = 2  # before a bar is shown


def columns(source, streams):
  """Texts and lengths of all examples of a split, in its order.

  They are read from `index-SPLIT.json` in the data set's folder; where that file is missing, of
  other records or another split, or damaged, every record is read once, and the file is written if
  the folder can be written to and the digest of these very records is noted there. A part of a
  split, "train[:10%]", has no file.

  Args:
    source: `records.SplitSource`.
    streams: names of its features that are arrays (windows, ...).

  Returns:
    {text field: list of str, stream: list of int, the number of windows}.

  Raises:
    UserError: the records are damaged.
  """
  kinds = {**dict.fromkeys(source.text_fields, str), **dict.fromkeys(streams, int)}
  return _noted(source, "index", kinds, lambda: _scan(source, streams))


def reasons(source, name, find):
  """Why examples of a split are left out, noted beside the records as `columns` are.

  Args:
    source: `records.SplitSource`.
    name: begins the file's name; another one for every other `find`.
    find: function of nothing that yields a text for each example, "" where it is kept.

  Returns:
    list of str.
  """
  return _noted(source, name, {"reason": str}, lambda: {"reason": list(find())})["reason"]


def _noted(source, name, kinds, find):
  """{column: list} from a file beside the records, or from `find`, which is then noted there."""
  path = source.folder / f"{name}-{source.split}.json"
  records = digest.noted(source.description) if source.split.isidentifier() else None
  noted = read(path, records) if records else None
  if _fits(noted, source, kinds):
    return noted
  found = find()
  if records:
    with contextlib.suppress(OSError):  # a folder that is only read: each start looks anew
      _write(path, records, found)
  return found


def _scan(source, streams):
  fields = (*source.text_fields, *streams)
  examples = source.read(range(len(source)), fields)
  return collect(source, streams, tqdm(
    examples, f"captions of {source.split}", len(source), unit="video", delay=_QUIET_SECONDS
  ))  # fmt: skip


def collect(source, streams, examples):
  """As `columns`, from examples of the split that are read already: dicts with these fields."""
  found = {field: [] for field in (*source.text_fields, *streams)}
  for example in examples:
    for field, column in found.items():
      value = example[field]
      column.append(len(value) if isinstance(value, np.ndarray) else value)
  return found


def _fits(noted, source, kinds):
  return isinstance(noted, dict) and noted.keys() == kinds.keys() and all(
    isinstance(noted[field], list)
    and len(noted[field]) == len(source)
    and all(type(value) is kind for value in noted[field])
    for field, kind in kinds.items()
  )


def read(path, records):
  """The columns that were noted in a file for records of this digest, under this name, or None."""
  try:
    content = budget.read_json(path)
    columns = content["columns"]
    return columns if content == _content(path, records, columns) else None
  except (OSError, ValueError, TypeError, KeyError):
    return None  # missing or damaged


def _write(path, records, found):
  """Writes the file whole or not at all; several processes may do so at a time."""
  with replacing(path) as partial:
    partial.write_text(json.dumps(_content(path, records, found)))


def _content(path, records, columns):
  # With its name, as two splits of one size could be taken for each other.
  facts = {"records": records, "name": path.name}
  return {**facts, "sha256": _sum({**facts, "columns": columns}), "columns": columns}


def _sum(found):
  return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()
