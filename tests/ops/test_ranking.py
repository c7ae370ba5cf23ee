"""The ranking loss term by term, its three reductions and its gradient."""

import jax
import numpy as np
import pytest

from sign_jax.ops import ranking

# Rows are videos. With a margin of 0.2 the terms above 0 are 0.6 - 0.5 + 0.2 (video 0, text 1) and
# 0.6 - 0.4 + 0.2 (text 1, video 0), and 0.3 - 0.4 + 0.2 (video 1, text 0).
WORKED = np.float32([[0.5, 0.6], [0.3, 0.4]])


@pytest.mark.parametrize(("reduction", "expected"), [
    ("mean", 0.8 / 4), ("batch", 0.8 / 2), ("diagonal", (0.8 + 4 * 0.2) / 8),
])
def test_two_pairs_worked_by_hand(reduction, expected):
  assert float(ranking.max_margin(WORKED, 0.2, reduction)) == pytest.approx(expected, rel=1e-6)


def naive(similarity, margin, reduction):
  size, terms = len(similarity), []
  for i in range(size):
    for j in range(size):
      if i != j or reduction == "diagonal":
        terms += [similarity[i, j] - similarity[i, i], similarity[j, i] - similarity[i, i]]
  total = sum(max(0.0, x + margin) for x in terms)
  return total / (size if reduction == "batch" else len(terms))


@pytest.mark.parametrize("reduction", ranking.REDUCTIONS)
def test_every_term_counts_once(reduction):
  similarity = np.random.default_rng(0).standard_normal((7, 7)).astype(np.float32)
  found, gradient = jax.value_and_grad(ranking.max_margin)(similarity, 0.3, reduction)
  assert float(found) == pytest.approx(naive(similarity.astype(float), 0.3, reduction), rel=1e-6)
  differences = np.zeros((7, 7))
  for at in np.ndindex(7, 7):
    high, low = similarity.astype(float), similarity.astype(float)
    high[at] += 1e-6
    low[at] -= 1e-6
    differences[at] = (naive(high, 0.3, reduction) - naive(low, 0.3, reduction)) / 2e-6
  np.testing.assert_allclose(gradient, differences, atol=1e-5)


def test_what_is_right_by_the_margin_costs_nothing():
  assert not ranking.max_margin(np.eye(4, dtype=np.float32), 0.2)
  assert not jax.grad(ranking.max_margin)(np.eye(4, dtype=np.float32)).any()


def test_one_pair_has_nothing_to_compare():
  assert float(ranking.max_margin(np.ones((1, 1), np.float32))) == 0


def test_another_reduction_is_refused():
  with pytest.raises(ValueError, match="unknown reduction 'sum'"):
    ranking.max_margin(WORKED, 0.2, "sum")
