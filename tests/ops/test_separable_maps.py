"""The convolution of heatmaps by their profiles against that of the maps themselves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.ops import convolution, crop, heatmap, separable_maps
from sign_jax.ops.separable_maps import SeparableMaps


def _draw(seed, shape, dtype=np.float32):
  return np.random.default_rng(seed).uniform(0, 1, shape).astype(dtype)


def _maps(time, height, width, dtype=np.float32):
  profiles = _draw(0, (2, time, height, 5), dtype), _draw(1, (2, time, width, 5), dtype)
  return SeparableMaps(*map(jnp.asarray, profiles))


def _kernel(size, dtype=np.float32):
  return _draw(2, (1, size, size, 5, 3), dtype) - 0.4


@pytest.mark.parametrize("size, stride, height, width", [(7, 2, 8, 11), (3, 1, 5, 4), (5, 3, 9, 2)])
def test_equals_the_convolution_of_the_maps(size, stride, height, width):
  maps, kernel = _maps(3, height, width), _kernel(size)
  expected = convolution.spatial(maps.dense(), kernel, stride)
  found = jax.jit(separable_maps.spatial, static_argnums=2)(maps, kernel, stride)
  assert maps.shape == (2, 3, height, width, 5) and found.dtype == expected.dtype
  np.testing.assert_allclose(found, expected, atol=1e-4)


def test_gradients_of_the_kernel_equal():
  maps, kernel = _maps(4, 6, 6), _kernel(7)

  def gradient(convolve, x):
    loss = lambda kernel: jnp.sum(jnp.sin(convolve(x, kernel, 2)))
    return jax.jit(jax.grad(loss))(kernel)

  expected = gradient(convolution.spatial, maps.dense())
  np.testing.assert_allclose(gradient(separable_maps.spatial, maps), expected, atol=2e-4)


def test_frames_in_any_number_of_steps(monkeypatch):
  maps, kernel = _maps(12, 6, 6), _kernel(3)
  whole = separable_maps.spatial(maps, kernel)
  assert separable_maps._together(12, 1) == 12 and separable_maps._together(7, 2**40) == 1
  monkeypatch.setattr(separable_maps, "_BYTES_ON_CPU", 5 * 2 * 6 * 3 * 5 * 3 * 4)
  assert separable_maps._together(12, 2 * 6 * 3 * 5 * 3 * 4) == 4
  np.testing.assert_allclose(separable_maps.spatial(maps, kernel), whole, atol=1e-5)


def test_bfloat16_is_as_near_as_that_of_the_maps():
  maps, kernel = _maps(2, 8, 8), _kernel(7)
  exact = convolution.spatial(maps.dense(), kernel, 2)
  narrow, rounded = maps.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16)
  found = separable_maps.spatial(narrow, rounded, 2)
  usual = convolution.spatial(maps.dense().astype(jnp.bfloat16), rounded, 2)
  error = lambda x: np.abs(np.asarray(x, np.float32) - exact).max()
  assert found.dtype == jnp.bfloat16 and error(found) < 2 * error(usual)


def test_profiles_are_those_of_the_heatmaps():
  points = _draw(3, (2, 3, 5, 2))
  points[0, 1, 2] = np.nan  # a missing joint
  boxes = crop.central(2, 0.8)
  maps = SeparableMaps(*heatmap.profiles(points, 9, boxes, canvas=(20, 16), sigma=2.0))
  expected = heatmap.normalize(heatmap.heatmaps(points, 9, boxes, canvas=(20, 16), sigma=2.0))
  np.testing.assert_allclose(maps.dense(), expected, atol=1e-6)
  assert (np.asarray(maps.dense())[0, 1, ..., 2] == -1).all()
