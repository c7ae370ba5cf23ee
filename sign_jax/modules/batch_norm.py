"""BatchNorm with PyTorch's running statistics, and with positions that count several times."""

import flax.linen as nn
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array, Float


class BatchNorm(nn.Module):
  """BatchNorm over all axes but the last.

  Not `nn.BatchNorm`, whose running variance is the biased one.

  Attributes:
    momentum: share of a batch in the running statistics.
    epsilon: added to the variance.
  """

  momentum: float = 0.1
  epsilon: float = 1e-5

  @nn.compact
  def __call__(
    self,
    x: Float[ArrayLike, "*shape C"],
    train: bool,
    counts: Float[ArrayLike, "..."] | None = None,
  ) -> Float[Array, "*shape C"]:
    """Normalises; in training by the batch's statistics, and updates those in "batch_stats".

    Args:
      x: (..., C) float.
      train: whether the batch's statistics are used.
      counts: broadcastable to (..., 1), float32: how often a position counts in the statistics.
        0 leaves padding out, n stands for n equal positions. None counts each once.

    Returns:
      (..., C) float32.
    """
    channels = x.shape[-1:]
    scale = self.param("scale", nn.initializers.ones, channels)
    bias = self.param("bias", nn.initializers.zeros, channels)
    running_mean = self.variable("batch_stats", "mean", jnp.zeros, channels)
    running_var = self.variable("batch_stats", "var", jnp.ones, channels)
    x = x.astype(jnp.float32)
    mean, var = running_mean.value, running_var.value
    if train:
      mean, var, bessel = _statistics(x, counts)
      if not self.is_initializing():
        unbiased = var * bessel
        running_mean.value += self.momentum * (mean - running_mean.value)
        running_var.value += self.momentum * (unbiased - running_var.value)
    factor = scale * lax.rsqrt(var + self.epsilon)
    return (x - _spread(mean, x)) * _spread(factor, x) + _spread(bias, x)


def _spread(
  channels: Float[ArrayLike, " C"], x: Float[ArrayLike, "*shape C"]
) -> Float[Array, "... C"]:
  """One number a channel, with the rank of x."""
  return jnp.expand_dims(channels, range(x.ndim - 1))


def _statistics(
  x: Float[ArrayLike, "*shape C"], counts: Float[ArrayLike, "..."] | None
) -> tuple[Float[Array, " C"], Float[Array, " C"], Float[Array, ""] | float]:
  # Mean, biased variance, and the factor that makes it unbiased.
  axes = tuple(range(x.ndim - 1))
  if counts is None:
    total = x.size // x.shape[-1]
    return jnp.mean(x, axes), jnp.var(x, axes), total / max(total - 1, 1)
  total = jnp.maximum(jnp.broadcast_to(counts, (*x.shape[:-1], 1)).sum(), 1.0)
  mean = (x * counts).sum(axes) / total
  var = (jnp.square(x - _spread(mean, x)) * counts).sum(axes) / total
  return mean, var, total / jnp.maximum(total - 1, 1.0)
