"""SPOT-ALIGN's cross-modal embedding (Duarte et al., CVPR 2022): one vector a video, one a text."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Bool, Float, Float32, Num

from sign_jax.modules.gated_embedding import GatedEmbedding, LinearEmbedding
from sign_jax.modules.netvlad import NetVLAD
from sign_jax.ops import ranking

AGGREGATIONS = ("mean", "max")
PROJECTIONS = ("geu", "reduce_geu", "linear")
Batch = dict[str, Any]  # arrays (B, ...) by name


class SpotAlign(nn.Module):
  """Dual encoder of a video's windows and a text's word vectors; similarities are dot products.

  Attributes:
    embed_dim: C, the width of the common space.
    aggregation: "mean" or "max" of a video's windows.
    projection: of that: "geu", "reduce_geu" (linear, length 1, then the unit's gate) or "linear".
    clusters, ghost_clusters, mask_padding: of the words' pooling, see `modules.netvlad.NetVLAD`.
    margin, objective: of the loss, see `ops.ranking.max_margin`.
    words: how many words have a vector that is learned; 0 where batches hold the vectors.
    word_width: of such a vector.
    dtype: of the matrix products; parameters are float32, statistics and scores too.
  """

  embed_dim: int = 512
  aggregation: str = "mean"
  projection: str = "geu"
  clusters: int = 20
  ghost_clusters: int = 1
  mask_padding: bool = False
  margin: float = 0.2
  objective: str = "mean"
  words: int = 0
  word_width: int = 300
  dtype: DTypeLike = jnp.float32

  def setup(self) -> None:
    if self.words:
      draw = nn.initializers.normal(1.0)
      self.word_vectors = nn.Embed(self.words + 1, self.word_width, embedding_init=draw)
    self.text_pooling = NetVLAD(
        self.clusters, self.ghost_clusters, self.mask_padding, self.dtype
    )
    self.text_gu = GatedEmbedding(self.embed_dim, self.dtype)
    if self.projection != "geu":
      self.video_dim_reduce = LinearEmbedding(self.embed_dim, self.dtype)
    if self.projection != "linear":
      width = self.embed_dim if self.projection == "geu" else None
      self.video_gu = GatedEmbedding(width, self.dtype)

  def aggregate(
      self, video: Float[ArrayLike, "B L_v F"], valid: Bool[ArrayLike, "B L_v"]
  ) -> Float32[Array, "B F"]:
    """The mean or the maximum of each video's valid windows."""
    video, valid = jnp.asarray(video, jnp.float32), jnp.asarray(valid)[..., None]
    if self.aggregation == "max":
      return jnp.where(valid, video, -jnp.inf).max(1)
    count = jnp.maximum(valid.sum(1), 1).astype(jnp.float32)
    return jnp.where(valid, video, 0.0).sum(1) / count

  def encode_video(
      self, video: Float[ArrayLike, "B L_v F"], valid: Bool[ArrayLike, "B L_v"],
      train: bool = False,
  ) -> Float32[Array, "B C"]:
    """Videos as vectors of length 1; in training by the batch's statistics.

    Args:
      video: (B, L_v, F) float, the features of windows.
      valid: (B, L_v) bool.
      train: whether to normalise by the batch's statistics.

    Returns:
      (B, C) float32.
    """
    x = self.aggregate(video, valid)
    if self.projection != "geu":
      x = self.video_dim_reduce(x)
    return x if self.projection == "linear" else self.video_gu(x, train)

  def encode_text(
      self, text: Num[ArrayLike, "B N *D_t"], valid: Bool[ArrayLike, "B N"], train: bool = False
  ) -> Float32[Array, "B C"]:
    """Texts as vectors of length 1; in training by the batch's statistics.

    Args:
      text: (B, N, D_t) float, word vectors and zeros behind the last one; or, where vectors are
        learned, (B, N) int32, words' numbers from 1 and 0 behind the last one.
      valid: (B, N) bool.
      train: whether to normalise by the batch's statistics.

    Returns:
      (B, C) float32.
    """
    if self.words:
      text = self.word_vectors(text) * (text > 0)[..., None]
    return self.text_gu(self.text_pooling(text, valid, train), train)

  def encode_batch(self, batch: Batch, train: bool = False) -> dict[str, Float32[Array, "B C"]]:
    """{"video", "text": (B, C)} of a training batch; see `encode_video`, `encode_text`.

    Args:
      batch: video, video_valid, text, text_valid.
      train: whether to normalise by the batch's statistics.
    """
    return {
        "video": self.encode_video(batch["video"], batch["video_valid"], train),
        "text": self.encode_text(batch["text"], batch["text_valid"], train),
    }

  def compare(
      self, encoded: dict[str, Float32[Array, "B C"]], deterministic: bool = True, noise: Any = None
  ) -> dict[str, Array]:
    """`encoded`, with the "similarity" of all its pairs, (B, B) float32, rows are videos.

    Args:
      encoded: what `encode_batch` returns.
      deterministic, noise: of no meaning here.
    """
    del deterministic, noise
    return {**encoded, "similarity": self.score(encoded["video"], encoded["text"])}

  def __call__(
      self, batch: Batch, deterministic: bool = True, noise: Any = None
  ) -> dict[str, Array]:
    """`compare` on `encode_batch`, with the batch's statistics unless `deterministic`."""
    return self.compare(self.encode_batch(batch, train=not deterministic), deterministic, noise)

  def loss(
      self, out: dict[str, Array], step: Any = None
  ) -> tuple[Float32[Array, ""], dict[str, Array]]:
    """What training minimises: float32 scalar, and no terms.

    Args:
      out: what `__call__` returns.
      step: of no meaning here.
    """
    del step
    return ranking.max_margin(out["similarity"], self.margin, self.objective), {}

  def score(
      self, video: Float32[ArrayLike, "A C"], text: Float32[ArrayLike, "B C"]
  ) -> Float32[Array, "A B"]:
    """Dot products of A videos and B texts: (A, B) float32."""
    return jnp.matmul(video, jnp.transpose(text), precision=jax.lax.Precision.HIGHEST)
