"""Captions and lengths beside the records: whole, valid, or not at all."""

import json
import shutil

import numpy as np
import pytest
from array_record.python import array_record_data_source

from data_builders.writing import array_records
from sign_jax import files
from sign_jax.data import description, digest, index, source
from sign_jax.data.records import SplitSource
from sign_jax.errors import UserError
from tests.data import tiny

STREAMS = ["agnostic", "aware"]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
  folder = tmp_path_factory.mktemp("tfds")
  tiny.build(folder, {"train": tiny.clips(), "test": tiny.clips(6, 5, seed=1)})
  digest.write(description.read(folder / "tiny/1.0.0"))
  return folder


@pytest.fixture
def data_dir(built, tmp_path):
  return shutil.copytree(built, tmp_path / "copy")


def open_split(data_dir, split="train"):
  return source.RetrievalSplit("tiny", split, data_dir)


def metadata(split):
  return (split.video_ids, split.sentence_ids, split.sentence_texts,
          split.sentence_of_video.tolist(), split.windows.tolist())


@pytest.fixture
def reads(monkeypatch):
  """Indices of all records that are read."""
  found, read = [], SplitSource.read

  def counted(self, indices, fields):
    found.extend(indices)
    return read(self, indices, fields)

  monkeypatch.setattr(SplitSource, "read", counted)
  return found


def test_records_are_read_once_and_then_no_more(data_dir, reads):
  first = metadata(open_split(data_dir))
  assert len(reads) == 17
  assert metadata(open_split(data_dir)) == first and len(reads) == 17
  assert sorted(first[-1]) == sorted(1 + i % 9 for i in range(17))
  open_split(data_dir, "test")
  assert len(reads) == 17 + 6
  names = {path.name for path in (data_dir / "tiny/1.0.0").iterdir()}
  assert {"index-train.json", "index-test.json"} <= names
  assert not any(name.startswith(".index") for name in names)


def test_the_digest_of_the_records_stays_as_it_is(data_dir):
  before = source.fingerprint("tiny", data_dir)
  open_split(data_dir)
  (data_dir / "tiny/1.0.0" / digest.FILE).unlink()
  assert source.fingerprint("tiny", data_dir) == before


def with_column(text, field, column):
  """The file with another column, and the sum that fits."""
  content = json.loads(text)
  return with_columns(text, {**content["columns"], field: column})


def with_columns(text, columns, **facts):
  """The file with other content, and the sum that fits."""
  content = {**json.loads(text), "columns": columns, **facts}
  content.pop("sha256")
  return json.dumps({**content, "sha256": index._sum(content)})


@pytest.mark.parametrize("damage", [
  lambda text: "", lambda text: text[: len(text) // 2], lambda text: "[]", lambda text: "null",
  lambda text: "[" * 100_000, lambda text: text.replace("video_3", "video_x"),
  lambda text: text.replace("\"agnostic\": [", "\"agnostic\": [9, "),
  lambda text: json.dumps({**json.loads(text), "records": "0" * 64}),
  lambda text: with_columns(text, json.loads(text)["columns"], records="0" * 64),
  lambda text: with_columns(text, json.loads(text)["columns"], name="index-test.json"),
  lambda text: with_columns(text, {}), lambda text: with_columns(text, 3),
  lambda text: with_column(text, "agnostic", 3),
  lambda text: with_column(text, "video_id", [None] * 17),
])
def test_a_damaged_or_foreign_file_is_made_anew(data_dir, reads, damage):
  good = metadata(open_split(data_dir))
  path = data_dir / "tiny/1.0.0/index-train.json"
  text = path.read_text()
  path.write_text(damage(text))
  assert path.read_text() != text
  assert metadata(open_split(data_dir)) == good and len(reads) == 2 * 17
  assert path.read_text() == text


def test_a_file_of_changed_records_is_made_anew(data_dir, reads):
  open_split(data_dir)
  path = next((data_dir / "tiny/1.0.0").glob("*train.array_record-*"))
  with array_record_data_source.ArrayRecordDataSource(str(path)) as found:
    content = found.__getitems__(list(range(17)))
  array_records.write(path, [x.replace(b"caption number 3", b"caption number 4") for x in content],
                      compressed=False)  # fmt: skip
  for _ in range(3):
    texts = open_split(data_dir).sentence_texts
    assert "caption number 4 has words" in texts and "caption number 3 has words" not in texts
    source.fingerprint("tiny", data_dir)  # notes the digest
  assert len(reads) == 3 * 17  # the file is written once the records are noted


def test_files_of_two_splits_are_not_taken_for_each_other(tmp_path, reads):
  """Of as many videos."""
  tiny.build(tmp_path, {"train": tiny.clips(), "test": tiny.clips(seed=1, sentences=9)})
  source.fingerprint("tiny", tmp_path)
  good = metadata(open_split(tmp_path))
  open_split(tmp_path, "test")
  folder = tmp_path / "tiny/1.0.0"
  shutil.copy(folder / "index-test.json", folder / "index-train.json")
  assert metadata(open_split(tmp_path)) == good and len(reads) == 3 * 17


def test_bytes_that_are_no_text(data_dir):
  good = metadata(open_split(data_dir))
  (data_dir / "tiny/1.0.0/index-train.json").write_bytes(b"\xff\xfe\x00")
  assert metadata(open_split(data_dir)) == good


def test_a_folder_that_is_only_read(data_dir, reads, monkeypatch):
  def refuse(*_args, **_options):
    raise PermissionError(13, "Permission denied")  # root may write anywhere

  monkeypatch.setattr(index, "replacing", refuse)
  assert metadata(open_split(data_dir)) == metadata(open_split(data_dir))
  assert len(reads) == 2 * 17 and not list((data_dir / "tiny/1.0.0").glob("*index*"))


def test_a_full_disk_leaves_nothing_behind(data_dir, monkeypatch):
  def refuse(*_args):
    raise OSError(28, "No space left on device")

  before = set((data_dir / "tiny/1.0.0").iterdir())
  monkeypatch.setattr(files.os, "replace", refuse)
  assert open_split(data_dir).num_videos == 17
  assert set((data_dir / "tiny/1.0.0").iterdir()) == before


def test_no_file_without_a_noted_digest_or_for_a_part(data_dir, reads):
  part = open_split(data_dir, "train[:5]")
  assert part.num_videos == 5 == len(reads)
  (data_dir / "tiny/1.0.0" / digest.FILE).write_text("")
  open_split(data_dir)
  assert not list((data_dir / "tiny/1.0.0").glob("index-*"))


def test_lengths_that_are_not_those_of_the_records_are_told(data_dir):
  open_split(data_dir)
  path = data_dir / "tiny/1.0.0/index-train.json"
  for stream in STREAMS:
    lengths = json.loads(path.read_text())["columns"][stream]
    path.write_text(with_column(path.read_text(), stream, [n + 1 for n in lengths]))
  with pytest.raises(UserError, match="'video_.*not as long as noted: delete index-"):
    open_split(data_dir).features(0)


def test_spoilt_lengths_are_named_before_any_training(tmp_path):
  examples = tiny.clips()
  examples[4]["aware"] = np.zeros((3, tiny.DIM), np.float16)
  tiny.build(tmp_path, {"train": examples})
  with pytest.raises(UserError, match="'video_4'.*agnostic 5, aware 3"):
    open_split(tmp_path)
