"""Overlaps of places with true ones, and the two that know nothing."""

import numpy as np
import pytest

from sign_jax.metrics import localisation


def spans(*rows):
  return np.array(rows, float).reshape(-1, 2)


def test_overlaps_are_shares_of_both():
  one = spans((0, 2), (0, 2), (0, 2), (1, 1), (3, 5))
  other = spans((0, 2), (1, 3), (2, 4), (1, 1), (0, 10))
  np.testing.assert_allclose(localisation.overlaps(one, other), [1, 1 / 3, 0, 0, 0.2])
  np.testing.assert_allclose(localisation.overlaps(other, one), [1, 1 / 3, 0, 0, 0.2])


def test_the_middle_is_as_long_as_the_place():
  found = localisation.middle(spans((0, 2), (8, 9)), spans((0, 10), (4, 10)))
  np.testing.assert_allclose(found, [[4, 6], [6.5, 7.5]])


def test_a_summary_has_what_knows_nothing_beside_what_was_found():
  found, true = spans((0, 4), (2, 4)), spans((0, 4), (4, 6))
  numbers = localisation.summary(found, true, spans((0, 8), (0, 8)))
  assert numbers == pytest.approx({
      "places": 2, "found/overlap": 50, "found/above_half": 50,
      "middle/overlap": 100 * (1 / 3 + 1 / 3) / 2, "middle/above_half": 0,
      "whole/overlap": 100 * (1 / 2 + 1 / 4) / 2, "whole/above_half": 0,
  })
  assert localisation.summary(spans(), spans(), spans()) == {"places": 0}
