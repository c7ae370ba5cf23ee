"""Fusion of two sequences: cross gloss attention (SEDS, section 3.2) and its rivals (table 5).

Source: Jiang et al., "SEDS" (ACM MM 2024), and its released code. Modules carry the released names,
in which `P2R` updates the pose stream and `R2P` the RGB stream.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Bool, Float, Float32

from sign_jax.modules.linear import Dense
from sign_jax.modules.transformer import Transformer, quick_gelu
from sign_jax.ops.sampling import sample_linear

NORM_EPSILON = 1e-6
MERGE_EPSILON = 1e-12
FEED_FORWARD = 4  # times D; 2048 in the released code


class CrossAttention(nn.Module):
  """Multi-head attention of one sequence over another.

  Attributes:
    heads: number of heads.
    keys: N, the positions that a query reads around its own, moved by learned offsets (SEDS, eq.
      2), or None: all valid positions.
    sampling: how those are read between two tokens, see `ops.sampling`.
    dropout: of the weights of N keys.
  """

  heads: int
  keys: int | None
  sampling: str = "released"
  dropout: float = 0.1
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(
    self,
    query: Float[ArrayLike, "B L D"],
    key: Float[ArrayLike, "B L D"],
    value: Float[ArrayLike, "B L D"],
    mask: Bool[ArrayLike, "B L"],
    deterministic: bool = True,
  ) -> Float[Array, "B L D"]:
    """query, key, value: (B, L, D); mask: (B, L) bool, True = valid. -> (B, L, D)."""
    project = lambda name: Dense(query.shape[-1], dtype=self.dtype, name=name)
    split = lambda x: x.reshape(*x.shape[:2], self.heads, -1)  # (B, L, H, C)
    q, k, v = (
      project(name)(x) for name, x in (("q_layer", query), ("k_layer", key), ("v_layer", value))
    )
    if self.keys is None:
      out = jax.nn.dot_product_attention(split(q), split(k), split(v), mask=mask[:, None, None])
    else:
      positions = self._positions(q, mask)
      out = self._attend(split(q), split(k), split(v), positions, deterministic)
    return project("output_layer")(out.reshape(query.shape))

  def _positions(
    self, q: Float[ArrayLike, "B L D"], mask: Bool[ArrayLike, "B L"]
  ) -> Float32[Array, "B H L N"]:
    """Where every query reads: (B, H, L, N) float32 in [0, number of valid windows)."""
    batch, length, _ = q.shape
    offsets = Dense(self.heads * self.keys, dtype=self.dtype, name="sample_offsets")(q)
    offsets = offsets.astype(jnp.float32).reshape(batch, length, self.heads, self.keys)
    around = jnp.arange(self.keys) - (self.keys + 1) // 2
    own = jnp.arange(length)[:, None, None]
    positions = (own + around[None, None])[None] + offsets
    windows = jnp.maximum(mask.sum(-1) - 1, 1)  # the class token is valid too
    return jnp.mod(positions, windows[:, None, None, None]).swapaxes(1, 2)

  def _attend(
    self,
    q: Float[ArrayLike, "B L H C"],
    k: Float[ArrayLike, "B L H C"],
    v: Float[ArrayLike, "B L H C"],
    positions: Float32[ArrayLike, "B H L N"],
    deterministic: bool,
  ) -> Float[Array, "B L H C"]:
    """q, k, v: (B, L, H, C); positions: (B, H, L, N). -> (B, L, H, C)."""

    def read(x):
      flat = positions.reshape(*positions.shape[:2], -1)
      values = sample_linear(x.swapaxes(1, 2), flat, self.sampling)
      return values.reshape(*positions.shape, x.shape[-1])

    scores = jnp.einsum("bthc,bhtnc->bhtn", q * q.shape[-1] ** -0.5, read(k))
    weights = jax.nn.softmax(scores.astype(jnp.float32), axis=-1)
    weights = nn.Dropout(self.dropout, deterministic=deterministic)(weights)
    return jnp.einsum("bhtn,bhtnc->bthc", weights.astype(v.dtype), read(v))


class FeedForward(nn.Module):
  """LN, Linear (4 D)-ReLU-Linear with dropout."""

  dropout: float = 0.1
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(
    self, x: Float[ArrayLike, "B L D"], deterministic: bool = True
  ) -> Float[Array, "B L D"]:
    """(B, L, D) -> (B, L, D), without the residual."""
    drop = nn.Dropout(self.dropout, deterministic=deterministic)
    y = nn.LayerNorm(epsilon=NORM_EPSILON, dtype=self.dtype, name="layer_norm")(x)
    y = Dense(FEED_FORWARD * x.shape[-1], dtype=self.dtype, name="pwff_layer_0")(y)
    y = drop(nn.relu(y))
    return drop(Dense(x.shape[-1], dtype=self.dtype, name="pwff_layer_3")(y))


class CrossLayer(nn.Module):
  """Updates one stream x by the other, y: h = x + attention, then h + FF(h).

  Attributes:
    roles: "paper": x asks, y answers. "released": y is query and value, and x the key.
    heads, keys, sampling, dropout: see `CrossAttention`.
  """

  heads: int
  keys: int | None
  roles: str = "released"
  sampling: str = "released"
  dropout: float = 0.1
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(
    self,
    x: Float[ArrayLike, "B L D"],
    y: Float[ArrayLike, "B L D"],
    mask: Bool[ArrayLike, "B L"],
    deterministic: bool = True,
  ) -> Float[Array, "B L D"]:
    """x, y: (B, L, D); mask: (B, L) bool, True = valid. -> (B, L, D)."""
    own = nn.LayerNorm(epsilon=NORM_EPSILON, dtype=self.dtype, name="layer_norm")(x)
    query, key = (y, own) if self.roles == "released" else (own, y)
    attention = CrossAttention(
      self.heads, self.keys, self.sampling, self.dropout, self.dtype, name="src_src_att"
    )
    found = attention(query, key, y, mask, deterministic)
    h = x + nn.Dropout(self.dropout, deterministic=deterministic)(found)
    return h + FeedForward(self.dropout, self.dtype, name="feed_forward")(h, deterministic)


class Mlp(nn.Module):
  """... -> 4 D -> 2 D -> D with QuickGELU between."""

  width: int
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, x: Float[ArrayLike, "B L any"]) -> Float[Array, "B L D"]:
    """(B, L, any) -> (B, L, D)."""
    dense = lambda factor, name: Dense(factor * self.width, dtype=self.dtype, name=name)
    hidden = quick_gelu(dense(4, "c_fc")(x))
    return dense(1, "c_proj1")(quick_gelu(dense(2, "c_proj")(hidden)))


class Merge(nn.Module):
  """MLP([pose, rgb]) + pose + rgb; SEDS, eq. 3. The released code normalises it ("released")."""

  variant: str = "released"
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(
    self, pose: Float[ArrayLike, "B L D"], rgb: Float[ArrayLike, "B L D"]
  ) -> Float[Array, "B L D"]:
    """pose, rgb: (B, L, D) -> (B, L, D)."""
    both = jnp.concatenate([pose, rgb], axis=-1)
    out = Mlp(pose.shape[-1], self.dtype, name="mlp")(both) + pose + rgb
    if self.variant == "released":
      out = nn.LayerNorm(epsilon=MERGE_EPSILON, dtype=self.dtype, name="ln")(out)
    return out


class CrossFusion(nn.Module):
  """Layers in which the streams attend to each other, then their merge.

  Attributes:
    keys: per layer, how many positions a query reads; None: all (table 5, "Cross-Atten").
    roles: see `CrossLayer`; sampling: see `ops.sampling`.
    merge: "released": normalised, and the streams as they came in are added; "paper": eq. 3.
    heads, dropout: of the layers.
  """

  keys: tuple[int | None, ...] = (5, 3)
  heads: int = 8
  roles: str = "released"
  sampling: str = "released"
  merge: str = "released"
  dropout: float = 0.1
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(
    self,
    pose: Float[ArrayLike, "B L D"],
    rgb: Float[ArrayLike, "B L D"],
    mask: Bool[ArrayLike, "B L"],
    deterministic: bool = True,
  ) -> Float[Array, "B L D"]:
    """pose, rgb: (B, L, D), mask: (B, L) bool, class token first and valid. -> (B, L, D)."""
    positions = sinusoids(*pose.shape[1:])[None].astype(pose.dtype)
    p, r = pose + positions, rgb + positions
    for i, keys in enumerate(self.keys):
      layer = lambda name, i=i, keys=keys: CrossLayer(
        self.heads, keys, self.roles, self.sampling, self.dropout, self.dtype,
        name=f"{name}_layers_{i}",
      )  # fmt: skip
      p, r = layer("P2R")(p, r, mask, deterministic), layer("R2P")(r, p, mask, deterministic)
    norm = lambda name: nn.LayerNorm(
      epsilon=NORM_EPSILON, dtype=self.dtype, name=f"{name}_layer_norm"
    )
    fused = Merge(self.merge, self.dtype, name="mlp_fusion")(norm("P2R")(p), norm("R2P")(r))
    return fused + pose + rgb if self.merge == "released" else fused


class MlpFusion(nn.Module):
  """Table 5, "Add-MLP" (join="add") and "Concate-MLP" ("concat"): an MLP of the joined streams.

  Our reading: the MLP of CGAF, nothing added to what it gives.
  """

  join: str
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(
    self,
    pose: Float[ArrayLike, "B L D"],
    rgb: Float[ArrayLike, "B L D"],
    mask: Bool[ArrayLike, "B L"],
    deterministic: bool = True,
  ) -> Float[Array, "B L D"]:
    """As `CrossFusion`."""
    del mask, deterministic
    joined = pose + rgb if self.join == "add" else jnp.concatenate([pose, rgb], axis=-1)
    return Mlp(pose.shape[-1], self.dtype, name="mlp")(joined)


class TransformerFusion(nn.Module):
  """Table 5, "Concate-Trans": a shallow transformer over both sequences, whose halves are added.

  Our reading: `layers` blocks of CLIP's kind, as many as CGAF has, on positions that are CGAF's in
  both halves.
  """

  layers: int = 2
  heads: int = 8
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(
    self,
    pose: Float[ArrayLike, "B L D"],
    rgb: Float[ArrayLike, "B L D"],
    mask: Bool[ArrayLike, "B L"],
    deterministic: bool = True,
  ) -> Float[Array, "B L D"]:
    """As `CrossFusion`."""
    del deterministic
    positions = sinusoids(*pose.shape[1:])[None].astype(pose.dtype)
    tokens = jnp.concatenate([pose + positions, rgb + positions], axis=1)
    blocks = Transformer(self.layers, self.heads, self.dtype, name="transformer")
    halves = blocks(tokens, jnp.concatenate([mask, mask], axis=1))
    return sum(jnp.split(halves, 2, axis=1))


def sinusoids(length: int, width: int) -> Float32[np.ndarray, "{length} {width}"]:
  """Positions as (length, width) float32: sines at even channels, cosines at odd ones."""
  angles = np.arange(length)[:, None] * 10000.0 ** (-np.arange(0, width, 2) / width)
  return np.stack([np.sin(angles), np.cos(angles)], -1).reshape(length, width).astype(np.float32)


def build_fusion(
  kind: str,
  *,
  keys: tuple[int | None, ...],
  heads: int,
  roles: str,
  sampling: str,
  merge: str,
  dropout: float,
  dtype: DTypeLike,
) -> nn.Module:
  """The fusion of a row of table 5: "cgaf", "cross_attention", "add_mlp", "concat_mlp" or
  "concat_transformer"; the arguments are attributes of `CrossFusion`.

  Raises:
    ValueError: for another kind.
  """
  if kind in ("add_mlp", "concat_mlp"):
    return MlpFusion(kind.removesuffix("_mlp"), dtype)
  if kind == "concat_transformer":
    return TransformerFusion(len(keys), heads, dtype)
  if kind == "cross_attention":
    # Our reading: CGAF over all positions, asked as in any cross-attention.
    keys, roles = (None,) * len(keys), "paper"
  elif kind != "cgaf":
    raise ValueError(f"unknown fusion {kind!r}")
  return CrossFusion(keys, heads, roles, sampling, merge, dropout, dtype)
