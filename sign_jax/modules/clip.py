"""CLIP's two towers, with a token for every clip and every word (CiCo, UPRet).

Both keep all tokens: the released systems project every position, not only the class token.
In float16 they compute as the released programs do, and their tokens are float32 arrays of float16
numbers: all that follows is float32.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Bool, Float, Int

from sign_jax.modules.linear import Dense
from sign_jax.modules.transformer import Transformer, layer_norm
from sign_jax.ops import linear

VOCABULARY = 49408
HEAD_WIDTH = 64  # channels of a head of attention
CONTEXT = 77  # positions that CLIP's checkpoints hold; only the first N_t are read


def _project(
  x: Float[ArrayLike, "B N C"], projection: Float[ArrayLike, "C D"]
) -> Float[Array, "B N D"]:
  tokens = linear.product(x, projection.astype(x.dtype))
  if tokens.dtype != jnp.float16:
    return tokens
  # Without the barrier a compiler may leave the rounding out.
  return jax.lax.optimization_barrier(tokens).astype(jnp.float32)


class VideoTower(nn.Module):
  """Sign features -> video tokens: CLIP's vision transformer on clips instead of patches.

  Attributes:
    length: L_v, the most clips.
    attention, remat: see `modules.transformer.Transformer`.
    attend_class: whether the class token is valid and attended to. It is in SEDS; the released code
      of CiCo and UPRet masks position 0.
  """

  width: int
  layers: int
  heads: int
  embed_dim: int
  length: int = 64
  attend_class: bool = False
  dtype: DTypeLike = jnp.float32
  attention: str = "xla"
  remat: bool = False

  @nn.compact
  def __call__(
    self, video: Float[ArrayLike, "B L_v F"], valid: Bool[ArrayLike, "B L_v"]
  ) -> tuple[Float[Array, "B 1+L_v D"], Bool[Array, "B 1+L_v"]]:
    """Encodes clips.

    Args:
      video: (B, L_v, F) float, one sign feature a clip, zeros after the last one.
      valid: (B, L_v) bool, True = a real clip.

    Returns:
      tokens: (B, 1 + L_v, D), the class token first, not normalised.
      mask: (B, 1 + L_v) bool, True = valid and attended to.
    """
    scale = self.width**-0.5
    normal = nn.initializers.normal(scale)
    x = Dense(self.width, use_bias=False, dtype=self.dtype, name="conv1")(video)
    class_token = self.param("class_embedding", normal, (self.width,)).astype(x.dtype)
    class_token = jnp.broadcast_to(class_token, (x.shape[0], 1, self.width))
    x = jnp.concatenate([class_token, x], axis=1)
    positions = self.param("positional_embedding", normal, (1 + self.length, self.width))
    x = layer_norm("ln_pre", self.dtype)(x + positions.astype(x.dtype)[None])
    mask = jnp.pad(valid, ((0, 0), (1, 0)), constant_values=self.attend_class)
    blocks = Transformer(
        self.layers, self.heads, self.dtype, self.attention, self.remat, name="transformer"
    )
    x = blocks(x, mask)
    x = layer_norm("ln_post", self.dtype)(x)
    projection = self.param("proj", normal, (self.width, self.embed_dim))
    return _project(x, projection), mask


class TextTower(nn.Module):
  """CLIP BPE ids -> word tokens by CLIP's causal text transformer."""

  width: int
  layers: int
  heads: int
  embed_dim: int
  dtype: DTypeLike = jnp.float32
  attention: str = "xla"
  remat: bool = False

  @nn.compact
  def __call__(
    self, ids: Int[ArrayLike, "B N_t"]
  ) -> tuple[Float[Array, "B N_t D"], Bool[Array, "B N_t"]]:
    """Encodes token ids.

    Args:
      ids: (B, N_t) int32: 49406, tokens, 49407, zeros.

    Returns:
      tokens: (B, N_t, D), not normalised.
      mask: (B, N_t) bool: positions up to the end token, whose id is the largest.
    """
    length = ids.shape[1]
    # Float16 has no place for a table's gradient, a sum over many tokens.
    table_dtype = jnp.float32 if self.dtype == jnp.float16 else self.dtype
    embed = nn.Embed(
        VOCABULARY, self.width, dtype=table_dtype, name="token_embedding",
        embedding_init=nn.initializers.normal(0.02),
    )
    positions = self.param(
        "positional_embedding", nn.initializers.normal(0.01), (CONTEXT, self.width)
    )
    x = embed(ids).astype(self.dtype) + positions[None, :length].astype(self.dtype)
    blocks = Transformer(
        self.layers, self.heads, self.dtype, self.attention, self.remat, name="transformer"
    )
    x = blocks(x, causal=True)
    x = layer_norm("ln_final", self.dtype)(x)
    projection = self.param(
        "text_projection", nn.initializers.normal(self.width**-0.5), (self.width, self.embed_dim)
    )
    mask = jnp.arange(length)[None] <= jnp.argmax(ids, axis=-1)[:, None]
    return _project(x, projection), mask
