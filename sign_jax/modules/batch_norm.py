"""BatchNorm with PyTorch's running statistics, and with positions that count several times."""

import flax.linen as nn
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from sign_jax.ops.batch_norm import batch_norm_relu


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
      (..., C) float32, or float64 of such an x.
    """
    scale, bias, running = _variables(self, x.shape[-1:])
    x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    mean, var = (variable.value for variable in running)
    if train:
      mean, var, bessel = _statistics(x, counts)
      _update(self, running, (mean, var * bessel))
    factor = scale * lax.rsqrt(var + self.epsilon)
    return (x - _spread(mean, x)) * _spread(factor, x) + _spread(bias, x)


class BatchNormRelu(nn.Module):
  """`BatchNorm` of all positions and a ReLU, with `ops.batch_norm`'s gradient in training."""

  momentum: float = 0.1
  epsilon: float = 1e-5

  @nn.compact
  def __call__(self, x: Float[ArrayLike, "*shape C"], train: bool) -> Float[Array, "*shape C"]:
    """(..., C) float -> the same in the same dtype; computed in float32."""
    scale, bias, running = _variables(self, x.shape[-1:])
    if train:
      y, mean, var = batch_norm_relu(x, scale, bias, self.epsilon)
      total = x.size // x.shape[-1]
      _update(self, running, (mean, var * (total / max(total - 1, 1))))
      return y
    mean, var = (variable.value for variable in running)
    factor = scale * lax.rsqrt(var + self.epsilon)
    y = (x.astype(scale.dtype) - _spread(mean, x)) * _spread(factor, x) + _spread(bias, x)
    return nn.relu(y).astype(x.dtype)


def _variables(module, channels):
  """Scale, bias, and the running mean and variance as Flax variables."""
  scale = module.param("scale", nn.initializers.ones, channels)
  bias = module.param("bias", nn.initializers.zeros, channels)
  mean = module.variable("batch_stats", "mean", jnp.zeros, channels)
  return scale, bias, (mean, module.variable("batch_stats", "var", jnp.ones, channels))


def _update(module, running, found):
  """Moves the running statistics to those of a batch, whose variance is the unbiased one."""
  if not module.is_initializing():
    for variable, new in zip(running, found, strict=True):
      variable.value += module.momentum * (new - variable.value)


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
