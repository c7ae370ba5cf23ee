import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.ops.sampling import SAMPLINGS, sample_linear

BATCH, HEADS, LENGTH, WIDTH = 2, 3, 7, 4
RNG = np.random.default_rng(0)
X = jnp.float32(RNG.standard_normal((BATCH, HEADS, LENGTH, WIDTH)))
POSITIONS = jnp.float32(RNG.uniform(0, LENGTH - 1, (BATCH, HEADS, 11)))


def test_exact_sampling_interpolates():
  actual = sample_linear(X, POSITIONS, "exact")
  assert actual.shape == (BATCH, HEADS, 11, WIDTH)
  for b, h, c in np.ndindex(BATCH, HEADS, WIDTH):
    expected = np.interp(POSITIONS[b, h], np.arange(LENGTH), X[b, h, :, c])
    np.testing.assert_allclose(actual[b, h, :, c], expected, atol=1e-6)


def test_exact_sampling_at_elements_is_a_lookup():
  at = jnp.broadcast_to(jnp.arange(LENGTH, dtype=jnp.float32), (BATCH, HEADS, LENGTH))
  np.testing.assert_array_equal(sample_linear(X, at, "exact"), X)


def test_released_sampling_is_halved_and_shifted():
  actual = sample_linear(X, POSITIONS, "released")
  padded = np.pad(X, ((0, 0), (0, 0), (1, 1), (0, 0)))  # zeros at -1 and at LENGTH
  places = POSITIONS * LENGTH / (LENGTH - 1) - 0.5
  for b, h, c in np.ndindex(BATCH, HEADS, WIDTH):
    expected = 0.5 * np.interp(places[b, h], np.arange(-1, LENGTH + 1), padded[b, h, :, c])
    np.testing.assert_allclose(actual[b, h, :, c], expected, atol=1e-6)


def test_released_sampling_at_both_ends():
  """Half of zero's share: a quarter of the first and of the last element."""
  ends = jnp.broadcast_to(jnp.float32([0, LENGTH - 1]), (BATCH, HEADS, 2))
  expected = X[:, :, jnp.array([0, -1])] / 4
  np.testing.assert_allclose(sample_linear(X, ends, "released"), expected, atol=1e-6)


@pytest.mark.parametrize(("sampling", "factor"), [("exact", 1.0), ("released", 0.5)])
def test_the_slope_is_the_difference_of_the_neighbours(sampling, factor):
  total = lambda positions: sample_linear(X, positions, sampling).sum()
  stretch = LENGTH / (LENGTH - 1) if sampling == "released" else 1.0
  places = POSITIONS * stretch - (0.5 if sampling == "released" else 0.0)
  padded = np.pad(X, ((0, 0), (0, 0), (1, 1), (0, 0)))
  below = np.floor(places).astype(int) + 1
  rows = np.arange(BATCH)[:, None, None], np.arange(HEADS)[:, None]
  expected = (padded[*rows, below + 1] - padded[*rows, below]).sum(-1) * stretch * factor
  np.testing.assert_allclose(jax.grad(total)(POSITIONS), expected, atol=1e-5)


def test_the_samplings_are_named():
  assert SAMPLINGS == ("released", "exact")
  with pytest.raises(ValueError, match="unknown sampling 'other'"):
    sample_linear(X, POSITIONS, "other")
