"""Convolutions over frames alone and over time alone, with symmetric padding, and their transposes.

Kernels have 5 axes, (time, height, width, C, F), as those of a convolution over all three. Padding
is k // 2 at both ends, as PyTorch's `padding=k // 2`.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from sign_jax.ops import linear


def pointwise(
    x: Float[ArrayLike, "B T H W C"], kernel: Float[ArrayLike, "1 1 1 C F"]
) -> Float[Array, "B T H W F"]:
  """A 1 x 1 x 1 convolution: a matrix product."""
  return linear.product(x, kernel[0, 0, 0])


def spatial(
    x: Float[ArrayLike, "B T H W C"], kernel: Float[ArrayLike, "1 k k C F"], stride: int = 1
) -> Float[Array, "B T _ _ F"]:
  """Every frame by itself: (B, T, H, W, C) -> (B, T, H', W', F), H' = H / stride rounded up."""
  batch, time, *frame = x.shape
  pad = kernel.shape[1] // 2
  out = _in_two_dimensions(
      x.reshape(batch * time, *frame), kernel[0], (stride, stride), [(pad, pad)] * 2
  )
  return out.reshape(batch, time, *out.shape[1:])


def temporal(
    x: Float[ArrayLike, "B T H W C"], kernel: Float[ArrayLike, "k 1 1 C F"], stride: int = 1
) -> Float[Array, "B _ H W F"]:
  """Every pixel by itself: (B, T, H, W, C) -> (B, T', H, W, F), T' = T / stride rounded up."""
  pad = kernel.shape[0] // 2
  if jax.default_backend() == "cpu":
    return _over_time_on_cpu(x, kernel[:, 0, 0], stride)
  return _over_time(x, kernel[:, 0, 0], stride, (pad, pad))


def _over_time(x, taps, stride, pads):
  """A convolution of (B, T, H, W, C) over time with taps (k, C, F), as one in two dimensions."""
  batch, time, height, width, channels = x.shape
  out = _in_two_dimensions(
      x.reshape(batch, time, height * width, channels), taps[:, None], (stride, 1), [pads, (0, 0)]
  )
  return out.reshape(batch, -1, height, width, out.shape[-1])


def _in_two_dimensions(x, kernel, strides, pads):
  """A convolution of (N, H, W, C) with (k, l, C, F); XLA's in float64 are slow on CPUs."""
  if x.dtype == jnp.float64 and jax.default_backend() == "cpu":
    return _by_products(x, kernel, strides, pads)
  return lax.conv_general_dilated(
      x, kernel, strides, pads, dimension_numbers=("NHWC", "HWIO", "NHWC")
  )


def _by_products(x, kernel, strides, pads):
  """The same as one matrix product, of what all taps read side by side."""
  ends = [(0, 0, 0), *((*pad, 0) for pad in pads), (0, 0, 0)]
  x = lax.pad(x, jnp.zeros((), x.dtype), ends)
  sizes = zip(x.shape[1:3], kernel.shape[:2], strides, strict=True)
  spans = [(n - k) // s * s + 1 for n, k, s in sizes]

  def read(tap):
    ends = (tap[0] + spans[0], tap[1] + spans[1])
    return lax.slice(x, (0, *tap, 0), (len(x), *ends, x.shape[-1]), (1, *strides, 1))

  every = jnp.concatenate([read(tap) for tap in np.ndindex(*kernel.shape[:2])], axis=-1)
  return linear.product(every, kernel.reshape(-1, kernel.shape[-1]))


# On CPU, XLA's gradients of this convolution take two to four times what they must: that of the
# kernel has a window as large as the clip, and that of a strided one is full of zeros.
@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _over_time_on_cpu(x, taps, stride):
  pad = len(taps) // 2
  return _over_time(x, taps, stride, (pad, pad))


def _forward(x, taps, stride):
  return _over_time_on_cpu(x, taps, stride), (x, taps)


def _backward(stride, saved, grads):
  x, taps = saved
  of_clip = _gradient_of_clip(taps, grads, stride, x.shape[1])
  return of_clip, _gradient_of_taps(x, taps, grads, stride)


def _gradient_of_clip(taps, grads, stride, length):
  """A convolution without a stride for each of the places that a stride tells apart."""
  pad, back = len(taps) // 2, jnp.swapaxes(taps, 1, 2)
  phases = []
  for phase in range(stride):
    # The place stride * u + phase was read with tap i at the place u + (phase + pad - i) / stride.
    last = (phase + pad) % stride
    chosen = range(last, len(taps), stride)[::-1]
    offset = (phase + pad - chosen[0]) // stride
    count = -(-(length - phase) // stride)
    behind = count - 1 + offset + len(chosen) - 1 - (grads.shape[1] - 1)
    # The highest tap reads what lies farthest ahead in time.
    phases.append(_over_time(grads, back[np.array(chosen)], 1, (-offset, behind)))
  if stride == 1:
    return phases[0]
  full = -(-length // stride)
  phases = [_filled(phase, full) for phase in phases]
  return _merged(phases, axis=1, length=length)


def _filled(x, length):
  return jnp.pad(x, ((0, 0), (0, length - x.shape[1]), *[(0, 0)] * 3))


def _gradient_of_taps(x, taps, grads, stride):
  """A matrix product for each tap."""
  pad, span = len(taps) // 2, (grads.shape[1] - 1) * stride + 1
  padded = jnp.pad(x, ((0, 0), (pad, pad), *[(0, 0)] * 3))
  read = [padded[:, tap : tap + span : stride] for tap in range(len(taps))]
  return jnp.stack([linear.of_kernel(of_tap, grads) for of_tap in read])


_over_time_on_cpu.defvjp(_forward, _backward)


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
  part = lambda rows, columns: sum(
      linear.product(_later(x, i, j), kernel[0, a, b]) for a, i in rows for b, j in columns
  )
  lines = [
      _merged([part(rows, columns) for columns in (_EVEN, _ODD)], axis=3, length=size[1])
      for rows in (_EVEN, _ODD)
  ]
  return _merged(lines, axis=2, length=size[0])


def temporal_transposed(
    x: Float[ArrayLike, "B t H W C"], kernel: Float[ArrayLike, "3 1 1 C F"], length: int
) -> Float[Array, "B {length} H W F"]:
  """The transpose of `temporal` with k = 3 and stride 2; `length` is 2 t or 2 t - 1."""
  later = jnp.pad(x[:, 1:], ((0, 0), (0, 1), (0, 0), (0, 0), (0, 0)))
  odd = linear.product(x, kernel[2, 0, 0]) + linear.product(later, kernel[0, 0, 0])
  return _merged([linear.product(x, kernel[1, 0, 0]), odd], axis=1, length=length)


def _later(x, rows, columns):
  """Every frame moved by 0 or 1 rows and columns to the beginning, zeros behind."""
  return jnp.pad(x[:, :, rows:, columns:], ((0, 0), (0, 0), (0, rows), (0, columns), (0, 0)))


def _merged(parts, axis, length):
  """Arrays alternating along an axis, the first `length` of their entries."""
  shape = list(parts[0].shape)
  shape[axis] *= len(parts)
  merged = jnp.stack(parts, axis + 1).reshape(shape)
  return lax.slice_in_dim(merged, 0, length, axis=axis)
