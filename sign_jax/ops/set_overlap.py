"""How much two sets have in common."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float32


def jaccard(a: Bool[ArrayLike, "V L"], b: Bool[ArrayLike, "S L"]) -> Float32[Array, "V S"]:
  """Size of the intersection, divided by that of the union; 0 where both are empty.

  Args:
    a, b: (V, L) and (S, L) bool, which of L elements each set has.

  Returns:
    (V, S) float32 in [0, 1].
  """
  a, b = (jnp.asarray(x).astype(jnp.float32) for x in (a, b))
  both = jnp.matmul(a, b.T, precision=jax.lax.Precision.HIGHEST)
  either = a.sum(1)[:, None] + b.sum(1)[None] - both
  return both / jnp.maximum(either, 1)
