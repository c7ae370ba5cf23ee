"""Intra-modality mixup: examples of a batch blended with others of it; NLA-SLR, section 3.4."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Float32, Int, PRNGKeyArray, Shaped

ALPHA = 0.8  # of Beta(alpha, alpha)


class Mixup(NamedTuple):
  """One blend of a batch: `share` of each example and the rest of the one that `order` names."""

  order: Int[Array, " B"]
  share: Float32[Array, ""]


def draw(
    key: PRNGKeyArray, batch: int, probability: float, alpha: float = ALPHA
) -> Mixup:
  """One permutation and one share for the whole batch; 1 where the batch is left as it is.

  Args:
    key: PRNG key.
    batch: examples.
    probability: that the batch is blended.
    alpha: the share has the distribution Beta(alpha, alpha).
  """
  chance, order, share = jax.random.split(key, 3)
  drawn = jax.random.beta(share, alpha, alpha)
  is_blended = jax.random.bernoulli(chance, probability)
  return Mixup(
      jax.random.permutation(order, batch),
      jnp.where(is_blended, drawn, 1.0).astype(jnp.float32),
  )


def apply(mixup: Mixup, x: Float[ArrayLike, "B ..."]) -> Float[Array, "B ..."]:
  """The blend of an array, in its dtype."""
  share = mixup.share.astype(x.dtype)
  return share * x + (1 - share) * x[mixup.order]


def others(mixup: Mixup, labels: Shaped[ArrayLike, " B"]) -> Shaped[Array, " B"]:
  """What was blended in, of labels."""
  return labels[mixup.order]
