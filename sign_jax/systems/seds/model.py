"""SEDS (Jiang et al., ACM MM 2024): a pose and an RGB stream, fused, under CiCo's similarity."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Float32

from sign_jax.modules.cgaf import build_fusion
from sign_jax.modules.clip import TextTower, VideoTower
from sign_jax.modules.stgcn import PoseEncoder
from sign_jax.ops.contrastive import symmetric_loss
from sign_jax.ops.late_interaction import late_interaction, mean_weights
from sign_jax.systems.cico.model import INITIAL_LOGIT_SCALE, Batch, CiCo, Noise, Tokens

# What is aligned with the text, by the streams in use (table 4). The first one is searched with.
STREAMS = {"both": ("fusion", "pose", "rgb"), "pose": ("pose",), "rgb": ("rgb",)}


class SEDS(CiCo):
  """Dual encoder whose videos are poses and sign features of the same windows.

  Attributes beside CiCo's:
    pose: keyword arguments of `modules.stgcn.PoseEncoder`.
    fusion: arguments of `modules.cgaf.build_fusion`: kind (table 5) and the attributes of its
      `CrossFusion`.
    streams: "both", "pose" or "rgb" (table 4).
    alpha: weight of the losses of pose and RGB against the text (eq. 4).
    beta: weight of the matching between pose and RGB (eq. 7); 0 leaves it out (table 6).
  """

  pose: Mapping[str, Any] | None = None
  fusion: Mapping[str, Any] | None = None
  streams: str = "both"
  alpha: float = 1.0
  beta: float = 0.4

  def setup(self) -> None:
    if self.streams not in STREAMS:
      raise ValueError(f"unknown streams {self.streams!r}")
    common = {"embed_dim": self.embed_dim, "dtype": self.dtype}
    # Names as in the released code, where `clip` has the pose tower and `clip_rgb` the other.
    self.visual = VideoTower(**self.video, **common, attend_class=True)
    self.visual_rgb = VideoTower(**self.video, **common, attend_class=True)
    self.textual = TextTower(**self.text, **common)
    self.pose_encoder = PoseEncoder(**self.pose, dtype=self.later_dtype)
    self.fuse = build_fusion(**self.fusion, dtype=self.later_dtype)
    self.logit_scale = self.param(
        "logit_scale", nn.initializers.constant(INITIAL_LOGIT_SCALE), ()
    )

  def encode_streams(
      self, video: Float[ArrayLike, "B W F"] | None, valid: Bool[ArrayLike, "B W"],
      pose: dict[str, ArrayLike] | None, train: bool = False,
  ) -> dict[str, Tokens]:
    """Tokens of every stream in use.

    Args:
      video: (B, W, 1024) float, a sign feature of every window, zeros after the last; not read
        where only poses are.
      valid: (B, W) bool, True = a real window.
      pose: as for `modules.stgcn.PoseEncoder`, of the same windows; not read where only RGB is.
      train: batch statistics and dropout.

    Returns:
      {name: Tokens of (B, 1 + W, D)} in the order of STREAMS.
    """
    features, mask = {}, None
    if self.streams != "rgb":
      features["pose"], mask = self.visual(self.pose_encoder(pose, valid, train), valid)
    if self.streams != "pose":
      features["rgb"], mask = self.visual_rgb(video, valid)
    if self.streams == "both":
      features["fusion"] = self.fuse(
          features["pose"], features["rgb"], mask, deterministic=not train
      )
    weights = mean_weights(mask)
    return {name: Tokens(features[name], mask, weights) for name in STREAMS[self.streams]}

  def encode_video(
      self, video: Float[ArrayLike, "B W F"] | None, valid: Bool[ArrayLike, "B W"],
      pose: dict[str, ArrayLike] | None = None, train: bool = False,
  ) -> Tokens:
    """Tokens (B, 1 + W, D) that a search compares; arguments as for `encode_streams`."""
    return self.encode_streams(video, valid, pose, train)[STREAMS[self.streams][0]]

  def match(
      self, pose: Tokens, rgb: Tokens
  ) -> tuple[Float32[Array, "A B"], Float32[Array, "A B"]]:
    """Unscaled pose-to-RGB and RGB-to-pose scores of all videos; eq. 5 and 6.

    Released, and followed here: a softmax over the other stream's windows, of which only the
    window itself counts, summed over valid windows and the class token.

    Args:
      pose, rgb: Tokens of A and of B videos.

    Returns:
      two (A, B) float32.
    """
    masks = {"video_mask": pose.mask, "text_mask": rgb.mask} if self.mask_padding else {}
    return late_interaction(
        pose.features,
        rgb.features,
        pose.mask.astype(jnp.float32),
        rgb.mask.astype(jnp.float32),
        pooling="diagonal",
        temperature=self.temperature,
        max_elements=self.max_elements,
        **masks,
    )

  def encode_batch(self, batch: Batch, train: bool = False) -> dict[str, Any]:
    """A batch after the towers: {"streams": {name: Tokens}, "text", "text_aug": Tokens}.

    Args:
      batch: as for `CiCo`, plus pose: right, left (B, F, 21, 2) and body (B, F, 7, 2) float32,
        frames_valid (B, F) bool, clips_start (B, W) int32, -1 where video_valid is False.
      train: dropout (needs the rng "dropout") and batch statistics (updates "batch_stats").
    """
    streams = self.encode_streams(batch["video"], batch["video_valid"], batch.get("pose"), train)
    text, text_aug = self.encode_views(batch["text"], batch["text_aug"])
    return {"streams": streams, "text": text, "text_aug": text_aug}

  def compare(
      self, encoded: dict[str, Any], deterministic: bool = True, noise: Noise | None = None
  ) -> dict[str, Any]:
    """Logits of all pairs of an encoded batch, for training.

    Args:
      encoded: what `encode_batch` returns.
      deterministic, noise: of no meaning here.

    Returns:
      as `CiCo` for the stream that is searched with, plus logits: {name: (i2t, t2i)}, two (B, B)
      float32, for every stream against the text, and "match" for pose against RGB.
    """
    del deterministic, noise
    streams, text, text_aug = (encoded[name] for name in ("streams", "text", "text_aug"))
    pairs = {name: self.similarity(x, text, text_aug) for name, x in streams.items()}
    if self.streams == "both" and self.beta:
      pairs["match"] = self.match(streams["pose"], streams["rgb"])
    scale = jnp.exp(self.logit_scale)
    logits = jax.tree.map(lambda x: scale * x, pairs)
    first = STREAMS[self.streams][0]
    i2t, t2i = logits[first]
    return {
        "i2t": i2t, "t2i": t2i, "logits": logits,
        "video": streams[first], "text": text, "text_aug": text_aug,
    }

  def __call__(
      self, batch: Batch, deterministic: bool = True, noise: Noise | None = None
  ) -> dict[str, Any]:
    """`compare` on `encode_batch`; `deterministic` False is training."""
    return self.compare(self.encode_batch(batch, not deterministic), deterministic, noise)

  def loss(
      self, out: dict[str, Any], step: Any = None
  ) -> tuple[Float32[Array, ""], dict[str, Array]]:
    """Eq. 4 and 7 on what `__call__` returns, whatever the step.

    Returns:
      float32 scalar, and the weighted terms that sum to it by name: "fusion", "pose", "rgb" and
      "match" where they are in use.
    """
    del step
    weights = {"fusion": 1.0, "pose": self.alpha, "rgb": self.alpha, "match": self.beta}
    if self.streams != "both":
      weights = {self.streams: 1.0}
    terms = {
        name: weights[name] * symmetric_loss(*pair) for name, pair in out["logits"].items()
    }
    return sum(terms.values()), terms
