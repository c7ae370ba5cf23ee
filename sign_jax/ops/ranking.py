"""Max-margin ranking losses on a matrix of similarities (SPOT-ALIGN, eq. 1)."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Float32

REDUCTIONS = ("mean", "batch", "diagonal")


def max_margin(
    similarity: Float[ArrayLike, "B B"], margin: float = 0.2, reduction: str = "mean"
) -> Float32[Array, ""]:
  """How far other pairs' similarities come within a margin of the right pairs'.

  A term is relu(S_ij - S_ii + margin) or relu(S_ji - S_ii + margin).

  Args:
    similarity: S, (B, B) float; row i's right column is i.
    margin: by which a right pair is to be more similar than a wrong one.
    reduction: "mean" divides the sum over i != j by the number of its terms, 2 B (B - 1), as
      released; "batch" divides it by B, as eq. 1 does; "diagonal" is the mean of all 2 B^2 terms,
      those of i = j among them.

  Returns:
    float32 scalar.

  Raises:
    ValueError: for another reduction.
  """
  if reduction not in REDUCTIONS:
    raise ValueError(f"unknown reduction {reduction!r}")
  similarity = jnp.asarray(similarity, jnp.float32)
  size = similarity.shape[0]
  right = jnp.diagonal(similarity)[:, None]
  terms = sum(jax.nn.relu(scores - right + margin) for scores in (similarity, similarity.T))
  if reduction == "diagonal":
    return jnp.sum(terms) / (2 * size**2)
  wrong = jnp.sum(jnp.where(jnp.eye(size, dtype=bool), 0.0, terms))
  return wrong / (size if reduction == "batch" else max(2 * size * (size - 1), 1))
