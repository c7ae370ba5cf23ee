"""The proved best of many are those that scoring all of them finds."""

import math
import types

import numpy as np
import pytest

from sign_jax.search import queries, ranking, searcher, showing


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
      chosen, asked = rng.random(rows) < 0.9, []
      score = lambda x, s=scores, a=asked: a.extend(x) or s[x]
      found = ranking.best(upper, k, score, chosen=chosen)
      there = np.flatnonzero(chosen)
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


def test_many_are_looked_at_some_at_a_time():
  scores, most = np.arange(3000, dtype=np.float32), []
  found = ranking.best(
      np.full(3000, 1e4, np.float32), 2500, lambda rows: most.append(len(rows)) or scores[rows]
  )
  assert found.rows.tolist() == list(range(2999, 499, -1)) and max(most) == ranking.PIECE


class Reads:
  """A store that notes how many clips are read at once."""

  def __init__(self):
    self.most = 0

  def read(self, rows, names):
    self.most = max(self.most, len(rows))
    return {name: np.full((len(rows), 2, 2), np.nan) for name in names}


def test_no_more_tokens_are_read_at_once_however_many_hits_are_asked_for():
  scorer = lambda arrays, tokens: np.ones((len(arrays["features"]), 1), np.float32)
  scorer.fields = ["features"]
  tools = types.SimpleNamespace(scorer=scorer)
  query = types.SimpleNamespace(parts=[queries.Part(queries.TEXT, 1.0, None)])
  store, rows = Reads(), np.arange(1000)
  assert searcher.Searcher.scores(tools, store, query, rows).tolist() == [1.0] * 1000
  assert store.most == ranking.PIECE
  model = types.SimpleNamespace(
      trained=types.SimpleNamespace(system=types.SimpleNamespace(late_interaction=True))
  )
  store = Reads()
  assert showing.Shower(model, scorer)._places(store, rows, []) == [None] * 1000
  assert store.most == ranking.PIECE


def test_sets_of_rows_have_the_best_of_all():
  rng = np.random.default_rng(2)
  for rows, k in ((40, 3), (40, 30), (5, 9), (0, 2)):
    scores, upper = drawn(rng, rows, 1.0)
    sets = rng.integers(0, 3, rows)
    parts = [ranking.best(upper, k, scores.__getitem__, chosen=sets == n) for n in range(3)]
    found = ranking.merged(parts, k)
    order = np.lexsort((np.arange(rows), -scores))[:k]
    assert found.scores.tolist() == scores[order].tolist() and found.may_miss == 0
    assert found.scored == sum(part.scored for part in parts)


def test_what_a_set_may_miss_is_told_of_all():
  rng = np.random.default_rng(3)
  for _ in range(50):
    scores, upper = drawn(rng, 400, 2.0)
    sets = rng.integers(0, 2, 400)
    late = [ranking.best(upper, 5, scores.__getitem__, lambda: True, sets == n) for n in range(2)]
    whole = ranking.best(upper, 5, scores.__getitem__, chosen=sets == 0)
    for parts in (late, [whole, late[1]]):
      found = ranking.merged(parts, 5)
      assert np.sort(scores)[-5] <= found.scores[-1] + found.may_miss
      assert found.may_miss <= max(part.may_miss for part in parts)
  nothing = ranking.Best(np.zeros(0, int), np.zeros(0, np.float32), 0, math.inf)
  assert ranking.merged([whole, nothing], 5).may_miss == math.inf
