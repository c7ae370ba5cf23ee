"""A tighter bound of the late interaction pooled by softmax, from the codes of clips.

`bound.upper` takes the largest value for a softmax's mean, which is far more where many values are
near it. But codes bound each similarity from both sides, y <= s <= x. The mean of values s weighted
by exp(s / T) is at most F where

    g(F) = sum max((x - F) exp(x / T), (y - F) exp(y / T)) <= 0,

as (s - F) exp(s / T), of which the mean is the root, is largest at an end of [y, x]: it falls up to
s = F - T and rises beyond. g is convex and falls, with a slope of sum exp(y / T) at least, and of
exp(m / T) up to the largest x, m. So one step from any F,

    F + max(g(F), 0) / slope,

ends where g is at most 0. How far y and x are apart is told for each token of a clip alone, by the
largest lengths that any word has: one exponential serves both.
"""

import functools

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Float32

from sign_jax.search import bound, close

LEAST_TEMPERATURE = close.SHARED  # below, exponentials do not fit into float32
_NEGATIVE, _TINY = -1e30, 1e-30
_GROWN = 1.001  # more than what is rounded in a slope
_FAR = 6.0  # bounds of similarities lie between -3 and 3


@functools.partial(jax.jit, static_argnames=("interaction", "slack"))
def upper(
    codes: Float[ArrayLike, "C N K"], weights: Float[ArrayLike, "C N"],
    mask: Bool[ArrayLike, "C N"], query: bound.Query, interaction: close.Interaction, slack: float,
) -> Float32[Array, "Q C"]:
  """Bounds of the scores of C clips with Q sentences, but for what rounding adds to the sums.

  Args:
    codes, weights, mask, query: see `bound.upper`.
    interaction: pooled by softmax, at a temperature of LEAST_TEMPERATURE or more.
    slack: what rounding may change in a similarity.
  """
  codes = codes.astype(jnp.float32)

  def one(text):
    most = text.codes[:, -2:].max(0)
    reach = jnp.matmul(codes[..., -2:], most, precision=jax.lax.Precision.HIGHEST) + slack
    high = close.matrix(codes[..., :-2], text.codes[:, :-2]) + reach[..., None]
    powers = jnp.exp(high / interaction.temperature)
    masks = text.mask[None, None, :], mask[:, :, None]
    along = functools.partial(pooled, high, powers, reach[..., None], interaction)
    return close.weighted(along(masks[0], 2), along(masks[1], 1), weights, text.weights)

  return jax.lax.map(one, query)


def pooled(
    high: Float[ArrayLike, "C N M"], powers: Float[ArrayLike, "C N M"],
    reach: Float[ArrayLike, "C N 1"], interaction: close.Interaction,
    mask: Bool[ArrayLike, "#C #N #M"], axis: int,
) -> Float[Array, "C _"]:
  """Bounds of means weighted by softmax along an axis.

  Args:
    high: what the values are at most.
    powers: exp(high / temperature).
    reach: values are at most 2 `reach` below `high`.
    interaction: see `upper`.
    mask: which values there are, where the interaction masks any.
    axis: 1 or 2.
  """
  if not interaction.mask_padding:
    mask = True
  temperature = interaction.temperature
  powers = jnp.where(mask, powers, 0.0)
  largest = jnp.where(mask, high, _NEGATIVE).max(axis, keepdims=True)
  fall = jnp.exp(-2 * reach / temperature)  # of the powers, from one end to the other
  total = powers.sum(axis, keepdims=True)
  start = (powers * high).sum(axis, keepdims=True) / jnp.maximum(total, _TINY)
  above = high - start
  rest = (powers * jnp.maximum(above, (above - 2 * reach) * fall)).sum(axis, keepdims=True)
  # Powers are wrong by as many units as their logits are large, sums by as many as they have terms,
  # and no value is farther from the mean than _FAR.
  wrong = (2 * (2 / temperature + 8) + 2 * high.shape[axis]) * 2.0**-24
  rest = jnp.maximum(rest + _FAR * wrong * total, 0.0)
  slope = jnp.maximum(fall.min(axis, keepdims=True) * total, jnp.exp(largest / temperature))
  found = start + _GROWN * rest / jnp.maximum(slope, _TINY) + 2.0**-20
  return jnp.minimum(found, largest).squeeze(axis)
