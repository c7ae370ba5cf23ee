"""The order of equal scores after an unstable sort, against orders measured with torch 2.13."""

import numpy as np
import pytest

from sign_jax.metrics.introsort import place_among_equals

# torch.argsort(torch.zeros(n), descending=True): up to 16 equal scores keep their order.
MEASURED = {
  16: list(range(16)),
  17: [8, 16, 15, 14, 13, 12, 11, 10, 9, 0, 7, 6, 5, 4, 3, 2, 1],
  20: [10, 19, 18, 17, 16, 15, 14, 13, 12, 11, 0, 9, 8, 7, 6, 5, 4, 3, 2, 1],
}


@pytest.mark.parametrize("order", MEASURED.values(), ids=MEASURED)
def test_equals_the_measured_order(order):
  scores = np.zeros(len(order), np.float32)
  assert [place_among_equals(scores, position) for position in order] == list(range(len(order)))


@pytest.mark.parametrize("levels", [1, 3, 50])
def test_equal_scores_get_different_places(levels):
  scores = np.random.default_rng(levels).integers(0, levels, 200).astype(np.float32)
  equals = np.flatnonzero(scores == scores[7])
  places = sorted(place_among_equals(scores, position) for position in equals)
  assert places == list(range(len(equals)))


def test_equals_torch_where_it_is_installed():
  torch = pytest.importorskip("torch")
  rng = np.random.default_rng(0)
  for count, levels in [(30, 4), (80, 20), (129, 2), (1000, 100)]:
    scores = rng.integers(0, levels, count).astype(np.float32)
    order = torch.argsort(torch.tensor(scores), descending=True).tolist()
    for position in rng.integers(0, count, 5):
      better = np.count_nonzero(scores > scores[position])
      assert better + place_among_equals(scores, position) == order.index(position)
