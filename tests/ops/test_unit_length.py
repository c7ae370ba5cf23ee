"""Vectors of length 1, also along another axis, and gradients at zero."""

import jax
import numpy as np
import pytest
from jax.test_util import check_grads

from sign_jax.ops.unit_length import unit_length


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_lengths_are_1_and_directions_stay(axis):
  x = np.random.default_rng(0).standard_normal((3, 4, 5)).astype(np.float32)
  expected = x / np.linalg.norm(x.astype(float), axis=axis, keepdims=True)
  np.testing.assert_allclose(unit_length(x, axis), expected, atol=1e-6)
  check_grads(lambda x: unit_length(x, axis), (x,), 1, ["rev"], eps=1e-2, atol=1e-2, rtol=1e-2)


def test_short_vectors_are_divided_by_the_bound():
  x = np.float32([[3e-13, 4e-13], [3e-10, 4e-10], [0, 0]])
  np.testing.assert_allclose(unit_length(x), [[0.3, 0.4], [0.6, 0.8], [0, 0]], rtol=1e-5)


def test_the_gradient_at_zero_is_finite():
  x = np.zeros((2, 3), np.float32)
  assert np.isfinite(jax.grad(lambda x: unit_length(x).sum())(x)).all()
