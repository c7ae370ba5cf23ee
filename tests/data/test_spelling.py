"""The nearest spelling, against edits that are counted one by one."""

import itertools

import numpy as np
import pytest

from sign_jax.data import spelling
from sign_jax.data.spelling import Words, nearest


def edits(left, right):
  row = list(range(len(right) + 1))
  for i, x in enumerate(left, 1):
    before, row[0] = row[0], i
    for j, y in enumerate(right, 1):
      before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
  return row[-1]


def found(asked, among, limit=spelling.MOST):
  index, counts = nearest(Words.of(asked), Words.of(among), np.full(len(asked), limit))
  return list(zip(index.tolist(), counts.tolist(), strict=True))


def expected(asked, among, limit=spelling.MOST):
  for word in asked:
    counts = [edits(word, other) for other in among]
    best = min(counts)
    yield (counts.index(best), best) if best <= limit else (-1, spelling.MOST + 1)


def random_words(count, letters, longest, seed=0):
  rng = np.random.default_rng(seed)
  return [
    "".join(rng.choice(list(letters), rng.integers(1, longest + 1))) for _ in range(count)
  ]


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_words_of_few_letters(limit):
  asked, among = random_words(60, "abc", 7), random_words(300, "abc", 7, seed=1)
  assert found(asked, among, limit) == list(expected(asked, among, limit))


def test_all_words_of_two_letters():
  words = ["".join(x) for n in range(4) for x in itertools.product("xy", repeat=n)]
  assert found(words, words[::-1]) == list(expected(words, words[::-1]))


def test_words_are_compared_in_blocks(monkeypatch):
  asked, among = random_words(40, "abcdef", 6), random_words(200, "abcdef", 6, seed=1)
  monkeypatch.setattr(spelling, "_ROWS", 7)
  monkeypatch.setattr(spelling, "_PAIRS", 3)
  assert found(asked, among) == list(expected(asked, among))


@pytest.mark.parametrize(("asked", "among", "place"), [
  ("mountian", ["fountain", "mountain"], 1),  # two letters in each other's place are two edits
  ("grün", ["grun", "grünn"], 0),  # as near: the first
  ("grün", ["grub", "grün"], 1),
  ("ab", ["q" * 32, "abcd"], 1),
  ("abc", ["abcdef", "xyz"], -1),
  ("a" * 32, ["a" * 31, "a" * 30], 0),
  ("a" * 32, ["a" * 33], -1), ("a" * 33, ["a" * 32], -1), ("a" * 40, ["a" * 40], -1),
  ("東京", ["東京都", "大阪"], 0),
  ("a\U0001f600", ["a\U0001f601"], 0),
  # Letters whose numbers differ by 64 share a bit, and are told apart all the same.
  ("aaaa", ["\u0121\u0121\u0121\u0121"], -1),
])
def test_single_words(asked, among, place):
  ((index, _),) = found([asked], among)
  assert index == place


def test_nothing_to_find():
  assert found([], ["a"]) == [] and found(["a"], []) == [(-1, spelling.MOST + 1)]
  assert found(["a"], ["a"], limit=-1) == [(-1, spelling.MOST + 1)]
