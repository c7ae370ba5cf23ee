"""A data set in parts: several processes or machines write one each, and one joins them.

A part holds the examples of every n-th video, in one ArrayRecord file for each split. It is written
under another name and renamed when it is whole, so a part that is there is complete. Joining is a
build whose examples come from the parts, so the result is that of a build in one piece.
"""

import json
import os
import pathlib
import shutil
import socket

from array_record.python import array_record_data_source
from tqdm import tqdm

from data_builders.corpus.findings import Skip
from data_builders.writing import array_records, schema
from sign_jax.errors import UserError, sentences
from sign_jax.untrusted import budget

_FACTS = "part.json"
_READ_AT_ONCE = 64


def place(folder, part):
  """Folder of a part of the data set that will lie in `folder`."""
  return _root(folder) / f"of_{part[1]}" / str(part[0])


def started(folder):
  """The numbers of parts, in rising order, of which somebody has begun to write some."""
  found = {path.parent.name[3:] for path in _root(folder).glob("of_*/*") if path.is_dir()}
  return sorted(int(number) for number in found if number.isdecimal())


def missing(folder, n, source):
  """Which of the n parts are not there, or were made from other files: [k]."""
  parts = ((k, n) for k in range(1, n + 1))
  return [part[0] for part in parts if not is_complete(place(folder, part), source)]


def is_complete(path, source):
  """Whether a part is there and made from the user's files as they are now."""
  return _facts(path).get("source") == source


def write(builder, path, source):
  """Writes the part that `builder.part` names into the folder `path`, whole or not at all."""
  for remains in path.parent.glob(f".{path.name}.*.partial"):
    shutil.rmtree(remains, ignore_errors=True)
  partial = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.partial")
  partial.mkdir(parents=True)
  try:
    before = len(builder.findings.skips)  # what the annotations skip, each part finds
    counts = {
      split: _write_split(builder, examples, partial / f"{split}.array_record")
      for split, examples in builder._split_generators(None).items()
    }
    facts = {
      "source": source, "examples": counts, "skips": builder.findings.skips[before:],
      "counts": builder.counts,
    }
    (partial / _FACTS).write_text(json.dumps(facts))
    shutil.rmtree(path, ignore_errors=True)  # one that was made from other files
    partial.rename(path)
  finally:
    shutil.rmtree(partial, ignore_errors=True)


def join(builder, folder, n):
  """Lets a builder take its examples from the parts, and adds what they have skipped.

  Returns:
    The digest of the user's files from which the parts were made.
  """
  paths = [place(folder, (k, n)) for k in range(1, n + 1)]
  facts = [_facts(path) for path in paths]
  builder.findings.skips += [Skip(*skip) for fact in facts for skip in fact["skips"]]
  for fact in facts:
    for name, counted in fact.get("counts", {}).items():
      builder.counts[name].update(counted)
  splits = {
    split: schema.not_empty(
      _examples(builder, split, list(zip(paths, facts, strict=True))), split, builder.findings
    )
    for split in facts[0]["examples"]
  }
  builder._split_generators = lambda dl_manager: splits  # where TFDS asks for them
  return facts[0]["source"]


def remove(folder):
  """Deletes all parts."""
  shutil.rmtree(_root(folder), ignore_errors=True)


def _root(folder):
  # Not a folder whose name is a version: that would look like a built data set.
  return pathlib.Path(folder).parent / f".parts_{folder.name}"


def _facts(path):
  try:
    facts = budget.read_json(path / _FACTS)
  except (FileNotFoundError, NotADirectoryError, ValueError):
    return {}  # not there or damaged; what cannot be read at present may well be whole
  return facts if isinstance(facts, dict) else {}


def _write_split(builder, examples, path):
  serialize = builder.info.features.serialize_example
  records = (serialize(example) for _, example in examples)
  return array_records.write(path, records, builder.COMPRESSED)


def _examples(builder, split, parts):
  total = sum(facts["examples"][split] for _, facts in parts)
  with tqdm(total=total, desc=f"joining {split}", unit="video", mininterval=0.5) as bar:
    for path, facts in parts:
      count = facts["examples"][split]
      for record in _records(path / f"{split}.array_record", count) if count else ():
        example = builder.info.features.deserialize_example_np(record)
        bar.update()
        yield example["video_id"].decode(), example


def _records(path, count):
  try:
    with array_record_data_source.ArrayRecordDataSource(str(path)) as records:
      if len(records) != count:
        raise ValueError(f"{len(records)} of {count} records")
      for start in range(0, count, _READ_AT_ONCE):
        indices = range(start, min(start + _READ_AT_ONCE, count))
        yield from records.__getitems__(list(indices))
  except (ValueError, RuntimeError, OSError, IndexError) as error:
    if passing := sentences.as_os_error(error):  # the part may well be whole
      raise passing from error
    reason = (str(error).splitlines() or ["it cannot be read"])[0][:200]
    raise UserError(
      f"{path} is damaged ({reason}), delete {path.parent} and build this part again"
    ) from error
