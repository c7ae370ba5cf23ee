"""Entries of a dictionary in sentences: as they are written, or by their lemmas."""

import pytest

from sign_jax.data import subtitle_words

LEMMAS = {"running": "run", "ran": "run", "creams": "cream", "feet": "foot"}
ENTRIES = ["run", "running", "ice cream", "foot", "Kick Off", "", "run"]


def lemma(word):
  return LEMMAS.get(word, word)


@pytest.mark.parametrize(
  "text, forms, expected",
  [
    ("Running!", "both", [0, 1, 6]),  # two classes of their own, and one that is listed twice
    ("Running!", "original", [1]),
    ("Running!", "lemma", [0, 6]),
    ("ICE creams, ice cream", "both", [2]),  # once
    ("ice creams", "original", []),
    ("ice, cream", "both", [2]),  # side by side, whatever stands between the words
    ("cream ice", "both", []),
    ("ice cold cream", "both", []),
    ("the kick off", "both", [4]),
    ("foot's", "both", []),  # another word
    ("", "both", []),
    ("?!", "both", []),
  ],
)
def test_candidates(text, forms, expected):
  assert subtitle_words.Candidates(ENTRIES, lemma, forms)(text) == expected


def test_other_forms_are_refused():
  with pytest.raises(ValueError, match="unknown forms"):
    subtitle_words.Candidates(ENTRIES, lemma, "stem")


def test_sets_of_lemmas_and_their_table():
  sets = [subtitle_words.lemmas(texts, lemma) for texts in (["My feet run", "ran"], ["?"])]
  assert sets == [{"my", "foot", "run"}, set()]
  table = subtitle_words.indicators(sets, ["foot", "run", "sun"])
  assert table.tolist() == [[True, True, False], [False] * 3]
