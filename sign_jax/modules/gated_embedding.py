"""Projections into a common space: the gated embedding unit, its gate alone, and a linear one.

Source: Miech et al., "Learning a text-video embedding from incomplete and heterogeneous data"
(2018), as SPOT-ALIGN's released code has it. Modules carry the released names.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, Float32

from sign_jax.modules.batch_norm import BatchNorm
from sign_jax.modules.linear import Dense
from sign_jax.ops.unit_length import unit_length


class Gate(nn.Module):
  """Context gating: y * sigmoid(BatchNorm(Linear(y)))."""

  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, y: Float[ArrayLike, "B C"], train: bool) -> Float32[Array, "B C"]:
    """(B, C) float -> (B, C) float32; in training by the batch's statistics."""
    y = jnp.asarray(y, jnp.float32)
    gates = Dense(y.shape[-1], dtype=self.dtype, name="fc")(y)
    return y * jax.nn.sigmoid(BatchNorm(name="batch_norm")(gates, train))


class GatedEmbedding(nn.Module):
  """The gated embedding unit: a linear layer, a `Gate`, length 1.

  Attributes:
    features: C of the output; None is without the linear layer.
    dtype: of the matrix products.
  """

  features: int | None
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, x: Float[ArrayLike, "B F"], train: bool) -> Float32[Array, "B C"]:
    """(B, F) float -> (B, C) float32 of length 1; in training by the batch's statistics."""
    if self.features is not None:
      x = Dense(self.features, dtype=self.dtype, name="fc")(x)
    return unit_length(Gate(self.dtype, name="cg")(x, train))


class LinearEmbedding(nn.Module):
  """A linear layer and length 1.

  Attributes:
    features: C of the output.
    dtype: of the matrix product.
  """

  features: int
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, x: Float[ArrayLike, "B F"]) -> Float32[Array, "B C"]:
    """(B, F) float -> (B, C) float32 of length 1."""
    y = Dense(self.features, dtype=self.dtype, name="fc")(x)
    return unit_length(y.astype(jnp.float32))
