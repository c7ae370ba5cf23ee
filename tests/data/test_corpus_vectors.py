"""Word vectors of captions, against the whole matrix in numpy."""

import numpy as np
import pytest

from sign_jax.data import corpus_vectors

TEXTS = [
  text.split() for text in (
    "the dog eats the meat in the evening", "the cat eats fish in the morning",
    "a dog and a cat sleep", "we sleep in the morning and eat in the evening", "", "fish",
  )
]  # fmt: skip


def information(texts, vocabulary, contexts):
  counts = np.zeros((len(vocabulary), contexts))
  place = {word: i for i, word in enumerate(vocabulary)}
  for text in texts:
    for i, word in enumerate(text):
      for j, other in enumerate(text):
        if i != j and abs(i - j) <= corpus_vectors.WINDOW and place[other] < contexts:
          counts[place[word], place[other]] += 1
  expected = counts.sum(1, keepdims=True) * counts.sum(0) / counts.sum()
  with np.errstate(divide="ignore", invalid="ignore"):
    return np.nan_to_num(np.maximum(np.log(counts / expected), 0))


@pytest.mark.parametrize("contexts", [2048, 6])
def test_vectors_are_those_of_the_matrix(monkeypatch, contexts):
  monkeypatch.setattr(corpus_vectors, "CONTEXTS", contexts)
  monkeypatch.setattr(corpus_vectors, "_ROWS", 5)
  words, vectors = corpus_vectors.of(TEXTS, 4)
  assert words[:4] == ["the", "in", "a", "and"] and sorted(words) == sorted({*sum(TEXTS, [])})
  matrix = information(TEXTS, words, min(contexts, len(words)))
  left, values, right = np.linalg.svd(matrix, full_matrices=False)
  expected = left[:, :4] * np.sqrt(values[:4])
  signs = np.sign(right[:4][np.arange(4), np.abs(right[:4]).argmax(1)])
  assert vectors.dtype == np.float32
  np.testing.assert_allclose(vectors, expected * signs, atol=1e-5)


def test_columns_that_there_are_not_are_zero():
  words, vectors = corpus_vectors.of([["a", "b"], ["a", "b"]], 6)
  assert words == ["a", "b"] and vectors.shape == (2, 6)
  assert np.abs(vectors[:, :2]).sum() > 0 and not vectors[:, 2:].any()


def test_texts_of_single_words():
  words, vectors = corpus_vectors.of([["a"], ["b"]], 3)
  assert words == ["a", "b"] and not vectors.any()


def test_words_that_stand_alike_are_alike():
  rng = np.random.default_rng(0)
  subjects, places = ["dog", "cat"], ["here", "there", "away"]
  texts = [
    ["the", rng.choice(subjects), "sleeps"] if rng.random() < 0.5
    else ["we", "go", rng.choice(places)] for _ in range(200)
  ]  # fmt: skip
  words, vectors = corpus_vectors.of(texts, 8)
  unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
  similar = dict(zip(words, unit @ unit[words.index("dog")], strict=True))
  assert similar["cat"] > 0.9 > similar["here"]
