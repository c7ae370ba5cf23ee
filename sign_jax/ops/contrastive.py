"""Contrastive losses on matrices of similarities."""

import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Float32, PyTree

MAX_LOGIT_SCALE = math.log(100)


def diagonal_cross_entropy(logits: Float[ArrayLike, "B B"]) -> Float32[Array, ""]:
  """Mean over rows of -log softmax(row)[diagonal]; UPRet, eq. 3 and 4.

  Args:
    logits: (B, B) float; row i's true column is i.

  Returns:
    float32 scalar.
  """
  log_probs = jax.nn.log_softmax(logits.astype(jnp.float32), axis=-1)
  return -jnp.mean(jnp.diagonal(log_probs))


def symmetric_loss(
  i2t: Float[ArrayLike, "B B"], t2i: Float[ArrayLike, "B B"]
) -> Float32[Array, ""]:
  """The mean of both matrices' losses, each over rows and over columns.

  CiCo and UPRet (released): both matrices hold videos as rows and texts as columns, I2T pooled
  over video tokens and T2I over text tokens.

  Args:
    i2t, t2i: (B, B) float logits.

  Returns:
    float32 scalar.
  """
  terms = (i2t, i2t.T, t2i.T, t2i)
  return sum(diagonal_cross_entropy(x) for x in terms) / len(terms)


def joint_loss(i2t: Float[ArrayLike, "B B"], t2i: Float[ArrayLike, "B B"]) -> Float32[Array, ""]:
  """Cross-entropy of 1/2 (I2T + T2I) over rows and over columns; UPRet, eq. 24 to 26.

  Args:
    i2t, t2i: (B, B) float logits.

  Returns:
    float32 scalar.
  """
  mean = 0.5 * (i2t + t2i)
  return 0.5 * (diagonal_cross_entropy(mean) + diagonal_cross_entropy(mean.T))


def clamp_logit_scale(
  params: dict[str, PyTree], largest: float = MAX_LOGIT_SCALE
) -> dict[str, PyTree]:
  """Parameters with `logit_scale` at most `largest`: CLIP's clamp after every update."""
  return {**params, "logit_scale": jnp.minimum(params["logit_scale"], largest)}
