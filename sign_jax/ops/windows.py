"""Windows of consecutive frames, gathered for a whole batch at once."""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, Int32


def gather_windows(
  frames: Float[ArrayLike, "B F C"], starts: Int[ArrayLike, "B W"], length: int
) -> Float[Array, "B W {length} C"]:
  """Cuts windows out of every video.

  Args:
    frames: (B, F, C) float; zeros follow where F < `length`.
    starts: (B, W) int32, the first frame of each window, at most F - `length` (or 0).
    length: frames in a window.

  Returns:
    (B, W, length, C). A start below 0, as padding has, reads from frame 0.
  """
  frames = jnp.pad(frames, ((0, 0), (0, max(0, length - frames.shape[1])), (0, 0)))
  at = jnp.maximum(starts, 0)[..., None] + jnp.arange(length)[None, None]
  flat = jnp.take_along_axis(frames, at.reshape(len(at), -1, 1), axis=1)
  return flat.reshape(*at.shape, frames.shape[-1])


def gather_valid_windows(
  frames: Float[ArrayLike, "B F C"],
  starts: Int[ArrayLike, "B W"],
  valid: Bool[ArrayLike, "B W"],
  length: int,
  size: int,
) -> tuple[Float[Array, "{size} {length} C"], Bool[Array, " {size}"], Int32[Array, "B W"]]:
  """The windows that are no padding, of all videos together, in place for `size` of them.

  Args:
    frames, starts, length: see `gather_windows`.
    valid: (B, W) bool, False = padding.
    size: number of places. Windows that find none have a slot beyond them.

  Returns:
    windows: (size, length, C); those of places that stay empty are of no meaning.
    taken: (size,) bool, False = empty.
    slots: (B, W) int32, the place of every window; `size` for padding, `size` + 1 for a window
      that found none.
  """
  order = jnp.cumsum(valid.ravel()) - 1
  place = jnp.where(order < size, order, size + 1)
  slots = jnp.where(valid.ravel(), place, size).reshape(valid.shape).astype(jnp.int32)
  rows = jnp.nonzero(valid.ravel(), size=size, fill_value=0)[0]
  videos, columns = jnp.divmod(rows, valid.shape[1])
  frames = jnp.pad(frames, ((0, 0), (0, max(0, length - frames.shape[1])), (0, 0)))
  at = jnp.maximum(starts, 0)[videos, columns][:, None] + jnp.arange(length)[None]
  return frames[videos[:, None], at], jnp.arange(size) < valid.sum(), slots
