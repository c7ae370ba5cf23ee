"""`nn.Dense` on `ops.linear.product`: (..., C) -> (..., features), at default precision."""

import functools

import flax.linen as nn
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from sign_jax.ops import linear


def _dot_general(
  x: Float[ArrayLike, "*B C"],
  kernel: Float[ArrayLike, "C F"],
  dimensions: tuple,
  precision: object = None,
) -> Float[Array, "*B F"]:
  """The one product that `nn.Dense` asks for."""
  del dimensions  # the last axis with the first one
  if precision is not None:
    raise ValueError("a Dense layer of this library has the default precision")
  return linear.product(x, kernel)


Dense = functools.partial(nn.Dense, dot_general=_dot_general)
