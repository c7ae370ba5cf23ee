"""`data_builders.check --records`: all of a built data set against what is noted of it."""

import json
import pathlib
import shutil

import pytest
from array_record.python import array_record_data_source

from data_builders import build, check
from data_builders.writing import array_records
from sign_jax.data import digest, index, records, source
from tests.data_builders import trees
from tests.videos import truncate

_FOLDER = pathlib.Path("signing_sim/tiny/1.0.0")
_NAME = "signing_sim/tiny"


@pytest.fixture
def data_dir(data_dir, tmp_path):
  """A copy of signing_sim/tiny with all that training notes beside it."""
  folder = shutil.copytree(data_dir, tmp_path / "copy")
  records.fingerprint(_NAME, folder)
  for split in ("train", "validation", "test"):
    source.RetrievalSplit(_NAME, split, folder)
  return folder


def checked(data_dir, capsys, name=_NAME):
  """(exit status, what was printed)."""
  capsys.readouterr()
  try:
    check.main(["--records", name, "--data_dir", str(data_dir)])
    status = 0
  except SystemExit as stopped:
    status = stopped.code
  told = capsys.readouterr()
  return status, told.out + told.err


def test_a_whole_data_set(data_dir, capsys):
  status, out = checked(data_dir, capsys)
  assert status == 0 and "0 errors, 0 warnings" in out
  noted = digest.read_note(data_dir / _FOLDER)[0]
  assert f"digest of the records: {noted}" in out
  for split, count in {"train": 40, "validation": 16, "test": 11}.items():
    (line,) = [line for line in out.splitlines() if line.startswith(f"{split} ")]
    assert line.split()[1:3] == ["1", str(count)]


def test_what_is_not_noted_is_no_error(data_dir, capsys):
  for path in [*(data_dir / _FOLDER).glob("index-*"), data_dir / _FOLDER / digest.FILE]:
    path.unlink()
  status, out = checked(data_dir, capsys)
  assert status == 0 and out.count("the next training writes it") == 4


def test_a_changed_record(data_dir, capsys):
  path = next((data_dir / _FOLDER).glob("*test.array_record-*"))
  with array_record_data_source.ArrayRecordDataSource(str(path)) as found:
    content = found.__getitems__(list(range(len(found))))
  array_records.write(path, content[::-1], compressed=True)
  for _ in range(2):  # the check notes nothing itself
    status, out = checked(data_dir, capsys)
    assert status == 1 and "error: the records are not those that" in out
    assert out.count("warning: ") == 3 and "of other records" in out  # the index of each split


@pytest.mark.parametrize("note", ["", "0" * 63, "\n", "x" * 100_000])
def test_a_damaged_note(data_dir, capsys, note):
  (data_dir / _FOLDER / digest.FILE).write_text(note)
  status, out = checked(data_dir, capsys)
  assert status == 1 and f"{digest.FILE} is damaged: delete it" in out


def test_a_note_whose_sums_are_right_but_not_the_records(data_dir, capsys):
  """What no start would notice."""
  headers = digest.read_note(data_dir / _FOLDER)[1]
  (data_dir / _FOLDER / digest.FILE).write_text(digest._note("0" * 64, headers))
  status, out = checked(data_dir, capsys)
  assert status == 1 and "noted 0000000000000000" in out


def test_an_index_whose_sum_is_right_but_not_its_content(data_dir, capsys):
  path = data_dir / _FOLDER / "index-test.json"
  columns = index.read(path, digest.read_note(path.parent)[0])
  columns["text"][3] = "something else"
  index._write(path, digest.read_note(path.parent)[0], columns)
  status, out = checked(data_dir, capsys)
  assert status == 1 and f"{path} does not say what the records do (text): delete it" in out


def test_a_damaged_index_is_a_warning(data_dir, capsys):
  (data_dir / _FOLDER / "index-test.json").write_text("{")
  status, out = checked(data_dir, capsys)
  assert status == 0 and "warning: " in out and "index-test.json is damaged or of other" in out


def test_damaged_records_are_told_by_split(data_dir, capsys):
  truncate(next((data_dir / _FOLDER).glob("*test.array_record-*")), 0.5)
  path = next((data_dir / _FOLDER).glob("*train.array_record-*"))
  content = bytearray(path.read_bytes())
  content[len(content) // 2] ^= 1
  path.write_bytes(content)
  status, out = checked(data_dir, capsys)
  assert status == 1 and "error: test cannot be read" in out and "error: train cannot be" in out
  assert any(line.startswith("validation ") for line in out.splitlines()) and "2 errors" in out


def test_what_was_skipped_must_add_up(tmp_path, capsys):
  names = trees.how2sign(tmp_path / "tree")
  truncate(tmp_path / "tree/features/agnostic/test" / f"{names['test'][2]}.pkl", 0.5)
  builder, _ = build.prepare("how2sign", None, tmp_path, tmp_path / "tree", "skip")
  assert checked(tmp_path, capsys, "how2sign")[0] == 0
  path = pathlib.Path(builder.data_dir) / "skipped.json"
  content = json.loads(path.read_text())
  content["test"]["built"] += 1
  path.write_text(json.dumps(content))
  status, out = checked(tmp_path, capsys, "how2sign")
  assert status == 1 and "skipped.json counts 8 videos of test, which has 7" in out
  path.write_text("[]")
  assert "skipped.json is damaged" in checked(tmp_path, capsys, "how2sign")[1]


@pytest.mark.parametrize("arguments, words", [
  (["--records", "none", "--data_dir", "."], "'none' is not built in"),
  (["how2sign"], "pass --manual_dir the folder of your files, or --records"),
])  # fmt: skip
def test_mistakes_are_told_in_one_sentence(capsys, arguments, words):
  with pytest.raises(SystemExit) as stopped:
    check.main(arguments)
  told = capsys.readouterr().err
  assert stopped.value.code == 1 and words in told and told.count("\n") == 1
