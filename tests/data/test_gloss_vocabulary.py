import pytest

from sign_jax.data.gloss_vocabulary import GlossVocabulary
from sign_jax.errors import UserError

VOCABULARY = GlossVocabulary.of_sentences([["REGEN", "MORGEN"], [], ["ABEND", "REGEN"]])


def test_numbers_are_those_of_sorted_glosses_behind_the_blank():
  assert VOCABULARY.glosses == ("ABEND", "MORGEN", "REGEN")
  assert len(VOCABULARY) == 4
  assert VOCABULARY.encode(["REGEN", "ABEND", "REGEN"]) == [3, 1, 3]
  assert VOCABULARY.encode([]) == []


def test_what_is_decoded_has_no_padding():
  assert VOCABULARY.decode([3, 1, 3, 0, 0]) == ["REGEN", "ABEND", "REGEN"]


def test_unknown_glosses_are_one_sentence():
  with pytest.raises(UserError, match="'SCHNEE' is not one of the 3 that this model knows"):
    VOCABULARY.encode(["REGEN", "SCHNEE"])


def test_a_gloss_has_one_number():
  with pytest.raises(ValueError, match="twice"):
    GlossVocabulary(["A", "B", "A"])
