"""Files of word vectors: texts with and without a first line of numbers, and binary ones."""

import numpy as np
import pytest

from sign_jax.data import vector_files
from sign_jax.data.vector_files import VectorFile
from sign_jax.errors import UserError

VECTORS = {"the": [1.0, -2.5, 0.0], "café": [1e-3, 4.0, 5.0], "New_York": [7.0, 8.0, 9.0]}


def text(header=True, end="\n"):
  lines = [f"{len(VECTORS)} 3"] if header else []
  lines += [f"{word} {' '.join(map(str, numbers))}" for word, numbers in VECTORS.items()]
  return ("\n".join(lines) + end).encode()


def binary(count=None, width=3, end=b"\n", vectors=None):
  vectors = VECTORS if vectors is None else vectors
  rows = [
    word.encode() + b" " + np.array(numbers, "<f4").tobytes() for word, numbers in vectors.items()
  ]
  head = f"{len(rows) if count is None else count} {width}\n".encode()
  return head + b"".join(row + end for row in rows)


def opened(path, content, **options):
  path.write_bytes(content)
  return VectorFile(path, "--option", "pass another", **options)


@pytest.mark.parametrize("content", [
  text(), text(header=False), text(end=""), text(header=False, end=" \n"),
  binary(), binary(end=b""),
  text().replace(b"3 3\n", b"99 3\n"),  # of which only a part was kept
])
def test_formats(tmp_path, content):
  file = opened(tmp_path / "a", content)
  rows = {word.decode(): file.vector(place, numbers) for place, word, numbers in file}
  assert file.width == 3 and list(rows) == list(VECTORS)
  for word, vector in rows.items():
    assert vector.dtype == np.float32
    np.testing.assert_array_equal(vector, np.float32(VECTORS[word]))
  assert [word for _, word, _ in file] == [word.encode() for word in VECTORS]  # once more


def test_a_binary_file_is_read_in_blocks(tmp_path, monkeypatch):
  rng = np.random.default_rng(0)
  vectors = {f"word{i}": rng.standard_normal(3) for i in range(50)}
  expected = np.float32(list(vectors.values()))
  for block in (1 << 20, 100, 29):
    monkeypatch.setattr(vector_files, "_BLOCK", block)
    for end in (b"\n", b""):
      file = opened(tmp_path / "a", binary(vectors=vectors, end=end))
      found = [(word, file.vector(place, x)) for place, word, x in file]
      assert [word.decode() for word, _ in found] == list(vectors)
      np.testing.assert_array_equal([x for _, x in found], expected)


@pytest.mark.parametrize(("content", "message"), [
  (b"", "line 1: it is no word with its numbers"),
  (b"hello\n", "line 1: it is no word with its numbers"),
  (b"hello world again\n", "line 1: it is no word with its numbers"),
  (b"\x00\x01\x02 1 2\n", "line 1: it is no word with its numbers"),
  (b"x " + b"1 " * 5000 + b"\n", "line 1: it is no word with its numbers"),
  (b"5 0\n", "does not begin with a line of two numbers"),
  (b"5 99999\n", "does not begin with a line of two numbers"),
  (b"\x1f\x8b\x08\x00", "is packed: unpack it first"),
  (binary(count=10**12 - 1), "line 1: 999999999999 words of 3 numbers do not fit into the 58 byt"),
  (binary(width=4000), "line 1: 3 words of 4000 numbers do not fit"),
])
def test_beginnings_that_are_none(tmp_path, content, message):
  with pytest.raises(UserError, match=message) as caught:
    opened(tmp_path / "a", content)
  assert str(caught.value).startswith(f"--option: {tmp_path / 'a'}")


def test_a_header_can_be_asked_for(tmp_path):
  with pytest.raises(UserError, match="does not begin with a line of two numbers"):
    opened(tmp_path / "a", text(header=False), needs_header=True)


@pytest.mark.parametrize(("content", "message"), [
  (b"2 3\nthe 1 2\na 1 2 3\n", "line 2: there are not 3 numbers"),
  (b"2 3\na 1 2 3\nthe 1 2 3 4\n", "line 3: there are not 3 numbers"),
  (b"a 1 2 3\nthe 1 two 3\n", "line 2: there are not 3 numbers"),
  (b"a 1 2 3\nthe 1 nan 3\n", "line 2: there are not 3 numbers"),
  (b"a 1 2 3\nthe 1 2 1e99\n", "line 2: there are not 3 numbers"),
  (b"a 1 2 3\n\n", "line 2: there are not 3 numbers"),
  (b"a 1 2 3\n" + b"x" * 200_000, "line 2: it has no end"),
  (binary(vectors={"a": [1, 2, 3], "b": [1, np.nan, 0]}), "word 2: there are not 3 numbers"),
  (binary(count=2), "line 1: the file goes on behind the 2 words of 3 numbers"),
  (binary(width=2), "the file goes on behind|cut short or damaged"),
  (binary() + b"x", "the file goes on behind the 3 words"),
  (binary().replace(b" ", b"_").replace(b"3_3", b"3 3"), "word 1 of 3: .*cut short or damaged"),
  (b"1 3\n" + bytes(20_000) + b" " + bytes(12), "word 1 of 1: .*cut short or damaged"),
  (b"2 3\n" + b"a " + bytes(12) + b"bcdefghijklmnopq", "word 2 of 2: .*cut short or damaged"),
])
def test_rows_that_are_none(tmp_path, content, message):
  with pytest.raises(UserError, match=message) as caught:
    file = opened(tmp_path / "a", content)
    for place, _, numbers in file:
      file.vector(place, numbers)
  assert "\n" not in str(caught.value)


def test_words_that_are_no_text():
  assert vector_files.decoded(b"\xff\xfe") is None
  assert vector_files.decoded("Äpfel".encode()) == "Äpfel"
