"""Convolutions over frames and time at once, as the two-dimensional ones of `ops.convolution`.

Every tap in time is a convolution of frames; all of them are computed as one of more channels.
"""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from sign_jax.ops import convolution


def volumetric(
    x: Float[ArrayLike, "B T H W C"], kernel: Float[ArrayLike, "n k k C F"], stride: int = 1
) -> Float[Array, "B T _ _ F"]:
  """A convolution with padding n // 2 and k // 2; `stride` is that over frames.

  Args:
    x: (B, T, H, W, C).
    kernel: (n, k, k, C, F) of odd n and k.
    stride: of height and width.
  """
  x, kernel = jnp.asarray(x), jnp.asarray(kernel)
  taps, *window, channels, features = kernel.shape
  every = jnp.moveaxis(kernel, 0, 3).reshape(1, *window, channels, taps * features)
  maps = jnp.split(convolution.spatial(x, every, stride), taps, axis=-1)
  return sum(_moved(part, taps // 2 - tap) for tap, part in enumerate(maps))


def volumetric_transposed(
    x: Float[ArrayLike, "B T h w C"],
    kernel: Float[ArrayLike, "n 3 3 C F"],
    size: tuple[int, int],
) -> Float[Array, "B T {size[0]} {size[1]} F"]:
  """The transpose of `volumetric` with k = 3 and stride 2; PyTorch's with `output_size`.

  Args:
    x: (B, T, h, w, C).
    kernel: (n, 3, 3, C, F), where C are the channels of x.
    size: (H, W) of the result; H is 2 h or 2 h - 1, and so is W.
  """
  x, kernel = jnp.asarray(x), jnp.asarray(kernel)
  taps, *window, channels, features = kernel.shape
  every = jnp.concatenate([_moved(x, tap - taps // 2) for tap in range(taps)], axis=-1)
  stacked = jnp.moveaxis(kernel, 0, 2).reshape(1, *window, taps * channels, features)
  return convolution.spatial_transposed(every, stacked, size)


def _moved(x, by):
  """x[:, t - by] at every time t, zeros where there is none."""
  length = x.shape[1]
  before, behind = max(by, 0), max(-by, 0)
  padded = jnp.pad(x, ((0, 0), (before, behind), *[(0, 0)] * 3))
  return padded[:, behind : behind + length]
