"""Glosses, their forms, look-alikes and words with two signs."""

import itertools

import numpy as np
import pytest

from data_builders.signing_sim import lexicon, motion, phonology
from sign_jax.errors import UserError


def test_there_are_about_160_glosses_and_each_uses_the_inventory():
  forms = phonology.forms()
  assert 150 <= len(forms) <= 170 and set(forms) == set(lexicon.GLOSSES)
  for form in forms.values():
    assert form.handshape in phonology.HANDSHAPES and form.location in phonology.LOCATIONS
    assert form.orientation in phonology.ORIENTATIONS and form.path in phonology.PATHS
    assert form.direction in phonology.DIRECTIONS and form.hands in phonology.HANDS
  for name, table in (("handshape", phonology.HANDSHAPES), ("location", phonology.LOCATIONS),
                      ("orientation", phonology.ORIENTATIONS), ("path", phonology.PATHS),
                      ("hands", set(phonology.HANDS)), ("head", set(phonology.HEADS))):
    assert {getattr(form, name) for form in forms.values()} == set(table), name


def test_an_english_content_word_belongs_to_one_concept():
  words = [phrase.split()[-1] for phrases in lexicon.WORDS.values() for phrase in phrases]
  assert len(words) == len(set(words))
  assert sum(len(phrases) > 1 for phrases in lexicon.WORDS.values()) >= 20  # synonyms


@pytest.mark.parametrize("share", [0.0, 0.05, 0.12, 0.2])
def test_a_share_of_the_glosses_has_a_lookalike_half_of_them_related(share):
  pairs = lexicon.lookalike_pairs(share)
  alike = [name for a, b, _ in pairs for name in (a, b)]
  assert len(alike) == len(set(alike))
  assert abs(len(alike) / len(lexicon.GLOSSES) - share) <= 1 / len(lexicon.GLOSSES)
  assert abs(2 * sum(related for _, _, related in pairs) - len(pairs)) <= 1


def test_related_lookalikes_fill_the_same_role_and_unrelated_ones_another():
  role = {name: role for role, names in lexicon.ROLES.items() for name in names}
  for a, b, related in lexicon.lookalike_pairs():
    assert (role[a] == role[b]) == related


def test_an_impossible_share_is_explained():
  with pytest.raises(UserError, match="choose 0 to"):
    lexicon.lookalike_pairs(0.9)


def test_lookalikes_and_no_others_have_the_same_noise_free_motion():
  forms, same = phonology.forms(), lexicon.lookalikes()
  tracks = {name: motion.sign(form, 12) for name, form in forms.items()}
  for a, b in itertools.combinations(forms, 2):
    assert np.array_equal(tracks[a], tracks[b]) == (same.get(a) == b), (a, b)


def test_signs_that_are_no_lookalikes_differ_in_three_parameters():
  forms, same = phonology.forms(), lexicon.lookalikes()
  for a, b in itertools.combinations(forms, 2):
    assert same.get(a) == b or forms[a].contrasts(forms[b]) >= 3


def test_words_with_two_signs_have_two_forms():
  forms = phonology.forms()
  for name in lexicon.TWO_SIGNS:
    second = lexicon.gloss(name, True)
    assert second != name == lexicon.concept(second) and forms[second] != forms[name]
  assert lexicon.gloss("KEY", True) == "KEY"
