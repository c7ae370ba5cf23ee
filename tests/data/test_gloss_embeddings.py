"""Vectors of glosses from text files, from pickles and from a data set's own notes."""

import gzip
import pickle

import numpy as np
import pytest

from sign_jax.data import gloss_embeddings
from sign_jax.errors import UserError

VECTORS = {
  "book": [1.0, 2.0, 3.0], "Drink": [4.0, 5.0, 6.0], "drink": [-1.0, 0.0, 1.0],
  "thank": [1.0, 0.0, 0.0], "you": [0.0, 1.0, 0.0], "café": [7.0, 8.0, 9.0],
}  # fmt: skip


def written(path, vectors=None, header=None, end="\n"):
  vectors = VECTORS if vectors is None else vectors
  lines = [header or f"{len(vectors)} 3"]
  lines += [f"{word} {' '.join(map(str, numbers))}" for word, numbers in vectors.items()]
  path.write_text("\n".join(lines) + end, encoding="utf-8")
  return path


def dumped(path, content):
  path.write_bytes(pickle.dumps(content))
  return path


@pytest.fixture(params=["text", "blanks", "pickle", "arrays", "packed"])
def path(request, tmp_path):
  if request.param == "text":
    return written(tmp_path / "a.vec")
  if request.param == "blanks":
    return written(tmp_path / "a.vec", {f"{w}": [*v, ""] for w, v in VECTORS.items()}, end="")
  arrays = {word: np.float64(numbers) for word, numbers in VECTORS.items()}
  path = dumped(tmp_path / "a.pkl", VECTORS if request.param == "pickle" else arrays)
  if request.param == "packed":
    path.write_bytes(gzip.compress(path.read_bytes()))
  return path


def test_a_gloss_has_the_vector_of_its_name(path):
  found = gloss_embeddings.read(path, ["book", "Drink", "BOOK", "DRINK", "café"])
  assert found.dtype == np.float32
  np.testing.assert_array_equal(found, [VECTORS[x] for x in ("book", "Drink", "book", "drink",
                                                               "café")])  # fmt: skip


@pytest.mark.parametrize("gloss", ["thank you", "Thank-You", "THANK_YOU", "thank/you", "you thank"])
def test_several_words_have_their_mean(path, gloss):
  np.testing.assert_array_equal(gloss_embeddings.read(path, [gloss]), [[0.5, 0.5, 0.0]])


def test_a_whole_name_comes_before_its_words(tmp_path):
  path = written(tmp_path / "a.vec", VECTORS | {"thank-you": [9.0, 9.0, 9.0]})
  np.testing.assert_array_equal(gloss_embeddings.read(path, ["Thank-you"]), [[9, 9, 9]])


def test_words_without_a_vector_do_not_count(path, capsys):
  np.testing.assert_array_equal(gloss_embeddings.read(path, ["you xyz"]), [[0, 1, 0]])
  assert not capsys.readouterr().err


def test_glosses_without_a_vector_are_named(path, capsys):
  found = gloss_embeddings.read(path, ["book", "xyz", "a\nb", *(f"w{i}" for i in range(10))])
  np.testing.assert_array_equal(found[1:], 0)
  said = capsys.readouterr().err
  assert said == (
    f"{path} has no vector for 12 of 13 glosses, which get zeros: 'xyz', 'a\\nb', "
    + ", ".join(f"'w{i}'" for i in range(8)) + " and 2 more\n"
  )


def test_the_first_of_two_words_counts(tmp_path):
  path = tmp_path / "a.vec"
  path.write_text("2 2\nbook 1 2\nbook 3 4\n")
  np.testing.assert_array_equal(gloss_embeddings.read(path, ["book"]), [[1, 2]])


