"""Vectors scaled to length 1."""

import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array, Float

SHORTEST = 1e-12  # a shorter vector is divided by this


def unit_length(x: Float[ArrayLike, "*shape"], axis: int = -1) -> Float[Array, "*shape"]:
  """x / max(its L2 norm along an axis, 1e-12), as PyTorch's `normalize` does it.

  The gradient is finite everywhere, also at zero.

  Args:
    x: (...) float.
    axis: along which vectors lie.
  """
  # The root of a sum of squares has no gradient at zero, so that the bound comes before the root.
  squares = jnp.sum(jnp.square(x), axis, keepdims=True)
  return x * lax.rsqrt(jnp.maximum(squares, SHORTEST**2))
