"""UPRet (Wu et al., ECCV 2024): CiCo with learned token weights, distributions and transport."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Bool, Float, Float32

from sign_jax.modules.clip import HEAD_WIDTH
from sign_jax.modules.distribution import Distribution
from sign_jax.modules.linear import Dense
from sign_jax.ops import gaussian, transport
from sign_jax.ops.late_interaction import masked_softmax, normalize
from sign_jax.systems.cico.model import CiCo, Noise, Tokens


class TokenWeight(nn.Module):
  """Linear-ReLU-Linear from a token to its weight's logit; UPRet, eq. 23."""

  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, x: Float[ArrayLike, "B N D"]) -> Float[Array, "B N"]:
    """(B, N, D) -> (B, N)."""
    hidden = nn.relu(Dense(x.shape[-1], dtype=self.dtype, name="fc_0")(x))
    return Dense(1, dtype=self.dtype, name="fc_2")(hidden)[..., 0]


class UPRet(CiCo):
  """Dual encoder whose training adds a transport score between distributions of tokens.

  Attributes beside CiCo's:
    distribution: modelling (DM: means and variances from a module, else mu = x, sigma = 1),
      sampling (RS: K samples, else the mean alone), samples (K), first_is_mean (True: the first
      sample is the mean, as released), video and text (which modality is a distribution),
      structure, split, score_scale, dropout (see `modules.distribution`), refine (True: the late
      interaction of training reads the mean of tokens and samples, eq. 11-12).
    ot: weight (lambda; 0 leaves transport out), scaled (True: the score is divided by the
      temperature like the rest, eq. 24-26), level ("sample", released, or "token", eq. 15-22),
      solver, epsilon, iterations (see `ops.transport`), max_elements of a tile.
  """

  distribution: Mapping[str, Any] | None = None
  ot: Mapping[str, Any] | None = None

  def setup(self) -> None:
    super().setup()
    self.video_weight_fc = TokenWeight(self.later_dtype)
    self.text_weight_fc = TokenWeight(self.later_dtype)
    self.samples_matter = bool(self.ot["weight"]) or self.distribution["refine"]
    if self.samples_matter and self.distribution["modelling"]:
      # A module without use would be decayed, which the released optimiser does not do.
      if self.distribution["video"]:
        self.dist_video_trans = self._distribution()
      if self.distribution["text"]:
        self.dist_text_trans = self._distribution()

  def _distribution(self):
    return Distribution(
        heads=max(1, self.embed_dim // HEAD_WIDTH),
        structure=self.distribution["structure"],
        split=self.distribution["split"],
        score_scale=self.distribution["score_scale"],
        dropout=self.distribution["dropout"],
        dtype=self.later_dtype,
    )

  def video_weights(
      self, features: Float[ArrayLike, "B N D"], mask: Bool[ArrayLike, "B N"]
  ) -> Float32[Array, "B N"]:
    """(B, N_v, D), (B, N_v) -> (B, N_v): learned, 0 on padding."""
    return masked_softmax(self.video_weight_fc(features), mask)

  def text_weights(
      self, features: Float[ArrayLike, "B N D"], mask: Bool[ArrayLike, "B N"]
  ) -> Float32[Array, "B N"]:
    """(B, N_t, D), (B, N_t) -> (B, N_t): learned, 0 on padding."""
    return masked_softmax(self.text_weight_fc(features), mask)

  def samples(
      self, modality: str, features: Float[ArrayLike, "B N D"], deterministic: bool,
      noise: Float32[ArrayLike, "draws B N D"] | None,
  ) -> Float32[Array, "K B N D"]:
    """Tokens (B, N, D) -> samples (K, B, N, D) float32; K = 1 without a distribution."""
    features = features.astype(jnp.float32)
    if not self.distribution[modality]:
      return features[None]
    mu, log_sigma = features, jnp.zeros_like(features)
    if self.distribution["modelling"]:
      module = self.dist_video_trans if modality == "video" else self.dist_text_trans
      mu, log_sigma = (x.astype(jnp.float32) for x in module(features, deterministic))
    with_mean = self.distribution["first_is_mean"]
    draws = self.distribution["samples"] - with_mean
    if not (self.distribution["sampling"] and draws):
      return mu[None]
    if noise is None:
      noise = jax.random.normal(self.make_rng("noise"), (draws, *features.shape), jnp.float32)
    return gaussian.draw(mu, log_sigma, noise, with_mean)

  def transport(
      self, video: Tokens, text: Tokens, text_aug: Tokens,
      video_samples: Float32[Array, "K_v A N_v D"], text_samples: Float32[Array, "K_t B N_t D"],
  ) -> dict[str, Array]:
    """{"transport": (A, B) float32}; at sample level also plans and sample_cosines."""
    ot = self.ot
    if ot["level"] == "token":
      refined = [
          normalize(gaussian.refine(tokens.features.astype(jnp.float32), samples))
          for tokens, samples in ((video, video_samples), (text_aug, text_samples))
      ]
      score = transport.token_similarity(
          *refined, video.mask, text_aug.mask, solver=ot["solver"],
          epsilon=ot["epsilon"], iterations=ot["iterations"], max_elements=ot["max_elements"],
      )
      return {"transport": score}
    # Released: the samples come from the augmented text, the pool's mask from the text itself.
    text_mask = text.mask.at[:, 0].set(False)
    score, plans, cosines = transport.sample_similarity(
        pool_samples(video_samples, video.mask),
        pool_samples(text_samples, text_mask),
        solver=ot["solver"], epsilon=ot["epsilon"], iterations=ot["iterations"],
    )
    return {"transport": score, "plans": plans, "sample_cosines": cosines}

  def compare(
      self, encoded: dict[str, Tokens], deterministic: bool = True, noise: Noise | None = None
  ) -> dict[str, Any]:
    """Logits of all pairs of an encoded batch, for training.

    Args:
      encoded: what `encode_batch` returns.
      deterministic: False turns dropout on (needs the rng "dropout").
      noise: {"video": (n, B, 1 + L_v, D), "text": (n, B, N_t, D)} standard normal, n = K - 1
        where the first sample is the mean and K else; or None to draw it (needs the rng "noise").

    Returns:
      as `CiCo`, plus transport (B, B), and plans and sample_cosines (B * B, K, K), where they
      were computed.
    """
    out = dict(encoded)
    video, text, text_aug = (encoded[name] for name in ("video", "text", "text_aug"))
    seen = video, text, text_aug  # what the late interaction reads
    if self.samples_matter:
      noise = noise or {}
      drawn = {
          name: self.samples(name, tokens.features, deterministic, noise.get(name))
          for name, tokens in (("video", video), ("text", text_aug))
      }
      if self.distribution["refine"]:
        seen = refine_tokens(*seen, drawn["video"], drawn["text"])
    i2t, t2i = self.similarity(*seen)
    scale = jnp.exp(self.logit_scale)
    out["i2t"], out["t2i"] = scale * i2t, scale * t2i
    if self.ot["weight"]:
      out |= self.transport(video, text, text_aug, drawn["video"], drawn["text"])
      weighted = self.ot["weight"] * out["transport"] * (scale if self.ot["scaled"] else 1.0)
      out["i2t"] += weighted
      out["t2i"] += weighted
    return out


def refine_tokens(
    video: Tokens,
    text: Tokens,
    text_aug: Tokens,
    video_samples: Float32[ArrayLike, "K_v A N_v D"],
    text_samples: Float32[ArrayLike, "K_t B N_t D"],
) -> tuple[Tokens, Tokens, Tokens]:
  """Eq. 11 and 12 on the video and on the augmented text; the plain text has no samples.

  Args:
    video, text, text_aug: `Tokens` of (B, N, D).
    video_samples, text_samples: (K, B, N, D) float32.

  Returns:
    The three, with features of the dtype that they had.
  """

  def refine(tokens, samples):
    refined = gaussian.refine(tokens.features, samples)
    return tokens.replace(features=refined.astype(tokens.features.dtype))

  return refine(video, video_samples), text, refine(text_aug, text_samples)


def pool_samples(
    samples: Float32[Array, "K B N D"], mask: Bool[Array, "B N"]
) -> Float32[Array, "K B D"]:
  """Mean over valid tokens, L2-normalised: (K, B, N, D), (B, N) -> (K, B, D) float32."""
  mask = mask.astype(jnp.float32)
  total = jnp.einsum("kbnd,bn->kbd", samples, mask, precision=transport.EXACT)
  return normalize(total / jnp.maximum(mask.sum(-1), 1.0)[None, :, None])