@pytest.mark.parametrize(("content", "words"), [
  ("", "does not begin with a line of two numbers"),
  ("book 1 2 3\n", "does not begin with a line of two numbers"),
  ("5 0\nbook\n", "does not begin with a line of two numbers"),
  ("5 999999\nbook 1\n", "does not begin with a line of two numbers"),
  ("5 3\nxyz 1 2 3\nbook 1 2\n", "line 3: there are not 3 numbers"),
  ("5 3\nbook 1 2 3 4\n", "line 2: there are not 3 numbers"),
  ("5 3\nbook 1 two 3\n", "line 2: there are not 3 numbers"),
  ("5 3\nbook 1 nan 3\n", "line 2: there are not 3 numbers"),
  ("5 3\nbook 1 2 1e99\n", "line 2: there are not 3 numbers"),
  ("5 3\n" + "x" * 200_000, "line 2: it has no end"),
  ("5 3\nxyz 1 2 3\n", "has no vector for any of the 1 glosses, the first is 'book'"),
])
def test_texts_that_are_none(tmp_path, content, words):
  path = tmp_path / "a.vec"
  path.write_text(content)
  with pytest.raises(UserError, match=words):
    gloss_embeddings.read(path, ["book"])


@pytest.mark.parametrize(("content", "words"), [
  ([1, 2], "holds no dict"),
  ({}, "holds no dict"),
  ({"book": "x"}, "for 'book' no list of some numbers"),
  ({"book": []}, "for 'book' no list of some numbers"),
  ({"book": [1, "x"]}, "for 'book' no list of some numbers"),
  ({"book": [1, float("inf")]}, "for 'book' no list of some numbers"),
  ({"book": [10**400]}, "for 'book' no list of some numbers"),
  ({"book": np.zeros((2, 2))}, "for 'book' no list of some numbers"),
  ({"book": np.float64(1)}, "for 'book' no list of some numbers"),
  ({"book": np.zeros(5000)}, "for 'book' no list of some numbers"),
  ({"book": [1, 2], "you": [1, 2, 3]}, "for 'you' no list of 2 numbers"),
  ({"xyz": [1, 2]}, "has no vector for any"),
])
def test_pickles_that_are_none(tmp_path, content, words):
  path = dumped(tmp_path / "a.pkl", content)
  with pytest.raises(UserError, match=words):
    gloss_embeddings.read(path, ["book", "you"])


def test_a_pickle_that_would_run_code(tmp_path):
  path = tmp_path / "a.pkl"
  path.write_bytes(f"\x80\x04cos\nsystem\n(S'touch {tmp_path / 'harmed'}'\ntR.".encode("latin-1"))
  with pytest.raises(UserError, match="asks for os.system"):
    gloss_embeddings.read(path, ["book"])
  assert not (tmp_path / "harmed").exists()


def test_damaged_and_packed_files(tmp_path):
  path = tmp_path / "a.gz"
  path.write_bytes(gzip.compress(b"1 3\nbook 1 2 3\n"))
  with pytest.raises(UserError, match="is packed: unpack it first"):
    gloss_embeddings.read(path, ["book"])
  path.write_bytes(b"\x1f\x8b\x08\x00")
  with pytest.raises(UserError, match="is damaged"):
    gloss_embeddings.read(path, ["book"])
  with pytest.raises(UserError, match="gloss_embeddings: there is no file .*b.vec"):
    gloss_embeddings.read(tmp_path / "b.vec", ["book"])


def test_vectors_of_a_data_set():
  found = gloss_embeddings.of_metadata([[1, 2], [3, 4.5]], 2)
  assert found.dtype == np.float32
  np.testing.assert_array_equal(found, [[1, 2], [3, 4.5]])


@pytest.mark.parametrize("noted", [
  7, "x", {}, [], [[1, 2]], [[1, 2], [3]], [[1, 2], [3, "x"]], [[1, 2], [3, float("nan")]],
  [[], []], [[[1]], [[2]]], [[1, 2], [3, 10**400]], [[0] * 5000] * 2,
])
def test_what_a_data_set_may_not_note(noted):
  with pytest.raises(UserError, match="vectors of glosses are not 2 lists"):
    gloss_embeddings.of_metadata(noted, 2)
