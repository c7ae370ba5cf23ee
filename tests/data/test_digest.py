"""The digest of records: noted, and never believed of other records."""

import concurrent.futures
import multiprocessing
import os
import pathlib
import shutil

import numpy as np
import pytest
from array_record.python import array_record_data_source
from tensorflow_datasets.proto import tf_example_pb2

from data_builders.writing import array_records
from sign_jax.data import chunks, description, digest, records
from sign_jax.errors import UserError
from tests.data import tiny

_FOLDER = pathlib.Path("tiny/1.0.0")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
  folder = tmp_path_factory.mktemp("tfds")
  tiny.build(folder, {"train": tiny.clips(), "test": tiny.clips(6, 5, seed=1)})
  records.fingerprint("tiny", folder)
  return folder


@pytest.fixture
def data_dir(built, tmp_path):
  return shutil.copytree(built, tmp_path / "copy")


@pytest.fixture
def computed(monkeypatch):
  """Grows by one each time that all records are read."""
  calls, compute = [], digest.compute
  monkeypatch.setattr(digest, "compute", lambda known: calls.append(0) or compute(known))
  return calls


def fingerprint(data_dir):
  return records.fingerprint("tiny", data_dir)


def shard(data_dir, split="train"):
  return next((data_dir / _FOLDER).glob(f"*{split}.array_record-*"))


def content(path):
  with array_record_data_source.ArrayRecordDataSource(str(path)) as found:
    return found.__getitems__(list(range(len(found))))


def changed(record, field="agnostic"):
  """A record in which one number is another."""
  example = tf_example_pb2.Example.FromString(record)
  value = example.features.feature[field].bytes_list.value
  numbers = np.frombuffer(value[0], np.float16).copy()
  numbers[-1] += 1
  value[0] = numbers.tobytes()
  return example.SerializeToString()


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("which", [0, 7, 16])
def test_a_record_that_is_changed_with_right_checksums(built, data_dir, capsys, which, compressed):
  path = shard(data_dir)
  found = content(path)
  found[which] = changed(found[which])
  array_records.write(path, found, compressed)
  assert fingerprint(data_dir) != fingerprint(built)
  assert "are not those that its records.sha256 was written for" in capsys.readouterr().err
  assert fingerprint(data_dir) != fingerprint(built)  # noted by now
  assert capsys.readouterr().err == ""


def test_the_same_records_written_otherwise_are_the_same(built, data_dir, computed, capsys):
  path = shard(data_dir)
  array_records.write(path, content(path), compressed=False)
  assert fingerprint(data_dir) == fingerprint(built) == fingerprint(data_dir)
  assert len(computed) == 1 and capsys.readouterr().err == ""


@pytest.mark.parametrize("change", [lambda found: found[::-1], lambda found: found[1:] + found[:1]])
def test_the_order_of_records_counts(built, data_dir, change):
  path = shard(data_dir)
  array_records.write(path, change(content(path)), compressed=False)
  assert fingerprint(data_dir) != fingerprint(built)


def test_files_of_another_data_set_with_its_note(built, tmp_path):
  """Of as many records of equal lengths."""
  tiny.build(tmp_path, {"train": tiny.clips(seed=2), "test": tiny.clips(6, 5, seed=1)})
  expected = fingerprint(tmp_path)
  assert expected != fingerprint(built)
  shutil.copy(built / _FOLDER / digest.FILE, tmp_path / _FOLDER)
  assert fingerprint(tmp_path) == expected


