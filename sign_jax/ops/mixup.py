"""Intra-modality mixup: examples of a batch blended with others of it; NLA-SLR, section 3.4.

Training batches are in random order, so the example before another one is any of the others, and
the first example is blended with the last. On average a permutation drawn for each batch has the
same effect, except that it blends about one example of a batch with itself. But on several devices
it would gather all clips of the global batch on each of them; here each device gets one clip of its
neighbour. The results do not depend on the number of devices.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Float32, PRNGKeyArray, Shaped

ALPHA = 0.8  # of Beta(alpha, alpha)


class Mixup(NamedTuple):
  """One blend of a batch: `share` of each example and the rest of the one before it."""

  share: Float32[Array, ""]


def draw(key: PRNGKeyArray, probability: float, alpha: float = ALPHA) -> Mixup:
  """One share for the whole batch; 1 where the batch is left as it is.

  Args:
    key: PRNG key.
    probability: that the batch is blended.
    alpha: the share has the distribution Beta(alpha, alpha).
  """
  chance, share = jax.random.split(key)
  drawn = jax.random.beta(share, alpha, alpha)
  is_blended = jax.random.bernoulli(chance, probability)
  return Mixup(jnp.where(is_blended, drawn, 1.0).astype(jnp.float32))


def apply(mixup: Mixup, x: Float[ArrayLike, "B ..."]) -> Float[Array, "B ..."]:
  """The blend of an array, in its dtype."""
  share = mixup.share.astype(x.dtype)
  return share * x + (1 - share) * others(x)


def others(x: Shaped[ArrayLike, "B ..."]) -> Shaped[Array, "B ..."]:
  """What is blended in: of each example the one before it, and of the first the last."""
  return jnp.roll(x, 1, axis=0)
