"""Maxima over windows of clips."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array, Float

Window = tuple[int, int, int]


def max_pool(
    x: Float[ArrayLike, "B T H W C"],
    window: Window,
    strides: Window,
    padding: Sequence[tuple[int, int]],
) -> Float[Array, "B _ _ _ C"]:
  """Max-pool, (B, T, H, W, C) -> (B, T', H', W', C), in the form that is fastest on the backend.

  Args:
    x: (B, T, H, W, C).
    window, strides: of time, height and width.
    padding: of the same, how many places of -inf stand before and behind.
  """
  if jax.default_backend() == "cpu":
    return _by_axes(x, window, strides, padding)
  return nn.max_pool(x, window, strides, padding)


def _by_axes(x, window, strides, padding):
  # One axis after the other: XLA's gradient of a pool is slow on CPU, a third of a training step.
  for axis, (size, stride, pads) in enumerate(zip(window, strides, padding, strict=True), 1):
    if size > 1 or stride > 1 or any(pads):
      x = _along(x, axis, size, stride, tuple(pads))
  return x


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3, 4))
def _along(x, axis, size, stride, pads):
  return _winners(x, axis, size, stride, pads)[0]


def _winners(x, axis, size, stride, pads):
  """(maxima, the places of their windows that they stand at, the first of equal ones)."""
  out = (x.shape[axis] + sum(pads) - size) // stride + 1
  config = [(0, 0, 0)] * x.ndim
  config[axis] = (*pads, 0)
  padded = lax.pad(x, jnp.array(-jnp.inf, x.dtype), config)
  span = (out - 1) * stride + 1
  best = lax.slice_in_dim(padded, 0, span, stride, axis)
  places = jnp.zeros(best.shape, jnp.int8)
  for place in range(1, size):
    tap = lax.slice_in_dim(padded, place, place + span, stride, axis)
    stays = best >= tap
    best, places = jnp.where(stays, best, tap), jnp.where(stays, places, jnp.int8(place))
  return best, places


def _forward(x, axis, size, stride, pads):
  best, places = _winners(x, axis, size, stride, pads)
  return best, (places, x.shape[axis])


# By the noted places. What equals the maximum must not be looked for: where a compiler computes the
# two anew and rounds them differently, the gradient is lost.
def _backward(axis, size, stride, pads, saved, grads):
  places, length = saved
  zero, span = jnp.array(0, grads.dtype), (places.shape[axis] - 1) * stride + 1
  parts = []
  for place in range(size):
    config, before = [(0, 0, 0)] * grads.ndim, place - pads[0]
    config[axis] = (before, length - before - span, stride - 1)
    parts.append(lax.pad(jnp.where(places == place, grads, zero), zero, config))
  return (sum(parts[1:], parts[0]),)


_along.defvjp(_forward, _backward)
