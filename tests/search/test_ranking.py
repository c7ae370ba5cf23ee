"""The proved best of many are those that scoring all of them finds."""

import math

import numpy as np
import pytest

from sign_jax.search import ranking


def drawn(rng, rows, gap):
  """Scores with many ties, and bounds of them."""
  scores = np.round(rng.standard_normal(rows), 1).astype(np.float32)
  return scores, (scores + gap * rng.random(rows)).astype(np.float32)


@pytest.mark.parametrize("gap", [0.0, 0.3, 10.0])
def test_the_best_are_those_of_brute_force(gap):
  rng = np.random.default_rng(0)
  for rows in (1, 7, 200, 3000):
    for k in (1, 5, 100):
      scores, upper = drawn(rng, rows, gap)
      upper[rng.random(rows) < 0.1] = -np.inf  # removed
      asked = []
      found = ranking.best(upper, k, lambda x, s=scores, a=asked: a.extend(x) or s[x])
      there = np.flatnonzero(upper > -np.inf)
      np.testing.assert_array_equal(found.scores, np.sort(scores[there])[::-1][:k])
      np.testing.assert_array_equal(found.scores, scores[found.rows])
      assert len(set(found.rows)) == len(found.rows) and set(found.rows) <= set(there)
      assert found.scored == len(asked) == len(set(asked)) and found.may_miss == 0
      if gap == 0 and rows == 3000:
        assert found.scored <= 200


def test_bounds_that_tell_nothing_let_all_be_scored():
  scores = np.arange(3000, dtype=np.float32)
  found = ranking.best(np.full(3000, 1e4, np.float32), 3, lambda rows: scores[rows])
  assert found.scored == 3000 and found.rows.tolist() == [2999, 2998, 2997]


def test_time_that_is_up_says_how_far_it_may_be_off():
  rng = np.random.default_rng(1)
  scores, upper = drawn(rng, 2000, 2.0)
  found = ranking.best(upper, 5, lambda rows: scores[rows], is_over=lambda: True)
  assert 0 < found.scored < 2000 and 0 < found.may_miss < math.inf
  assert np.sort(scores)[-5] <= found.scores[-1] + found.may_miss


def test_rows_without_a_bound_are_told():
  scores, upper = np.arange(4, dtype=np.float32), np.arange(4, dtype=np.float32)
  upper[3] = np.inf
  found = ranking.best(upper, 2, lambda rows: scores[rows])
  assert found.rows.tolist() == [2, 1] and found.may_miss == math.inf
