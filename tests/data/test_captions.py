"""Captions as fields of a batch, and what a run notes to read new ones likewise."""

import pickle
import types
import zipfile

import ml_collections
import numpy as np
import pytest

from sign_jax.data import captions, word_notes, words
from sign_jax.errors import UserError

TEXTS = {
  "train": ["the children sleep", "a child eats apples", "we eat in the evening", "?!"],
  "validation": ["the childrn eat"],
  "test": ["xyzzyxyzzy"],
}
ALL = sum(TEXTS.values(), []) + ["Child, evenings!", "nothing known herein"]
LENGTH = 4
FILE = "the 1 2\nchild 3 4\neat 5 6\nevening 7 8\n"


def config(embedding, **text):
  values = {"embedding": embedding, "file": "", "width": 6, "lemmas": "none", "language": "en"}
  values |= text
  return ml_collections.ConfigDict({
    "model": {"text": values}, "data": {"text_length": LENGTH},
  })


def read(settings, notes=None, data=True):
  of_split = lambda split: TEXTS.get(split, [])
  return captions.reader(settings, of_split if data else None, notes)


@pytest.fixture(params=["file", "corpus", "hash", "learned"])
def settings(request, tmp_path):
  (tmp_path / "vectors.txt").write_text(FILE)
  (tmp_path / "lemmas.csv").write_text("word,lemma\nchildren,child\neats,eat\nevenings,evening\n")
  return config(request.param, file=str(tmp_path / "vectors.txt"),
                lemmas=str(tmp_path / "lemmas.csv"))  # fmt: skip


def test_fields_are_what_the_reader_says(settings):
  reader = read(settings)
  batch = reader.encode(ALL)
  for name in ("text", "text_valid"):
    shape, dtype = reader.inputs[name]
    assert batch[name].shape == (len(ALL), *shape) and batch[name].dtype.name == dtype
  valid = batch["text_valid"]
  assert valid.any(1).all() and not (valid[:, 1:] & ~valid[:, :-1]).any()
  assert not batch["text"][~valid].any()
  if settings.model.text.embedding == "learned":
    assert batch["text"].max() == reader.inputs["words"] and batch["text"][valid].min() == 1


def test_rows_of_a_split_are_those_of_its_texts(settings):
  reader = read(settings)
  split = types.SimpleNamespace(sentence_texts=TEXTS["train"])
  rows = pickle.loads(pickle.dumps(reader.rows(split)))  # as worker processes get them
  batch, expected = rows(np.array([2, 0])), reader.encode(TEXTS["train"])
  for name, value in batch.items():
    np.testing.assert_array_equal(value, expected[name][[2, 0]])


def test_notes_read_new_texts_alike_without_data_and_files(settings, tmp_path):
  reader = read(settings)
  expected = reader.encode(ALL)
  read(settings).write(tmp_path / "notes.npz")
  for name in ("vectors.txt", "lemmas.csv"):
    (tmp_path / name).unlink()
  again = read(settings, tmp_path / "notes.npz", data=False)
  assert again.inputs == reader.inputs
  for name, value in again.encode(ALL).items():
    np.testing.assert_array_equal(value, expected[name])
  assert again.encode(ALL)["text_valid"].sum() > len(ALL) + 6
  again.write(tmp_path / "again.npz")  # as an exported folder has them
  third = read(settings, tmp_path / "again.npz", data=False)
  for name, value in third.encode(ALL).items():
    np.testing.assert_array_equal(value, expected[name])


def test_what_a_run_has_noted_is_a_file_of_words(tmp_path):
  (tmp_path / "vectors.txt").write_text(FILE)
  reader = read(config("file", file=str(tmp_path / "vectors.txt")))
  reader.write(tmp_path / "notes.npz")
  again = read(config("file", file=str(tmp_path / "notes.npz")))
  for name, value in again.encode(ALL).items():
    np.testing.assert_array_equal(value, reader.encode(ALL)[name])


def test_training_captions_alone_teach_words():
  for embedding in ("corpus", "learned"):
    reader = read(config(embedding))
    batch = reader.encode(["childrn", "xyzzyxyzzy", "children"])
    np.testing.assert_array_equal(batch["text"][0], batch["text"][2])  # spelled alike
    assert batch["text_valid"].sum() == 3
    nothing = lambda split: []
    with pytest.raises(UserError, match=f"embedding={embedding} is made of the training captions"):
      captions.reader(config(embedding), nothing, None)


def test_drawn_words_need_neither_data_nor_notes():
  batch = read(config("hash"), data=False).encode(["the child"])
  np.testing.assert_array_equal(batch["text"], read(config("hash")).encode(["the child"])["text"])


