"""Small files of a data set that ask for gigabytes: refused in a sentence, or read in little."""

import ast
import json
import pathlib
import shutil
import subprocess
import sys

import pytest
from array_record.python import array_record_data_source

from data_builders.writing import array_records
from tests.data import tiny

_ROOT = pathlib.Path(__file__).parents[2]
_LIMIT = 300 << 10  # KiB above what the programs themselves take
_MB = 1 << 20


def _varint(number):
  out = b""
  while number > 127:
    out, number = out + bytes([number & 127 | 128]), number >> 7
  return out + bytes([number])


def _field(number, content):
  return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _example(**features):
  """An Example of features that are given as messages Feature."""
  entries = (
    _field(1, _field(1, name.encode()) + _field(2, value)) for name, value in features.items()
  )
  return _field(1, b"".join(entries))


def _of(record, compressed=True, count=17):
  return lambda folder: array_records.write(_shard(folder), [record] * count, compressed)


def _one(record):
  """One record is another, the others stay."""

  def craft(folder):
    with array_record_data_source.ArrayRecordDataSource(str(_shard(folder))) as found:
      others = found.__getitems__(list(range(1, len(found))))
    array_records.write(_shard(folder), [record, *others], True)

  return craft


def _shard(folder):
  return next(folder.glob("*train.array_record-*"))


def _write(name, text):
  return lambda folder: (folder / name).write_text(text)


def _tensors(count):
  tensor = {"pythonClassName": "tensorflow_datasets.core.features.text_feature.Text", "text": {}}
  return json.dumps({
    "pythonClassName": "tensorflow_datasets.core.features.features_dict.FeaturesDict",
    "featuresDict": {"features": {f"a{i}": tensor for i in range(count)}},
  })


def _cases():
  """{name: what writes it into a data set}."""
  texts = _field(1, _field(1, b"") * (20 * _MB))  # of a BytesList
  return {
    "one vast record": _one(bytes(300 * _MB)),
    "vast records": _of(bytes(50 * _MB)),
    "records below the limit": _of(bytes(3 * _MB)),
    "empty records": _of(b"", count=100_000),
    "empty records, packed": _of(b"", compressed=False, count=20_000),
    "empty entries": _one(_field(1, _field(1, b"") * (25 * _MB))),
    "features without name": _one(_example(**{"": texts})),
    "texts without letters": _one(_example(video_id=texts)),
    "numbers": _one(_example(num_frames=_field(3, _field(1, bytes(50 * _MB))))),
    "many texts": _one(_example(video_id=_field(1, _field(1, b"ab") * 5000))),
    "many features": _one(_field(1, b"".join(
      _field(1, _field(1, b"%d" % i) + _field(2, b"")) for i in range(300_000)))),
    "lists in lists": _one(_field(1, _field(1, _field(2, _field(1, bytes(40 * _MB)))))),
    "features in JSON": _write("features.json", _tensors(5000)),
    "features: lists": _write("features.json", "[" + "[]," * 600_000 + "[]]"),
    "features: objects": _write("features.json", "[" + '{"":0},' * 280_000 + "0]"),
    "features: depth": _write("features.json", '{"a":' * 400_000),
    "features: spaces": _write("features.json", " " * (60 * _MB)),
    "description: numbers": _write("dataset_info.json", "[" + "1," * 900_000 + "1]"),
    "description: depth": _write("dataset_info.json", "[" * 2_000_000),
    "description: a number": _write("dataset_info.json", "9" * 2_000_000),
    "description: texts": _write("dataset_info.json", "[" + '"",' * 600_000 + '""]'),
    "metadata": _write("metadata.json", "[" + "[]," * 600_000 + "[]]"),
    "note": _write("records.sha256", "0" * (60 * _MB)),
    "index": _write("index-train.json", "[" + "[]," * 300_000 + "[]]"),
    "index: depth": _write("index-train.json", "[" * 1_000_000),
  }  # fmt: skip


_READ = """
import sys
from sign_jax.data import records
from sign_jax.data.source import RetrievalSplit
from sign_jax.errors import UserError

def peak():
  # Not `ru_maxrss`, which a process inherits.
  return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])

def open_all(folder):
  split = RetrievalSplit("tiny", "train", folder)
  for video in range(split.num_videos):
    split.features(video)

def told(door, folder):
  try:
    return door(folder) and "read" or "read"
  except UserError as error:
    return "refused: " + str(error)

doors = open_all, lambda folder: records.fingerprint("tiny", folder)
base = [told(door, sys.argv[1]) for door in doors] and peak()
for folder in sys.argv[2:]:
  print([*(told(door, folder) for door in doors), peak() - base])
"""
# Made anew without them; all else is refused where the examples are read.
READ = {"metadata", "note", "index", "index: depth"}


@pytest.mark.skipif(not pathlib.Path("/proc/self/status").exists(), reason="says the peak memory")
def test_small_files_that_ask_for_gigabytes(tmp_path):
  """The whole of them in one process, whose peak is that of the worst."""
  tiny.build(tmp_path / "good", {"train": tiny.clips()})
  cases = _cases()
  for case, craft in cases.items():
    shutil.copytree(tmp_path / "good", tmp_path / case)
    craft(tmp_path / case / "tiny/1.0.0")
  done = subprocess.run(
    [sys.executable, "-c", _READ, tmp_path / "good", *(tmp_path / case for case in cases)],
    cwd=_ROOT, check=True, capture_output=True, text=True,
  )  # fmt: skip
  lines = [ast.literal_eval(line) for line in done.stdout.splitlines()]
  assert len(lines) == len(cases)
  for case, (*told, peak) in zip(cases, lines, strict=True):
    assert peak < _LIMIT, case
    assert (told[0] == "read") == (case in READ), (case, told)
    for text in told:
      assert text == "read" or text.startswith("refused: "), (case, text)
      assert len(text) < 1000 and "\n" not in text, case
