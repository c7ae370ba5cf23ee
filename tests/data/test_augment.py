"""Random swap of two words, synonyms, deletion."""

import numpy as np
import pytest

from sign_jax.data.augment import (
  Augmentation,
  random_deletion,
  random_swap,
  synonym_replacement,
)
from sign_jax.data.tokenizer import clean

TEXT = "zero one two three four five"


def swaps(probability, times=400):
  rng = np.random.default_rng(0)
  return [random_swap(TEXT, rng, probability) for _ in range(times)]


def test_a_swap_exchanges_exactly_two_words():
  words = TEXT.split()
  for swapped in swaps(probability=1.0):
    moved = [n for n, word in enumerate(swapped.split()) if word != words[n]]
    assert len(moved) == 2
    assert sorted(swapped.split()) == sorted(words)


def test_every_pair_of_words_is_swapped_at_times():
  assert len(set(swaps(probability=1.0))) == 6 * 5 // 2


@pytest.mark.parametrize("probability", [0.0, 0.5, 1.0])
def test_the_share_of_swaps_is_the_probability(probability):
  share = np.mean([swapped != TEXT for swapped in swaps(probability, times=2000)])
  assert share == pytest.approx(probability, abs=0.04)


@pytest.mark.parametrize("text", ["", "word", "  word "])
def test_fewer_than_two_words_stay_as_they_are(text):
  assert random_swap(text, np.random.default_rng(0), 1.0) == text


def test_the_same_generator_state_gives_the_same_text():
  assert swaps(0.5) == swaps(0.5)


SYNONYMS = {"one": [("one", "uno", "eins")], "four": [("four", "vier"), ("four", "quatre")]}


def replaced(probability, text=TEXT, times=300):
  rng = np.random.default_rng(0)
  return [synonym_replacement(text, rng, probability, SYNONYMS) for _ in range(times)]


def test_synonyms_replace_the_words_that_have_some():
  assert set(replaced(1.0)) == {
    f"zero {one} two three {four} five" for one in ("uno", "eins") for four in ("vier", "quatre")
  }
  assert set(replaced(0.0)) == {TEXT}


def test_the_share_of_replaced_words_is_the_probability():
  count = sum(text.split()[at] != TEXT.split()[at] for text in replaced(0.3, times=2000)
              for at in (1, 4))
  assert count / 4000 == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize(("text", "expected"), [
  ("(Four).", {"(vier).", "(quatre)."}), ("ONE!", {"uno!", "eins!"}), ("fourth", {"fourth"}),
  ("...", {"..."}), ("", {""}),
])
def test_punctuation_and_case_do_not_hide_a_word(text, expected):
  assert set(replaced(1.0, text)) == expected


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_deletion_keeps_the_order_and_at_least_one_word(probability):
  rng, words = np.random.default_rng(0), TEXT.split()
  kept = [random_deletion(TEXT, rng, probability).split() for _ in range(2000)]
  assert all(texts and texts == [word for word in words if word in texts] for texts in kept)
  share = 1 - np.mean([len(texts) for texts in kept]) / len(words)
  assert share == pytest.approx(min(probability, 5 / 6), abs=0.02)
  if probability == 1:
    assert {text for (text,) in kept} == set(words)


@pytest.mark.parametrize("text", ["", "  "])
def test_nothing_is_deleted_from_nothing(text):
  assert random_deletion(text, np.random.default_rng(0), 1.0) == ""


def test_the_default_draws_as_the_released_augmentation():
  rngs = [np.random.default_rng(4) for _ in range(2)]
  for _ in range(100):
    assert Augmentation()(TEXT, rngs[0]) == random_swap(TEXT, rngs[1])
  assert rngs[0].random() == rngs[1].random()


def test_all_operations_follow_one_another_and_repeat():
  augment = Augmentation(0.5, 0.5, 0.5, SYNONYMS)
  runs = [
    [augment(TEXT, rng) for _ in range(200)] for rng in map(np.random.default_rng, (0, 0, 1))
  ]
  assert runs[0] == runs[1] != runs[2]
  assert len(set(runs[0])) > 100


def test_a_caption_never_becomes_empty():
  # "&nbsp;" is a word here, and nothing for the tokenizer.
  augment = Augmentation(0.5, 0.0, 0.9)
  texts = {augment("&nbsp; rain &nbsp;", np.random.default_rng(seed)) for seed in range(100)}
  assert all(clean(text) for text in texts) and "rain" in texts


def test_what_does_not_change_is_the_same_object():
  assert Augmentation(0.0)(TEXT, np.random.default_rng(0)) is TEXT
