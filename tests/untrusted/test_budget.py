import gzip
import io
import json
import zipfile
import zlib

import pytest

from sign_jax.untrusted import budget
from sign_jax.untrusted.budget import Budget, Exceeded


def test_a_budget_grows_with_the_file_and_has_a_floor():
  small, large = Budget(10), Budget(1 << 30)
  assert small.unpacked == budget.MIN_UNPACKED and small.memory == budget.MIN_MEMORY
  assert large.unpacked == budget.UNPACKED_PER_BYTE << 30 and large.memory > 1 << 30
  assert large.parts > small.parts >= 1000
  assert Budget(1 << 30, max_unpacked=7).unpacked == 7


def test_a_budget_knows_the_size_of_paths_and_open_files(tmp_path):
  (tmp_path / "a").write_bytes(bytes(100))
  with (tmp_path / "a").open("rb") as file:
    assert Budget.of(file).size == Budget.of(tmp_path / "a").size == 100


@pytest.mark.parametrize("take", ["take_unpacked", "take_memory", "take_parts"])
def test_what_is_taken_is_counted_together(take):
  one = Budget(10)
  left = {"take_unpacked": one.unpacked, "take_memory": one.memory, "take_parts": one.parts}[take]
  getattr(one, take)(left - 1)
  getattr(one, take)(1)
  with pytest.raises(Exceeded, match="its 10"):
    getattr(one, take)(1)


def test_reads_to_the_end_or_to_the_limit():
  content = bytes(range(256)) * 10_000
  assert budget.read_all(io.BytesIO(content), Budget(len(content))) == content
  with pytest.raises(Exceeded):
    budget.read_all(io.BytesIO(content), Budget(10, max_unpacked=len(content) - 1))


@pytest.mark.parametrize("members", [[b""], [b"abc"], [b"abc", b"", b"d" * 3_000_000, b"e"]])
def test_gzip_of_one_or_several_members(members):
  packed = b"".join(gzip.compress(member) for member in members)
  for padding in (b"", bytes(200_000)):
    assert budget.gunzip(io.BytesIO(packed + padding), Budget(100)) == b"".join(members)
  with pytest.raises(EOFError):
    budget.gunzip(io.BytesIO(packed[:-1]), Budget(100))
  with pytest.raises(zlib.error):
    budget.gunzip(io.BytesIO(packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:]), Budget(100))


def test_gzip_that_unpacks_to_too_much_is_not_unpacked():
  bomb = gzip.compress(bytes(80 << 20))
  with pytest.raises(Exceeded):
    budget.gunzip(io.BytesIO(bomb), Budget(len(bomb)))
  with pytest.raises(Exceeded, match="parts"):
    budget.gunzip(io.BytesIO(gzip.compress(b"") * 3000), Budget(60_000))


def test_archives_have_entries_in_proportion_packed_in_known_ways():
  def archive(count, method):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made:
      for number in range(count):
        made.writestr(str(number), b"x")
    return zipfile.ZipFile(file)

  budget.check_zip(archive(900, zipfile.ZIP_STORED), Budget(100))
  budget.check_zip(archive(900, zipfile.ZIP_DEFLATED), Budget(100))
  with pytest.raises(Exceeded, match="parts"):
    budget.check_zip(archive(1100, zipfile.ZIP_STORED), Budget(100))
  for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
    with pytest.raises(ValueError, match="packed"):
      budget.check_zip(archive(1, method), Budget(100))


VALUES = [
  {}, [], "", 5, None, True, {"a": [1, 2.5, {"b": "[{\"\\ "}], "é": "\\\"", "": "😀"},
  [[0.0] * 500] * 50, '"', "\\", ["\\", '"', '\\"'],
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES)
def test_json_is_parsed_as_by_json(value):
  for text in (json.dumps(value), json.dumps(value, indent=1, ensure_ascii=False)):
    assert budget.parse_json(text.encode()) == value
    assert budget.parse_json(text.encode("utf-8-sig")) == value


DAMAGE = {
  "nothing": b"", "half a list": b"[1,", "half a text": b'["abc', "no UTF-8": b'["\xff"]',
  "many quotes": b'"' + b'\\"' * 100_000, "a number too long": b"[" + b"9" * 100_000 + b"]",
  "UTF-16": '{"a": 1}'.encode("utf-16"), "closed too often": b"[]]]]",
}  # fmt: skip


@pytest.mark.parametrize("what", DAMAGE)
def test_no_json_is_a_value_error(what):
  with pytest.raises(ValueError):
    budget.parse_json(DAMAGE[what])


BOMBS = {
  "objects": b"[" + b"{}," * 900_000 + b"{}]", "lists": b"[" + b"[]," * 900_000 + b"[]]",
  "keys": b'{"a":0' + b',"a":0' * 700_000 + b"}", "numbers": b"[0" + b",0" * 3_200_000 + b"]",
}  # fmt: skip


@pytest.mark.parametrize("what", BOMBS)
def test_json_of_too_many_values_is_not_parsed(what, monkeypatch):
  monkeypatch.setattr(budget.json, "loads", lambda text: pytest.fail("parsed"))
  with pytest.raises(Exceeded, match="objects"):
    budget.parse_json(BOMBS[what], Budget(100))


@pytest.mark.parametrize("opening, closing", [("[", "]"), ('{"a":', "}")])
def test_json_that_is_nested_too_deep_is_not_parsed(opening, closing):
  fits = opening * budget.MAX_NESTING + "1" + closing * budget.MAX_NESTING
  budget.parse_json(fits.encode())
  with pytest.raises(ValueError, match="nested more than"):
    budget.parse_json((opening + fits + closing).encode())
  # What stands in a text is no structure.
  assert budget.parse_json(json.dumps(fits * 1000).encode()) == fits * 1000


def test_reads_json_files_that_are_not_too_large(tmp_path):
  (tmp_path / "a.json").write_text('{"a": 1}')
  assert budget.read_json(tmp_path / "a.json") == {"a": 1}
  assert budget.read_json(tmp_path / "a.json", max_bytes=8) == {"a": 1}
  with pytest.raises(Exceeded, match="more than 7"):
    budget.read_json(tmp_path / "a.json", max_bytes=7)
  with pytest.raises(OSError):
    budget.read_json(tmp_path / "b.json")
