"""Colour jitter against plain NumPy and Python's own conversions of colours."""

import colorsys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.ops import colour

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)


@pytest.fixture(scope="module")
def clip():
  """(T, H, W, 3), with grey, black and white pixels, and some with two equal channels."""
  clip = np.random.default_rng(0).uniform(0, 1, (2, 4, 5, 3)).astype(np.float32)
  clip[0, 0, :3] = [[0.4, 0.4, 0.4], [0, 0, 0], [1, 1, 1]]
  clip[0, 1, :3] = [[0.7, 0.7, 0.2], [0.1, 0.6, 0.6], [0.8, 0.3, 0.8]]
  return clip


def expected_of(clip, order, factors):
  """Every frame by itself, every pixel's hue by itself."""
  frames = []
  for frame in clip.astype(np.float64):
    for number in order:
      grey = frame @ np.array([0.2989, 0.587, 0.114])
      factor = factors[number]
      if number == BRIGHTNESS:
        frame = frame * factor
      elif number == CONTRAST:
        frame = factor * frame + (1 - factor) * grey.mean()
      elif number == SATURATION:
        frame = factor * frame + (1 - factor) * grey[..., None]
      else:
        turned = []
        for pixel in frame.reshape(-1, 3):
          hue, saturation, value = colorsys.rgb_to_hsv(*pixel)
          turned.append(colorsys.hsv_to_rgb((hue + factor) % 1, saturation, value))
        frame = np.reshape(turned, frame.shape)
      frame = frame.clip(0, 1)
    frames.append(frame)
  return np.stack(frames)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
@pytest.mark.parametrize("factors", [(1.4, 0.6, 1.3, 0.1), (0.7, 1.4, 0.6, -0.1)])
def test_a_clip_is_changed_in_the_order_that_was_drawn(clip, order, factors):
  jitter = colour.Jitter(jnp.array(True), jnp.array(order), jnp.array(factors, jnp.float32))
  found = jax.jit(colour.apply_to_clip)(jitter, clip)
  np.testing.assert_allclose(found, expected_of(clip, order, factors), atol=2e-6)


def test_clips_are_changed_by_themselves_or_not_at_all(clip):
  orders, factors = [(0, 1, 2, 3), (3, 1, 0, 2)], [(1.2, 0.8, 0.7, 0.05), (0.7, 1.1, 1.2, -0.03)]
  jitter = colour.Jitter(
      jnp.array([True, False, True]), jnp.array([*orders, orders[0]]),
      jnp.array([*factors, factors[1]], jnp.float32),
  )
  found = jax.jit(colour.apply)(jitter, np.stack([clip] * 3))
  np.testing.assert_allclose(found[0], expected_of(clip, orders[0], factors[0]), atol=2e-6)
  np.testing.assert_array_equal(found[1], clip)
  np.testing.assert_allclose(found[2], expected_of(clip, orders[0], factors[1]), atol=2e-6)


def test_draws():
  batch = 4000
  drawn = jax.jit(colour.draw, static_argnums=(1, 2))(jax.random.key(0), batch, 0.3)
  assert abs(drawn.applied.mean() - 0.3) < 0.03
  factors = np.asarray(drawn.factors)
  np.testing.assert_array_equal(np.sort(drawn.order, axis=1), np.tile(np.arange(4), (batch, 1)))
  assert len(np.unique(drawn.order, axis=0)) == 24
  middle = np.array([1, 1, 1, 0])
  reach = np.abs(factors - middle).max(0)
  np.testing.assert_allclose(reach, colour.STRENGTHS, rtol=0.01)
  np.testing.assert_allclose(factors.mean(0), middle, atol=0.02)
  assert not colour.draw(jax.random.key(0), 50, 0.0).applied.any()
  assert colour.draw(jax.random.key(0), 50, 1.0).applied.all()
