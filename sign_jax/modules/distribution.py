"""Distribution modelling of UPRet (section 3.3): tokens -> means and log standard deviations."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float

from sign_jax.modules.linear import Dense
from sign_jax.modules.transformer import layer_norm


class Mlp(nn.Module):
  """D -> 4 D -> D with exact GELU and dropout."""

  dropout: float
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, x: Float[ArrayLike, "B N D"], deterministic: bool) -> Float[Array, "B N D"]:
    """(B, N, D) -> (B, N, D)."""
    drop = nn.Dropout(self.dropout, deterministic=deterministic)
    hidden = Dense(4 * x.shape[-1], dtype=self.dtype, name="fc1")(x)
    hidden = drop(jax.nn.gelu(hidden, approximate=False))
    return drop(Dense(x.shape[-1], dtype=self.dtype, name="fc2")(hidden))


class SplitAttention(nn.Module):
  """Self-attention that ends in two halves, for the mean and for log sigma.

  Attributes:
    heads: number of heads.
    attend: False leaves the attention out and splits its input instead ("MLP" in table 7).
    split: "after" attends to all D channels and splits the output (released); "before" splits
      first and attends within each half with the same weights (eq. 7 to 10).
    score_scale: "released" is (D * heads)^-0.5, "paper" is (D / heads)^-0.5 (eq. 8), where D is
      the number of channels attended to.
  """

  heads: int
  attend: bool = True
  split: str = "after"
  score_scale: str = "released"
  dropout: float = 0.1
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(
    self, x: Float[ArrayLike, "B N D"], deterministic: bool
  ) -> tuple[Float[Array, "B N D"], Float[Array, "B N D"]]:
    """x: (B, N, D) -> mu', s': (B, N, D) each. All N tokens attend to all: no mask."""
    width = x.shape[-1]
    if self.attend and self.split == "after":
      x = self._attend(x[:, None], deterministic)[:, 0]
    halves = jnp.stack(jnp.split(x, 2, axis=-1), axis=1)
    if self.attend and self.split == "before":
      halves = self._attend(halves, deterministic)
    mu = Dense(width, dtype=self.dtype, name="mu_proj")(halves[:, 0])
    return mu, Dense(width, dtype=self.dtype, name="logsig_proj")(halves[:, 1])

  def _attend(
    self, x: Float[ArrayLike, "B P N C"], deterministic: bool
  ) -> Float[Array, "B P N C"]:
    """(B, P, N, C) -> (B, P, N, C), each of the P parts by itself with the same weights."""
    *lead, width = x.shape
    factor = self.heads if self.score_scale == "released" else 1 / self.heads
    qkv = Dense(3 * width, use_bias=False, dtype=self.dtype, name="qkv")(x)
    q, k, v = (x.reshape(*lead, self.heads, -1) for x in jnp.split(qkv, 3, axis=-1))
    scores = jnp.einsum("bpihc,bpjhc->bphij", q, k) * (width * factor) ** -0.5
    weights = jax.nn.softmax(scores.astype(jnp.float32), axis=-1).astype(x.dtype)
    weights = nn.Dropout(self.dropout, deterministic=deterministic)(weights)
    return jnp.einsum("bphij,bpjhc->bpihc", weights, v).reshape(*lead, width)


class Distribution(nn.Module):
  """Means and log standard deviations of a diagonal Gaussian for every token.

  Attributes:
    heads: of the attention (8 at D = 512).
    structure: "mlp+attention" (released), "mlp" or "attention": the rows of table 7.
    split, score_scale: see `SplitAttention`.
  """

  heads: int
  structure: str = "mlp+attention"
  split: str = "after"
  score_scale: str = "released"
  dropout: float = 0.1
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(
    self, x: Float[ArrayLike, "B N D"], deterministic: bool = True
  ) -> tuple[Float[Array, "B N D"], Float[Array, "B N D"]]:
    """x: (B, N, D) -> mu, log_sigma: (B, N, D) each."""
    parts = self.structure.split("+")
    h = Dense(x.shape[-1], dtype=self.dtype, name="fc")(x)
    h = layer_norm("norm1", self.dtype)(jax.nn.gelu(h, approximate=False))
    attention = SplitAttention(
        self.heads, "attention" in parts, self.split, self.score_scale, self.dropout, self.dtype,
        name="attn",
    )
    mu, log_sigma = attention(h, deterministic)
    mu = x + mu
    if "mlp" in parts:
      mlp = lambda name: Mlp(self.dropout, self.dtype, name=name)
      mu = mu + mlp("mu_mlp")(layer_norm("norm2", self.dtype)(mu), deterministic)
      normed = layer_norm("norm3", self.dtype)(log_sigma)
      log_sigma = log_sigma + mlp("logsig_mlp")(normed, deterministic)
    return mu, log_sigma
