import numpy as np
import pytest

from sign_jax.metrics import text_agreement

GLOSSES = np.array([[1, 2, 1, 0], [3, 4, 0, 0], [5, 0, 0, 0]])


def test_glosses_count_alike_and_chance_knows_those_that_stand_twice():
  shares = np.array([[0.5, 0.2, 0.8, 0], [1.0, 0.0, 0, 0], [0.123, 0, 0, 0]], np.float32)
  found = text_agreement.of_glosses(shares, GLOSSES, np.array([True, True, False]))
  assert found == pytest.approx({
      "align_positives": 100 * 2.5 / 5, "align_positives_chance": 100 * (5 / 3 + 2 / 2) / 5,
  })  # fmt: skip
  assert text_agreement.of_glosses(shares, GLOSSES, np.zeros(3, bool)) == {}


SENTENCES = ["B", "A", "B", "C"]


def test_a_sentence_is_looked_for_among_the_distinct_ones():
  text = np.eye(3, dtype=np.float32)[[1, 0, 1, 2]]
  video = text.copy()
  video[3] = [0, 2, 1]  # C is nearer to B
  found = text_agreement.of_sentences(video, text, SENTENCES)
  assert found == pytest.approx({"align_sentence_R@1": 75, "align_sentence_chance": 100 / 3})


def test_features_that_are_all_the_same_find_what_a_guess_does():
  same = np.random.default_rng(0).normal(size=(1, 65)).astype(np.float32).repeat(4, 0)
  found = text_agreement.of_sentences(same, same, SENTENCES)
  assert found["align_sentence_R@1"] == pytest.approx(found["align_sentence_chance"])
  assert text_agreement.of_sentences(same[:0], same[:0], []) == {}
