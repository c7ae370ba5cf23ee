"""A maximum whose gradient cannot get lost."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float


def max_over(x: Float[ArrayLike, "..."], axis: int) -> Float[Array, "..."]:
  """Maximum over one axis; the gradient goes to the first of the largest elements.

  On the way back `jnp.max` looks for elements that equal the maximum. Compilers may compute the two
  anew and round them in different ways; then there is none, and the gradient vanishes.

  Args:
    x: (..., n, ...) float.
    axis: of n.

  Returns:
    (..., ...), without that axis.
  """
  best = jax.lax.stop_gradient(jnp.argmax(x, axis=axis, keepdims=True))
  chosen = jax.lax.broadcasted_iota(best.dtype, x.shape, axis % x.ndim) == best
  return jnp.sum(jnp.where(chosen, x, jnp.zeros([], x.dtype)), axis=axis)
