"""Words of texts, and lemmas by the package and by tables."""

import json

import numpy as np
import pytest

from sign_jax.data import words
from sign_jax.errors import UserError
from tests.program import ROOT

# The words of the golden case's sentences and those that are no lemmas of their own.
SENTENCES = {
  "The children are playing in the winds.": "the children are playing in the winds",
  "Running up the mountains, she ran again.": "running up the mountains she ran again",
  "A storm was going over the mountain": "a storm was going over the mountain",
  "I'm eating ice cream and cakes.": "i'm eating ice cream and cakes",
  "I ran with two knives; it's better.": "i ran with two knives it's better",
  "Hello": "hello",
}


def written(path, content):
  path.write_bytes(content if isinstance(content, bytes) else content.encode())
  return str(path)


@pytest.mark.parametrize(("text", "expected"), [
  *SENTENCES.items(),
  ("It’s John's, isn’t it?", "it's john's isn't it"),
  ("'quoted' rock'n'roll dogs' 'tis --", "quoted rock'n'roll dogs tis"),
  ("a''b c' 'd", "a b c d"),
  ("3 cups, 1/2 of H2O at 20°C", "3 cups 1 2 of h2o at 20 c"),
  ("snake_case _x_ __", "snake case x"),
  ("well-known e-mail", "well known e mail"),
  ("Straße Äpfel ÜBER", "straße äpfel über"),
  ("A\u0308pfel", "äpfel"),
  ("東京 Москва", "東京 москва"),
])
def test_words(text, expected):
  assert words.words(text) == expected.split()


@pytest.mark.parametrize("text", ["", "   ", "?!'_’", "\n\t"])
def test_texts_without_words(text):
  assert words.words(text) == []


def test_long_texts_take_little_time():
  assert words.words("a'" * 200_000) == ["'".join("a" * 200_000)]
  assert words.words("'_" * 200_000) == []


def test_lemmas_of_the_golden_case():
  """The words of its sentences, by its table of lemmas, are the sets that it compares."""
  facts = json.loads((ROOT / "tests/golden/spot_align.json").read_text())["inputs"]
  with np.load(ROOT / "tests/golden/spot_align.npz") as arrays:
    expected = arrays["sr_query"]
  lemma = words.of_table(facts["lemmas"])
  for text, row in zip(facts["sentences"], expected, strict=True):
    found = {lemma(word) for word in words.words(text)}
    assert found == {facts["lemma_order"][i] for i in np.flatnonzero(row)}


def test_without_lemmas():
  lemma = words.lemmatizer("none")
  assert [lemma(word) for word in ("Running", "ÄPFEL")] == ["running", "äpfel"]


def test_a_table(tmp_path):
  path = written(tmp_path / "lemmas.csv", "word,lemma,note\nRunning,Run,x\nran,run,\nran,RUN,\n"
                                          "Äpfel,Apfel,\nisn’t,be,\n")  # fmt: skip
  lemma = words.lemmatizer(path, "anything")
  found = [lemma(word) for word in ("RUNNING", "running", "ran", "äpfel", "isn't", "Walks")]
  assert found == ["run", "run", "run", "apfel", "be", "walks"]


@pytest.mark.parametrize(("content", "message"), [
  ("word,lemma\nran,run\nRan,rennen\n", "line 3: the lemma of 'ran' is 'rennen', and it is 'run' "
                                        "in line 2, remove one"),
  ("word,lemma\nran,run\n,x\n", "line 3: the word is empty, write it"),
  ("word,lemma\nran,\n", "line 2: the lemma is empty, write it"),
  ("word,lemmas\nran,run\n", "did you mean 'lemma'?"),
  ("form,base\nran,run\n", "no column word, lemma among 'form', 'base'"),
  ("word;lemma\nran;run\n", "semicolons"),
  ("word,lemma\nran,run,x\n", "line 2: the row has 3 values for 2 columns"),
  ("", "no column word, lemma"),
  (b"\xff\xfew\0o\0r\0d\0", "line 1: the file is encoded in UTF-16"),
  (b"word,lemma\nr\xe4nnt,run\n", "line 2: the byte 0xe4"),
])
def test_tables_that_are_none(tmp_path, content, message):
  path = written(tmp_path / "lemmas.csv", content)
  with pytest.raises(UserError) as caught:
    words.lemmatizer(path)
  assert message in str(caught.value) and path in str(caught.value)
  assert "\n" not in str(caught.value)


def test_a_huge_table(tmp_path, monkeypatch):
  monkeypatch.setattr(words.csv_table, "MAX_BYTES", 100)
  path = written(tmp_path / "lemmas.csv", "word,lemma\n" + "ran,run\n" * 20)
  with pytest.raises(UserError, match="lemmas.csv has more than"):
    words.lemmatizer(path)


def test_no_table(tmp_path):
  with pytest.raises(UserError, match="there is no file .*none.csv.* columns word,lemma"):
    words.lemmatizer(str(tmp_path / "none.csv"))


def test_english_lemmas():
  lemma = words.lemmatizer("simplemma")
  found = [lemma(word) for word in ("children", "Running", "ran", "knives", "better", "i'm")]
  assert found == ["child", "run", "run", "knife", "good", "i'm"]


def test_german_lemmas():
  lemma = words.lemmatizer("simplemma", "de")
  assert [lemma(word) for word in ("häuser", "Kinder", "schwarzwald")] == [
    "haus", "kind", "schwarzwald",
  ]  # fmt: skip


@pytest.mark.parametrize("language", ["xx", "", "EN"])
def test_languages_without_a_dictionary(language):
  with pytest.raises(UserError, match=f"no dictionary of the language '{language}'.*table"):
    words.lemmatizer("simplemma", language)
