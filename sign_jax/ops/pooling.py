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
  # One axis after the other, as maxima of shifted slices: XLA's gradient of a pool is slow on CPU,
  # and makes up a third of a training step.
  for axis, (size, stride, pads) in enumerate(zip(window, strides, padding, strict=True), 1):
    out = (x.shape[axis] + sum(pads) - size) // stride + 1
    span = (out - 1) * stride + 1
    config = [(0, 0, 0)] * x.ndim
    config[axis] = (*pads, 0)
    padded = lax.pad(x, jnp.array(-jnp.inf, x.dtype), config)
    slices = (lax.slice_in_dim(padded, k, k + span, stride, axis) for k in range(size))
    x = functools.reduce(_larger, slices)
  return x


def _larger(x, y):
  # Not jnp.maximum, whose gradient looks for what equals the maximum: where a compiler computes
  # the two anew and rounds them differently, it is lost.
  return jnp.where(x >= y, x, y)
