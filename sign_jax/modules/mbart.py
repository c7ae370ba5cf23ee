"""The encoder of mBART, a transformer that reads tokens of many languages.

Source: Liu et al., "Multilingual Denoising Pre-training for Neural Machine Translation" (2020).
Layers have the names of the released checkpoints.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int

from sign_jax.modules.linear import Dense
from sign_jax.modules.transformer import attend, layer_norm

_OFFSET = 2  # rows of positions before the first one
PAD = 1


class MBartLayer(nn.Module):
  """x + attention(LN x), then x + MLP(LN x).

  Attributes:
    heads: of the attention.
    hidden: channels of the MLP.
  """

  heads: int
  hidden: int

  @nn.compact
  def __call__(
      self, x: Float[ArrayLike, "B N D"], mask: Bool[ArrayLike, "B N"]
  ) -> Float[Array, "B N D"]:
    """x: (B, N, D); mask: (B, N) bool, which tokens may be attended to. -> (B, N, D)."""
    batch, length, width = x.shape
    y = layer_norm("self_attn_layer_norm", x.dtype)(x)
    q, k, v = (
        Dense(width, name=f"{name}_proj")(y).reshape(batch, length, self.heads, -1)
        for name in "qkv"
    )
    y = attend(q, k, v, mask, causal=False, implementation="xla")
    x = x + Dense(width, name="out_proj")(y.reshape(batch, length, width))
    y = Dense(self.hidden, name="fc1")(layer_norm("final_layer_norm", x.dtype)(x))
    return x + Dense(width, name="fc2")(jax.nn.gelu(y, approximate=False))


class MBartEncoder(nn.Module):
  """Embeddings, `layers` layers, a last LayerNorm.

  Attributes:
    vocabulary: tokens.
    width: D.
    layers, heads, hidden: as in `MBartLayer`.
    positions: of tokens, at most.
  """

  vocabulary: int = 250027
  width: int = 1024
  layers: int = 12
  heads: int = 16
  hidden: int = 4096
  positions: int = 1024

  @nn.compact
  def __call__(
      self, ids: Int[ArrayLike, "B N"]
  ) -> Float[Array, "B N {self.width}"]:
    """(B, N) int token ids, `PAD` behind the end -> (B, N, D) float; padding's mean nothing.

    Raises:
      ValueError: more tokens than positions.
    """
    ids = jnp.asarray(ids)
    length = ids.shape[1]
    if length > self.positions:
      raise ValueError(f"{length} tokens are more than the {self.positions} positions of mBART")
    draw = nn.initializers.normal(0.02)
    words = self.param("embed_tokens", draw, (self.vocabulary, self.width))
    places = self.param("embed_positions", draw, (self.positions + _OFFSET, self.width))
    x = jnp.sqrt(self.width).astype(words.dtype) * words[ids]
    x = x + places[None, _OFFSET : _OFFSET + length]
    x = layer_norm("layernorm_embedding", x.dtype)(x)
    mask = ids != PAD
    for number in range(self.layers):
      x = MBartLayer(self.heads, self.hidden, name=f"layers_{number}")(x, mask)
    return layer_norm("layer_norm", x.dtype)(x)

