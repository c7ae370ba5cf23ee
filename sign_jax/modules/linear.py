"""`nn.Dense` on `ops.linear.product`: (..., C) -> (..., features), at default precision."""

import functools

import flax.linen as nn

from sign_jax.ops import linear


def _dot_general(x, kernel, dimensions, precision=None):
  """The one product that `nn.Dense` asks for."""
  del dimensions  # the last axis with the first one
  if precision is not None:
    raise ValueError("a Dense layer of this library has the default precision")
  return linear.product(x, kernel)


Dense = functools.partial(nn.Dense, dot_general=_dot_general)
