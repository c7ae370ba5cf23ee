"""Pre-LN transformer of CLIP: attention, residual block, stack.

Submodules carry CLIP's own names (`attn.in_proj`, `mlp.c_fc`, ...), so weights are renamed by a
table.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Bool, Float

from sign_jax.modules.linear import Dense
from sign_jax.ops import linear

LAYER_NORM_EPS = 1e-5


def quick_gelu(x: Float[ArrayLike, "*shape"]) -> Float[Array, "*shape"]:
  """x * sigmoid(1.702 x), CLIP's activation."""
  return x * jax.nn.sigmoid(1.702 * x)


def layer_norm(name: str, dtype: DTypeLike) -> nn.LayerNorm:
  """LayerNorm as PyTorch computes it by default."""
  return nn.LayerNorm(epsilon=LAYER_NORM_EPS, dtype=dtype, name=name)


def attend(
  q: Float[ArrayLike, "B N H C"],
  k: Float[ArrayLike, "B N H C"],
  v: Float[ArrayLike, "B N H C"],
  mask: Bool[ArrayLike, "B N"] | None,
  causal: bool,
  implementation: str,
) -> Float[Array, "B N H C"]:
  """Scaled dot-product attention.

  Args:
    q, k, v: (B, N, H, C) float, C = D / H.
    mask: (B, N) bool keys that may be attended to, or None.
    causal: whether a query sees no later key.
    implementation: "xla"; "cudnn", which computes in bfloat16 or float16 on NVIDIA GPUs; or
      "rounded", where each result is of q's dtype, as in PyTorch before its fused kernels.

  Returns:
    (B, N, H, C).
  """
  length = q.shape[1]
  if implementation == "rounded":
    return _attend_rounded(q, k, v, mask, causal)
  if implementation == "cudnn" and mask is not None:
    q, k, v, mask = pad_to_even(q, k, v, mask)
  mask = None if mask is None else mask[:, None, None, :]
  attention = functools.partial(
      jax.nn.dot_product_attention, mask=mask, is_causal=causal, implementation=implementation
  )
  return linear.rounding_once(attention, q, k, v)[:, :length]


def _attend_rounded(q, k, v, mask, causal):
  """`attend` with scaled queries, scores, weights and contexts in q's dtype."""
  product = lambda form, *arrays: linear.rounding_once(functools.partial(jnp.einsum, form), *arrays)
  scores = product("bnhc,bmhc->bhnm", q * q.shape[-1] ** -0.5, k)
  seen = jnp.ones(scores.shape[-2:], bool)
  seen = (jnp.tril(seen) if causal else seen)[None, None]
  seen = seen if mask is None else seen & mask[:, None, None, :]
  scores = jnp.where(seen, scores, jnp.finfo(scores.dtype).min)
  weights = jax.nn.softmax(scores.astype(jnp.float32), axis=-1).astype(q.dtype)
  return product("bhnm,bmhc->bnhc", weights, v)


def pad_to_even(
  q: Float[ArrayLike, "B N H C"],
  k: Float[ArrayLike, "B N H C"],
  v: Float[ArrayLike, "B N H C"],
  mask: Bool[ArrayLike, "B N"],
) -> tuple[Array, Array, Array, Bool[Array, "B _"]]:
  """One more token, not to be attended to, where N is odd: cuDNN's gradients want that."""
  odd = q.shape[1] % 2
  q, k, v = (jnp.pad(x, ((0, 0), (0, odd), (0, 0), (0, 0))) for x in (q, k, v))
  return q, k, v, jnp.pad(mask, ((0, 0), (0, odd)))


class MultiHeadAttention(nn.Module):
  """Self-attention with one projection for queries, keys and values."""

  heads: int
  dtype: DTypeLike = jnp.float32
  attention: str = "xla"

  @nn.compact
  def __call__(
    self,
    x: Float[ArrayLike, "B N D"],
    mask: Bool[ArrayLike, "B N"] | None = None,
    causal: bool = False,
  ) -> Float[Array, "B N D"]:
    """x: (B, N, D); mask: (B, N) bool keys that may be attended to, or None. -> (B, N, D)."""
    batch, length, width = x.shape
    qkv = Dense(3 * width, dtype=self.dtype, name="in_proj")(x)
    heads = (x.reshape(batch, length, self.heads, -1) for x in jnp.split(qkv, 3, axis=-1))
    out = attend(*heads, mask, causal, self.attention)
    return Dense(width, dtype=self.dtype, name="out_proj")(out.reshape(batch, length, width))


class Mlp(nn.Module):
  """width -> 4 width -> width with QuickGELU."""

  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, x: Float[ArrayLike, "B N D"]) -> Float[Array, "B N D"]:
    """(B, N, D) -> (B, N, D)."""
    hidden = quick_gelu(Dense(4 * x.shape[-1], dtype=self.dtype, name="c_fc")(x))
    return Dense(x.shape[-1], dtype=self.dtype, name="c_proj")(hidden)


class ResidualBlock(nn.Module):
  """x + attention(LN x), then x + MLP(LN x)."""

  heads: int
  dtype: DTypeLike = jnp.float32
  attention: str = "xla"

  @nn.compact
  def __call__(
    self,
    x: Float[ArrayLike, "B N D"],
    mask: Bool[ArrayLike, "B N"] | None = None,
    causal: bool = False,
  ) -> Float[Array, "B N D"]:
    """x: (B, N, D); mask: (B, N) bool or None. -> (B, N, D)."""
    attention = MultiHeadAttention(self.heads, self.dtype, self.attention, name="attn")
    x = x + attention(layer_norm("ln_1", self.dtype)(x), mask, causal)
    return x + Mlp(self.dtype, name="mlp")(layer_norm("ln_2", self.dtype)(x))


class Transformer(nn.Module):
  """`layers` residual blocks named resblocks_0, resblocks_1, ...

  Attributes:
    layers, heads, dtype: as in CLIP.
    attention: see `attend`.
    remat: True keeps only the blocks' inputs for the way back and computes the rest again.
  """

  layers: int
  heads: int
  dtype: DTypeLike = jnp.float32
  attention: str = "xla"
  remat: bool = False

  @nn.compact
  def __call__(
    self,
    x: Float[ArrayLike, "B N D"],
    mask: Bool[ArrayLike, "B N"] | None = None,
    causal: bool = False,
  ) -> Float[Array, "B N D"]:
    """x: (B, N, D); mask: (B, N) bool or None. -> (B, N, D)."""
    causal_argument = 3  # counting from the module itself
    block = nn.remat(ResidualBlock, static_argnums=causal_argument) if self.remat else ResidualBlock
    for i in range(self.layers):
      x = block(self.heads, self.dtype, self.attention, name=f"resblocks_{i}")(x, mask, causal)
    return x
