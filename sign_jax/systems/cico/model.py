"""CiCo (Cheng et al., CVPR 2023): CLIP towers and token-wise similarity of clips and words."""

from collections.abc import Mapping
from typing import Any

import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Bool, Float, Float32, Int32, PyTree

from sign_jax.modules.clip import TextTower, VideoTower
from sign_jax.ops import contrastive
from sign_jax.ops.late_interaction import late_interaction, mean_weights

OBJECTIVES = {"four_terms": contrastive.symmetric_loss, "joint": contrastive.joint_loss}
Batch = dict[str, Any]  # arrays (B, ...) by name, nested
Noise = dict[str, ArrayLike]  # see `systems.upret.model.UPRet.compare`

INITIAL_LOGIT_SCALE = 2.6592600  # ln(1 / 0.07)


@flax.struct.dataclass
class Tokens:
  """One modality of a batch after its tower; its leaves may be shapes or shardings instead.

  Attributes:
    features: (B, N, D) float, not normalised.
    mask: (B, N) bool, True = valid.
    weights: (B, N) float32, the share of every token in its sequence's score.
  """

  features: PyTree
  mask: PyTree
  weights: PyTree


class CiCo(nn.Module):
  """Dual encoder with late interaction.

  Attributes:
    video, text: keyword arguments of `VideoTower` and `TextTower` (width, layers, heads, ...).
    embed_dim: D, the width of the common space.
    token_pooling: "softmax" or "max": how a token's similarities to the other side are pooled.
    mask_padding: True keeps padding out of that pooling; the released code lets it in.
    temperature: of the softmax pooling.
    max_elements: bound on a tile of the late interaction; 0 suits shapes and device, see
      `ops.late_interaction`.
    objective: "four_terms" (released) or "joint" (UPRet, eq. 24 to 26): the loss.
    dtype: of the matrix products; parameters are float32, softmaxes and scores too. float16 is of
      the towers alone.
  """

  video: Mapping[str, Any]
  text: Mapping[str, Any]
  embed_dim: int = 512
  token_pooling: str = "softmax"
  mask_padding: bool = False
  temperature: float = 0.07
  max_elements: int = 0
  objective: str = "four_terms"
  dtype: DTypeLike = jnp.float32

  def setup(self) -> None:
    common = {"embed_dim": self.embed_dim, "dtype": self.dtype}
    self.visual = VideoTower(**self.video, **common)
    self.textual = TextTower(**self.text, **common)
    self.logit_scale = self.param(
        "logit_scale", nn.initializers.constant(INITIAL_LOGIT_SCALE), ()
    )

  @property
  def later_dtype(self) -> DTypeLike:
    """Of matrix products outside of the towers."""
    return jnp.float32 if self.dtype == jnp.float16 else self.dtype

  def video_weights(
      self, features: Float[ArrayLike, "B N D"], mask: Bool[ArrayLike, "B N"]
  ) -> Float32[Array, "B N"]:
    """(B, N_v, D), (B, N_v) -> (B, N_v): uniform over valid tokens."""
    del features
    return mean_weights(mask)

  def text_weights(
      self, features: Float[ArrayLike, "B N D"], mask: Bool[ArrayLike, "B N"]
  ) -> Float32[Array, "B N"]:
    """(B, N_t, D), (B, N_t) -> (B, N_t): uniform over valid tokens."""
    del features
    return mean_weights(mask)

  def encode_video(
      self, video: Float[ArrayLike, "B L_v F"], valid: Bool[ArrayLike, "B L_v"]
  ) -> Tokens:
    """video: (B, L_v, F) float, valid: (B, L_v) bool -> Tokens of (B, 1 + L_v, D)."""
    features, mask = self.visual(video, valid)
    return Tokens(features, mask, self.video_weights(features, mask))

  def encode_text(self, ids: Int32[ArrayLike, "B N_t"]) -> Tokens:
    """ids: (B, N_t) int32 -> Tokens of (B, N_t, D)."""
    features, mask = self.textual(ids)
    return Tokens(features, mask, self.text_weights(features, mask))

  def encode_views(
      self, text: Int32[ArrayLike, "B N_t"], text_aug: Int32[ArrayLike, "B N_t"]
  ) -> tuple[Tokens, Tokens]:
    """Both views of the captions in one pass: two (B, N_t) int32 -> two Tokens."""
    both = jnp.stack([text, text_aug], axis=1)  # interleaved: a sharded batch stays in place
    encoded = self.encode_text(both.reshape(-1, text.shape[-1]))
    split = jax.tree.map(lambda x: x.reshape(-1, 2, *x.shape[1:]), encoded)
    return tuple(jax.tree.map(lambda x, view=view: x[:, view], split) for view in (0, 1))

  def similarity(
      self, video: Tokens, text: Tokens, text_aug: Tokens | None = None
  ) -> tuple[Float32[Array, "A B"], Float32[Array, "A B"]]:
    """Unscaled I2T and T2I: Tokens of A videos and B texts -> two (A, B) float32."""
    masks = {"video_mask": video.mask, "text_mask": text.mask} if self.mask_padding else {}
    return late_interaction(
        video.features,
        text.features,
        video.weights,
        (text if text_aug is None else text_aug).weights,
        text_aug=None if text_aug is None else text_aug.features,
        pooling=self.token_pooling,
        temperature=self.temperature,
        max_elements=self.max_elements,
        **masks,
    )

  def encode_batch(self, batch: Batch) -> dict[str, Tokens]:
    """A training batch after the towers: {"video", "text", "text_aug": Tokens}; draws nothing.

    Args:
      batch: video (B, L_v, F) float, video_valid (B, L_v) bool, text and text_aug (B, N_t) int32.
    """
    video = self.encode_video(batch["video"], batch["video_valid"])
    text, text_aug = self.encode_views(batch["text"], batch["text_aug"])
    return {"video": video, "text": text, "text_aug": text_aug}

  def compare(
      self, encoded: dict[str, Tokens], deterministic: bool = True, noise: Noise | None = None
  ) -> dict[str, Any]:
    """Logits of all pairs of an encoded batch, for training.

    Args:
      encoded: what `encode_batch` returns.
      deterministic, noise: of no meaning here (UPRet samples).

    Returns:
      dict with the scaled logits i2t and t2i, (B, B) float32, rows are videos; and the tokens
      video, text and text_aug.
    """
    del deterministic, noise
    i2t, t2i = self.similarity(encoded["video"], encoded["text"], encoded["text_aug"])
    scale = jnp.exp(self.logit_scale)
    return {**encoded, "i2t": scale * i2t, "t2i": scale * t2i}

  def __call__(
      self, batch: Batch, deterministic: bool = True, noise: Noise | None = None
  ) -> dict[str, Any]:
    """`compare` on `encode_batch`."""
    return self.compare(self.encode_batch(batch), deterministic, noise)

  def loss(
      self, out: dict[str, Any], step: Any = None
  ) -> tuple[Float32[Array, ""], dict[str, Array]]:
    """What training minimises: float32 scalar, and its terms by name where it has several.

    Args:
      out: what `__call__` returns.
      step: of no meaning here.
    """
    del step
    return OBJECTIVES[self.objective](out["i2t"], out["t2i"]), {}

  def score(self, video: Tokens, text: Tokens) -> Float32[Array, "A B"]:
    """Evaluation: 1/2 (I2T + T2I) with scale 1. Tokens, Tokens -> (A, B) float32."""
    i2t, t2i = self.similarity(video, text)
    return 0.5 * (i2t + t2i)