def test_an_array_for_each_sentence(tmp_path):
  path = tmp_path / "a.npz"
  np.savez(path, s0=np.ones((2, 5)), s1=np.ones((9, 5)))
  settings = config("file", file=str(path))
  reader = read(settings)
  assert reader.inputs["text"] == [[LENGTH, 5], "float32"]
  reader.write(tmp_path / "notes.npz")
  settings.model.text.file = ""  # as in an exported folder
  again = read(settings, tmp_path / "notes.npz", data=False)
  assert again.inputs == reader.inputs
  with pytest.raises(UserError, match="cannot encode new ones"):
    again.encode(["the child"])


@pytest.mark.parametrize(("settings", "message"), [
  (config("file"), "pass it by --config.model.text.file"),
  (config("file", file="none.txt"), "config.model.text.file: there is no file none.txt"),
  (config("hash", language="xx", lemmas="simplemma"), "no dictionary of the language 'xx'"),
  (config("hash", lemmas="none.csv"), "there is no file none.csv"),
])
def test_settings_that_cannot_be_used(settings, message):
  with pytest.raises(UserError, match=message):
    read(settings)


def test_words_that_are_nowhere():
  with pytest.raises(UserError, match="word_vectors.npz of its run, which is not beside"):
    read(config("corpus"), data=False)


def notes(**changes):
  content = {
    "words": b"a\nb", "known": b"c", "numbers": np.int32([2]),
    "vectors": np.ones((2, 3), np.float32),
  } | changes
  return {
    name: np.frombuffer(x, np.uint8) if isinstance(x, bytes) else x
    for name, x in content.items() if x is not None
  }  # fmt: skip


@pytest.mark.parametrize(("content", "message"), [
  (notes(words=None), "it lacks words"),
  (notes(known=None), "it lacks words"),
  (notes(words=b"a\nb\nc"), "its vectors are not those of its words"),
  (notes(words=b"a\xff"), "its words are not UTF-8"),
  (notes(words=np.array(["a", "b"])), "its words are no text"),
  (notes(vectors=np.full((2, 3), np.nan, np.float32)), "its vectors are not those of its words"),
  (notes(vectors=np.ones((2, 3))), "its vectors are not those of its words"),
  (notes(vectors=np.ones((2, 0), np.float32)), "its vectors are not those of its words"),
  (notes(numbers=np.int32([4])), "its numbers are not those of its words"),
  (notes(numbers=np.int32([1])), "its numbers are not those of its words"),
  (notes(numbers=np.int32([-1])), "its numbers are not those of its words"),
  (notes(numbers=np.int32([2, 3])), "its numbers are not those of its words"),
  (notes(numbers=np.float32([2])), "its numbers are not those of its words"),
  ({"per_sentence": np.int32(-3)}, "its width is no number"),
  ({"per_sentence": np.int32([3])}, "its width is no number"),
  ({"per_sentence": np.float32(3)}, "its width is no number"),
  ({"words": np.array([{}], object)}, "words.npy has not the size of an array"),
])
def test_notes_that_are_none(tmp_path, content, message):
  np.savez(tmp_path / "a.npz", **content)
  with pytest.raises(UserError, match=message) as caught:
    word_notes.read(tmp_path / "a.npz")
  assert "a.npz is no" in str(caught.value)


def test_notes_of_another_kind_of_words(tmp_path):
  np.savez(tmp_path / "a.npz", **notes())
  with pytest.raises(UserError, match="not of a model with model.text.embedding=learned"):
    read(config("learned"), tmp_path / "a.npz", data=False)


def test_notes_that_ask_for_much_memory(tmp_path):
  """A few kilobytes that unpack to as many words as a large file has."""
  with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
    for name, content in notes(words=b"\n" * (60 << 20)).items():
      with archive.open(f"{name}.npy", "w") as file:
        np.lib.format.write_array(file, content)
  assert (tmp_path / "a.npz").stat().st_size < 1 << 20
  with pytest.raises(UserError, match="far more objects than its"):
    word_notes.read(tmp_path / "a.npz")


def test_lemmas_of_a_table_are_noted(tmp_path):
  (tmp_path / "lemmas.csv").write_text("word,lemma\nwent,go\n")
  reader = read(config("hash", lemmas=str(tmp_path / "lemmas.csv")))
  reader.write(tmp_path / "notes.npz")
  assert word_notes.read(tmp_path / "notes.npz").lemmas == {"went": "go"}
  found = read(config("hash"), tmp_path / "notes.npz", data=False).encode(["went", "go"])["text"]
  np.testing.assert_array_equal(found[0], found[1])
  assert words.of_table({}).table == {}