@pytest.mark.parametrize("note", [
  b"", b"\xff\xfe\x00", b"0" * 64, b"0" * 64 + b"\n", b"0" * 63, b"\n" * 5000, b"x" * (1 << 20),
  b"0  content\n0  headers\n0  of the two lines above\n", None, "other", "cut", "folder", "content",
  "headers", "lines swapped",
])  # fmt: skip
def test_a_note_that_is_not_the_records_own_is_never_believed(built, data_dir, computed, note):
  expected, path = fingerprint(built), data_dir / _FOLDER / digest.FILE
  assert not computed
  text = path.read_text()
  path.unlink()
  if note == "folder":
    path.mkdir()
  elif note is not None:
    lines = text.splitlines(keepends=True)
    path.write_bytes(note if isinstance(note, bytes) else {
      "other": text.replace("0", "1").replace("a", "0"),
      "cut": text[: len(text) // 2],
      "content": "".join([f"{'0' * 64}  content\n", *lines[1:]]),
      "headers": "".join([lines[0], f"{'0' * 64}  headers\n", lines[2]]),
      "lines swapped": "".join([lines[1], lines[0], lines[2]]),
    }[note].encode())  # fmt: skip
  assert fingerprint(data_dir) == expected and len(computed) == 1
  assert fingerprint(data_dir) == expected and len(computed) == 1
  if note != "folder":
    assert path.read_text() == text


def test_a_note_of_earlier_versions_is_compared(built, data_dir, capsys):
  """It was the digest of the content alone."""
  path = data_dir / _FOLDER / digest.FILE
  path.write_text(digest.read_note(path.parent)[0])
  assert fingerprint(data_dir) == fingerprint(built) and capsys.readouterr().err == ""
  path.write_text("0" * 64)
  assert fingerprint(data_dir) == fingerprint(built)
  assert "are not those that its records.sha256 was written for" in capsys.readouterr().err


def test_a_copy_with_other_times_is_not_read_anew(data_dir, computed):
  for path in (data_dir / _FOLDER).iterdir():
    os.utime(path, (1, 1))
  fingerprint(data_dir)
  assert not computed


def test_a_folder_that_is_only_read(built, data_dir, computed, monkeypatch):
  (data_dir / _FOLDER / digest.FILE).unlink()

  def refuse(*_args):
    raise OSError(30, "Read-only file system")  # root may write anywhere

  monkeypatch.setattr(digest, "replacing", refuse)
  assert fingerprint(data_dir) == fingerprint(built) == fingerprint(data_dir)
  assert len(computed) == 1 and not (data_dir / _FOLDER / digest.FILE).exists()


def test_several_processes_at_once(built, data_dir):
  (data_dir / _FOLDER / digest.FILE).unlink()
  spawn = multiprocessing.get_context("spawn")
  with concurrent.futures.ProcessPoolExecutor(3, spawn) as pool:
    found = set(pool.map(fingerprint, [data_dir] * 6))
  assert found == {fingerprint(built)}
  assert not list((data_dir / _FOLDER).glob(".*"))


def test_a_missing_file_is_told(data_dir):
  shard(data_dir, "test").unlink()
  with pytest.raises(UserError, match="lacks its file"):
    fingerprint(data_dir)


def test_a_file_that_nobody_named_does_not_count(built, data_dir):
  shutil.copy(shard(data_dir), data_dir / _FOLDER / "other.array_record-00000-of-00001")
  assert fingerprint(data_dir) == fingerprint(built)


_SIZES = [0, 1, 100, 65_000, 65_512, 65_536, 200_000, 1_000_000, 3, 65_448]


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("sizes", [_SIZES, _SIZES[::-1], [], [5] * 3000, [65_472] * 20])
def test_the_headers_of_all_chunks_are_found(tmp_path, sizes, compressed):
  rng, path = np.random.default_rng(0), tmp_path / "x"
  found = [rng.bytes(size) for size in sizes]
  array_records.write(path, found, compressed)
  places = [chunks._without_block_header(raw, place) for place, raw in walked(path)]
  assert len([header for header in places if header[24:25] == b"r"]) >= len(sizes)
  assert places[0][24:25] == b"s" and {header[24:25] for header in places} <= {b"s", b"r", b"p"}
  # The last chunk ends where the file does, so that none was missed.
  (place, raw), size = walked(path)[-1], path.stat().st_size
  header = chunks._without_block_header(raw, place)
  end = chunks._end(place, 40 + int.from_bytes(header[8:16], "little"))
  assert end == size
  unpacked = sum(size for _, size in chunks.headers(path))
  assert unpacked >= sum(sizes)


def walked(path):
  """[(place, raw)] of the chunks."""
  places, pread = [], os.pread
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(os, "pread", lambda file, size, at: places.append(at) or pread(file, size, at))
    return [(places[i], raw) for i, (raw, _) in enumerate(chunks.headers(path))]


def test_each_record_alone_changes_the_digest_of_the_headers(data_dir):
  path = shard(data_dir)
  found, seen = content(path), set()
  for which in [None, *range(len(found))]:
    other = list(found)
    if which is not None:
      other[which] = changed(other[which])
    array_records.write(path, other, compressed=False)
    seen.add(chunks.digest([path]))
  assert len(seen) == len(found) + 1


def test_flipped_bits_are_another_digest_or_met_when_read(data_dir):
  path = shard(data_dir)
  whole, known = path.read_bytes(), description.read(data_dir / _FOLDER)
  expected, noted = digest.compute(known), chunks.digest([path])
  for at in np.random.default_rng(0).integers(0, len(whole) * 8, 150):
    damaged = bytearray(whole)
    damaged[at // 8] ^= 1 << at % 8
    path.write_bytes(damaged)
    if chunks.digest([path]) == noted:
      try:
        assert digest.compute(known) == expected
      except UserError as error:
        assert "is damaged" in str(error)


@pytest.mark.parametrize("damage", [
  lambda whole: b"", lambda whole: whole[:30], lambda whole: bytes(200_000),
  lambda whole: whole[:64] + b"\xff" * 100 + whole[164:], lambda whole: b"\xff" * 100_000,
  lambda whole: whole[:70_000] + bytes(len(whole)),
])  # fmt: skip
def test_headers_of_anything(data_dir, damage):
  path = shard(data_dir)
  path.write_bytes(damage(path.read_bytes()))
  chunks.digest([path])
  with pytest.raises(UserError, match="is damaged"):
    fingerprint(data_dir)


def test_a_file_that_is_mostly_a_hole_takes_no_time(tmp_path):
  path = tmp_path / "x"
  array_records.write(path, [b"abc"] * 3, compressed=False)
  os.truncate(path, 1 << 40)
  assert len(list(chunks.headers(path))) < 100


def test_a_record_that_unpacks_to_far_more_is_not_unpacked(data_dir):
  path = shard(data_dir)
  array_records.write(path, [bytes(100 << 20)] * 17, compressed=True)
  assert path.stat().st_size < 1 << 20
  for door in (fingerprint, lambda folder: records.open_split("tiny", "train", folder)):
    with pytest.raises(UserError, match="is damaged .*unpacked, it has more than"):
      door(data_dir)


def test_headers_are_read_once_while_nothing_is_written(data_dir, monkeypatch):
  monkeypatch.setattr(chunks, "_SETTLED", 0)
  read, headers = [], chunks.headers
  monkeypatch.setattr(chunks, "headers", lambda path: read.append(path.name) or headers(path))
  first = fingerprint(data_dir)
  assert len(read) == 2 and fingerprint(data_dir) == first and len(read) == 2
  path = shard(data_dir)
  for split in ("train", "test"):
    records.open_split("tiny", split, data_dir)
    records.open_split("tiny", split, data_dir)
  assert len(read) == 4  # to check each split's own
  os.utime(path)  # may have been written to
  fingerprint(data_dir)
  assert len(read) == 6


def test_what_has_just_been_written_is_read_again(data_dir, monkeypatch):
  monkeypatch.setattr(chunks, "_SETTLED", 10**12)
  read, headers = [], chunks.headers
  monkeypatch.setattr(chunks, "headers", lambda path: read.append(path.name) or headers(path))
  fingerprint(data_dir)
  fingerprint(data_dir)
  assert len(read) == 4
