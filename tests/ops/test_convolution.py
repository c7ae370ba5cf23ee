"""Convolutions over frames and over time against the definition, and their gradients on CPU."""

import jax
import numpy as np
import pytest

from sign_jax.ops import convolution

rng = np.random.default_rng(0)


def draw(*shape):
  return rng.standard_normal(shape).astype(np.float32)


def by_definition(x, kernel, strides):
  """A convolution over time, height and width, tap by tap, in float64."""
  pads = [k // 2 for k in kernel.shape[:3]]
  x = np.pad(x.astype(np.float64), ((0, 0), *((p, p) for p in pads), (0, 0)))
  sizes = [(n - k) // s + 1 for n, k, s in zip(x.shape[1:4], kernel.shape, strides, strict=False)]
  total = 0.0
  for tap in np.ndindex(*kernel.shape[:3]):
    places = tuple(
        slice(i, i + (n - 1) * s + 1, s) for i, n, s in zip(tap, sizes, strides, strict=True)
    )
    total = total + x[(slice(None), *places)] @ kernel[tap].astype(np.float64)
  return total


@pytest.mark.parametrize(("k", "stride"), [(3, 1), (7, 2), (3, 2)])
@pytest.mark.parametrize("length", [8, 9])
def test_over_time(k, stride, length):
  x, kernel = draw(2, length, 3, 2, 4), draw(k, 1, 1, 4, 5)
  found = convolution.temporal(x, kernel, stride)
  np.testing.assert_allclose(found, by_definition(x, kernel, (stride, 1, 1)), atol=1e-4)


@pytest.mark.parametrize(("k", "stride"), [(3, 1), (7, 2), (3, 2)])
def test_over_frames(k, stride):
  x, kernel = draw(2, 3, 8, 9, 4), draw(1, k, k, 4, 5)
  found = convolution.spatial(x, kernel, stride)
  np.testing.assert_allclose(found, by_definition(x, kernel, (1, stride, stride)), atol=1e-4)


@pytest.mark.parametrize(("k", "stride"), [(3, 1), (7, 2), (3, 2)])
def test_in_float64_it_is_exact(k, stride):
  """Which CPUs compute as matrix products."""
  with jax.enable_x64(True):
    shapes = (2, 7, 8, 9, 4), (1, k, k, 4, 5), (k, 1, 1, 4, 5)
    x, over_frames, over_time = (draw(*shape).astype(np.float64) for shape in shapes)
    found = convolution.spatial(x, over_frames, stride)
    expected = by_definition(x, over_frames, (1, stride, stride))
    np.testing.assert_allclose(found, expected, atol=1e-12)
    found = convolution.temporal(x, over_time, stride)
    np.testing.assert_allclose(found, by_definition(x, over_time, (stride, 1, 1)), atol=1e-12)


@pytest.mark.parametrize(("k", "stride"), [(3, 1), (7, 2), (3, 2)])
@pytest.mark.parametrize("length", [8, 9])
def test_gradients_over_time_are_the_adjoints(k, stride, length):
  """A linear map's gradients, by numpy: <f(dx), g> = <dx, gradient> for every direction."""
  x, kernel = draw(2, length, 3, 2, 4), draw(k, 1, 1, 4, 5)
  out, back = jax.vjp(lambda *args: convolution.temporal(*args, stride), x, kernel)
  grads = draw(*out.shape)
  of_x, of_kernel = back(grads)
  for _ in range(3):
    move, turn = draw(*x.shape), draw(*kernel.shape)
    expected = (by_definition(move, kernel, (stride, 1, 1)) * grads).sum()
    np.testing.assert_allclose((of_x * move).sum(), expected, rtol=1e-3, atol=1e-2)
    expected = (by_definition(x, turn, (stride, 1, 1)) * grads).sum()
    np.testing.assert_allclose((of_kernel * turn).sum(), expected, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("size", [(5, 8), (6, 7)])
def test_transpose_over_frames(size):
  """The adjoint of a convolution of stride 2 whose input has the size asked for."""
  small, large = draw(2, 3, 3, 4, 4), draw(2, 3, *size, 5)
  kernel = draw(1, 3, 3, 4, 5)
  found = convolution.spatial_transposed(small, kernel, size)
  forward = by_definition(large, np.swapaxes(kernel, -1, -2), (1, 2, 2))
  np.testing.assert_allclose((found * large).sum(), (forward * small).sum(), rtol=1e-4)


@pytest.mark.parametrize("length", [7, 8])
def test_transpose_over_time(length):
  small, large = draw(2, 4, 3, 2, 4), draw(2, length, 3, 2, 5)
  kernel = draw(3, 1, 1, 4, 5)
  found = convolution.temporal_transposed(small, kernel, length)
  forward = by_definition(large, np.swapaxes(kernel, -1, -2), (2, 1, 1))
  np.testing.assert_allclose((found * large).sum(), (forward * small).sum(), rtol=1e-4)
