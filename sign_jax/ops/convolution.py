"""Convolutions over frames alone and over time alone, with symmetric padding, and their transposes.

Kernels have 5 axes, (time, height, width, C, F), as those of a convolution over all three. Padding
is k // 2 at both ends, as PyTorch's `padding=k // 2`.
"""

import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array, Float


def pointwise(
    x: Float[ArrayLike, "B T H W C"], kernel: Float[ArrayLike, "1 1 1 C F"]
) -> Float[Array, "B T H W F"]:
  """A 1 x 1 x 1 convolution: a matrix product."""
  return x @ kernel[0, 0, 0]


def spatial(
    x: Float[ArrayLike, "B T H W C"], kernel: Float[ArrayLike, "1 k k C F"], stride: int = 1
) -> Float[Array, "B T _ _ F"]:
  """Every frame by itself: (B, T, H, W, C) -> (B, T, H', W', F), H' = H / stride rounded up."""
  batch, time, *frame = x.shape
  pad = kernel.shape[1] // 2
  out = lax.conv_general_dilated(
      x.reshape(batch * time, *frame), kernel[0], (stride, stride), [(pad, pad)] * 2,
      dimension_numbers=("NHWC", "HWIO", "NHWC"),
  )
  return out.reshape(batch, time, *out.shape[1:])


def temporal(
    x: Float[ArrayLike, "B T H W C"], kernel: Float[ArrayLike, "k 1 1 C F"], stride: int = 1
) -> Float[Array, "B _ H W F"]:
  """Every pixel by itself: (B, T, H, W, C) -> (B, T', H, W, F), T' = T / stride rounded up."""
  batch, time, height, width, channels = x.shape
  pad = kernel.shape[0] // 2
  out = lax.conv_general_dilated(
      x.reshape(batch, time, height * width, channels), kernel[:, 0], (stride, 1),
      [(pad, pad), (0, 0)], dimension_numbers=("NHWC", "HWIO", "NHWC"),
  )
  return out.reshape(batch, -1, height, width, out.shape[-1])


# Of a transpose with k = 3 and stride 2: which taps an even and an odd place of the result add up,
# and how many places later than its half their source lies.
_EVEN, _ODD = ((1, 0),), ((2, 0), (0, 1))


def spatial_transposed(
    x: Float[ArrayLike, "B T h w C"],
    kernel: Float[ArrayLike, "1 3 3 C F"],
    size: tuple[int, int],
) -> Float[Array, "B T {size[0]} {size[1]} F"]:
  """The transpose of `spatial` with k = 3 and stride 2; PyTorch's with `output_size`.

  Args:
    x: (B, T, h, w, C).
    kernel: (1, 3, 3, C, F), where C are the channels of x.
    size: (H, W) of the result; H is 2 h or 2 h - 1, and so is W.
  """
  row_of = lambda rows: _merged(
      *(
          sum(
              _later(x, i, j) @ kernel[0, a, b] for a, i in rows for b, j in columns
          ) for columns in (_EVEN, _ODD)
      ),
      axis=3, length=size[1],
  )
  return _merged(row_of(_EVEN), row_of(_ODD), axis=2, length=size[0])


def temporal_transposed(
    x: Float[ArrayLike, "B t H W C"], kernel: Float[ArrayLike, "3 1 1 C F"], length: int
) -> Float[Array, "B {length} H W F"]:
  """The transpose of `temporal` with k = 3 and stride 2; `length` is 2 t or 2 t - 1."""
  later = jnp.pad(x[:, 1:], ((0, 0), (0, 1), (0, 0), (0, 0), (0, 0)))
  odd = x @ kernel[2, 0, 0] + later @ kernel[0, 0, 0]
  return _merged(x @ kernel[1, 0, 0], odd, axis=1, length=length)


def _later(x, rows, columns):
  """Every frame moved by 0 or 1 rows and columns to the beginning, zeros behind."""
  return jnp.pad(x[:, :, rows:, columns:], ((0, 0), (0, 0), (0, rows), (0, columns), (0, 0)))


def _merged(even, odd, axis, length):
  """Two arrays alternating along an axis, the first `length` of their entries."""
  shape = list(even.shape)
  shape[axis] *= 2
  merged = jnp.stack([even, odd], axis + 1).reshape(shape)
  return lax.slice_in_dim(merged, 0, length, axis=axis)
