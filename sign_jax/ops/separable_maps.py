"""Heatmaps as the row and column profiles that they are products of, and their first convolution.

A map of a joint is an outer product (`ops.heatmap`). A convolution of K maps with a window of k x k
sums over k K products of profiles where it would otherwise sum over k k K pixels, and the maps,
K / 3 times as large as the video, need not be made at all.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float

# Bytes of what one step of the loop over frames makes: on CPUs as much as their caches hold.
_BYTES_ON_CPU, _BYTES = 2**21, 2**28


@struct.dataclass
class SeparableMaps:
  """Heatmaps in [-1, 1]: 2 down[b, t, y, k] across[b, t, x, k] - 1.

  Attributes:
    down: (B, T, H, K) float in [0, 1], the profile of each map along its rows.
    across: (B, T, W, K) the same along its columns.
  """

  down: Float[ArrayLike, "B T H K"]
  across: Float[ArrayLike, "B T W K"]

  @property
  def shape(self) -> tuple[int, int, int, int, int]:
    """(B, T, H, W, K), that of the maps."""
    batch, time, height, joints = self.down.shape
    return batch, time, height, self.across.shape[2], joints

  @property
  def dtype(self) -> np.dtype:
    """That of the profiles."""
    return self.down.dtype

  def astype(self, dtype: DTypeLike) -> "SeparableMaps":
    """The same in another dtype."""
    return SeparableMaps(self.down.astype(dtype), self.across.astype(dtype))

  def dense(self) -> Float[Array, "B T H W K"]:
    """The maps themselves."""
    return 2 * self.down[:, :, :, None] * self.across[:, :, None] - 1


def spatial(
    maps: SeparableMaps, kernel: Float[ArrayLike, "1 k k K F"], stride: int = 1
) -> Float[Array, "B T _ _ F"]:
  """`convolution.spatial` of the dense maps: (B, T, H', W', F), H' = H / stride rounded up.

  The profiles are constants: no gradient reaches them.
  """
  taps, size = kernel[0], kernel.shape[1]
  down, across = (
      jax.lax.stop_gradient(_windows(x, size, stride)) for x in (maps.down, maps.across)
  )
  offset = _of_ones(taps, maps.shape[2:4], stride)[None, None]

  def frames(profiles):
    down, across = profiles
    # (B, t, W', k, K, F): the columns' part of every row of the window.
    part = jnp.einsum("btxdk,edkf->btxekf", across, taps)
    wide = jnp.promote_types(part.dtype, jnp.float32)
    found = jnp.einsum("btyek,btxekf->btyxf", down, part, preferred_element_type=wide)
    return (2 * found - offset).astype(part.dtype)

  batch, time = maps.shape[:2]
  of_frame = math.prod((batch, across.shape[2], size, *taps.shape[2:])) * maps.dtype.itemsize
  count = _together(time, of_frame)
  parts = [x.reshape(batch, -1, count, *x.shape[2:]).swapaxes(0, 1) for x in (down, across)]
  found = jax.lax.map(frames, tuple(parts)).swapaxes(0, 1)
  return found.reshape(batch, time, *found.shape[3:])


def _windows(x, size, stride):
  """(B, T, N, K) -> (B, T, N / stride, size, K): what each place of the result reads."""
  count, pad = -(-x.shape[2] // stride), size // 2
  padded = jnp.pad(x, ((0, 0), (0, 0), (pad, pad), (0, 0)))
  taps = [padded[:, :, tap : tap + (count - 1) * stride + 1 : stride] for tap in range(size)]
  return jnp.stack(taps, axis=3)


def _of_ones(taps, frame, stride):
  """The convolution of maps of ones, which ends at their borders: (H', W', F)."""
  wide = jnp.promote_types(taps.dtype, jnp.float32)
  inside = [_windows(jnp.ones((1, 1, n, 1), wide), len(taps), stride)[0, 0, ..., 0] for n in frame]
  return jnp.einsum("ye,xd,edf->yxf", *inside, jnp.sum(taps, axis=2, dtype=wide))


def _together(time, of_frame):
  """How many frames the loop takes at once: a divisor of `time`, so that none is left over."""
  most = (_BYTES_ON_CPU if jax.default_backend() == "cpu" else _BYTES) // of_frame
  return max(n for n in range(1, time + 1) if time % n == 0 and n <= max(most, 1))
