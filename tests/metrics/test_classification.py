import numpy as np
import pytest

from sign_jax.metrics.classification import accuracies


def test_top_k_and_the_mean_over_classes():
  scores = np.zeros((5, 7))
  labels = np.array([0, 0, 0, 1, 6])
  scores[[0, 1], 0] = 1  # right
  scores[2, [1, 2, 3, 4]], scores[2, 0] = 2, 1  # the fifth
  scores[3, [0, 2, 3, 4, 5]], scores[3, 1] = 2, 1  # the sixth
  scores[4, 6] = 1  # right
  found = accuracies(scores, labels)
  assert found["top1"] == pytest.approx(60)
  assert found["top5"] == pytest.approx(80)
  assert found["top10"] == 100  # there are only seven
  assert found["class_top1"] == pytest.approx(100 * (2 / 3 + 0 + 1) / 3)
  assert found["class_top5"] == pytest.approx(100 * (1 + 0 + 1) / 3)
  assert found["class_top10"] == 100


def test_scores_that_are_all_alike_are_no_answer():
  assert not any(accuracies(np.zeros((4, 12)), np.arange(4)).values())
  assert accuracies(np.zeros((4, 5)), np.arange(4))["top5"] == 100  # there are only five


def test_a_tie_counts_against():
  top1 = lambda other: accuracies(np.array([[1.0, other, 0, 0, 0, 0]]), np.array([0]))["top1"]
  assert top1(1.0) == 0
  assert top1(0.9) == 100
