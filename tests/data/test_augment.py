"""Random swap of two words."""

import numpy as np
import pytest

from sign_jax.data.augment import random_swap

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
