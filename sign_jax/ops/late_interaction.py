"""Token-wise similarity of all pairs of a batch, computed in tiles.

CiCo and UPRet score video a and text b by the products of all their tokens,
S[a,b,i,j] = v_ai . t_bj, pooled first over one axis and then over the other. The (A, N_v, B, N_t)
tensor would not fit at large batches: it exists for one tile of texts at a time and is computed
again on the way back. SEDS matches two sequences of the same windows so, too.
"""

import functools
import math

import jax
import jax.numpy as jnp

from sign_jax.ops.maximum import max_over
from sign_jax.ops.placement import replicate

NEGATIVE = -1e30  # finite: a fully masked row stays free of NaN


def normalize(x, eps=1e-12):
  """L2-normalises the last axis in float32, safely at 0; keeps the dtype."""
  wide = x.astype(jnp.float32)
  square = jnp.sum(jnp.square(wide), axis=-1, keepdims=True)
  return (wide * jax.lax.rsqrt(jnp.maximum(square, eps**2))).astype(x.dtype)


def mean_weights(mask):
  """Uniform weights over valid tokens: (B, N) bool -> (B, N) float32; CiCo."""
  mask = mask.astype(jnp.float32)
  return mask / jnp.maximum(mask.sum(-1, keepdims=True), 1.0)


def masked_softmax(scores, mask):
  """Softmax of (B, N) scores over valid tokens; UPRet, eq. 23."""
  return jax.nn.softmax(jnp.where(mask, scores.astype(jnp.float32), NEGATIVE), axis=-1)


def pool_tokens(similarity, mask, axis, pooling, temperature):
  """Pools one token axis of a tile of similarities.

  Args:
    similarity: (A, N_v, B, N_t) float32.
    mask: bool, broadcastable to `similarity`, or None to let padding take part (released).
    axis: the axis pooled away: 1 (video tokens) or 3 (text tokens).
    pooling: "softmax", the mean under softmax(similarity / temperature) (released), "max" (UPRet,
      eq. 24), or "diagonal", of that mean the one term with i = j (SEDS, eq. 5 and 6; N_v = N_t).
    temperature: of that softmax.
  """
  masked = similarity if mask is None else jnp.where(mask, similarity, NEGATIVE)
  if pooling == "max":
    return max_over(masked, axis)
  if pooling == "diagonal":
    return _diagonal_terms(similarity, masked / temperature, axis)
  weights = jax.nn.softmax(masked / temperature, axis=axis)
  return (weights * similarity).sum(axis)


def _diagonal_terms(similarity, logits, axis):
  """similarity * softmax(logits) over `axis` at i = j, without that axis."""
  # (A, B, N) -> as the tile without the axis.
  diagonal = lambda x: jnp.moveaxis(jnp.diagonal(x, axis1=1, axis2=3), 1, 2 if axis == 3 else 1)
  log_share = diagonal(logits) - jax.nn.logsumexp(logits, axis=axis)
  return diagonal(similarity) * jnp.exp(log_share)


def _exact(x):
  """Keeps float32 operands float32: accelerators round them to fewer bits by default."""
  return jax.lax.Precision.HIGHEST if x.dtype == jnp.float32 else None


def _tile_scores(video, video_weights, video_mask, tile, *, pooling, temperature):
  """(A, b) scores of all videos against one tile of b texts, in both directions."""
  dot = functools.partial(
      jnp.einsum, "aid,bjd->aibj", precision=_exact(video), preferred_element_type=jnp.float32
  )
  similarity = dot(video, tile["text"])
  similarity_aug = dot(video, tile["text_aug"]) if "text_aug" in tile else similarity
  text_mask = video_tokens_mask = None
  if video_mask is not None:
    text_mask = tile["mask"][None, None]
    video_tokens_mask = video_mask[:, :, None, None]
  f = pool_tokens(similarity, text_mask, 3, pooling, temperature)  # (A, N_v, b)
  g = pool_tokens(similarity_aug, video_tokens_mask, 1, pooling, temperature)  # (A, b, N_t)
  i2t = jnp.einsum("aib,ai->ab", f, video_weights, precision=_exact(f))
  t2i = jnp.einsum("abj,bj->ab", g, tile["weights"], precision=_exact(g))
  return i2t, t2i


def tile_size(videos, video_tokens, texts, text_tokens, max_elements):
  """The largest divisor of `texts` whose tile of similarities has at most `max_elements`."""
  largest = max(1, max_elements // (videos * video_tokens * text_tokens))
  return max(d for d in range(1, min(texts, largest) + 1) if texts % d == 0)


def late_interaction(
    video,
    text,
    video_weights,
    text_weights,
    *,
    text_aug=None,
    video_mask=None,
    text_mask=None,
    pooling="softmax",
    temperature=0.07,
    max_elements=2**25,
):
  """Similarities of all pairs in both directions; CiCo, eq. 5 to 8, and UPRet, eq. 23 and 24.

  I2T[a,b] = sum_i w_v[a,i] pool_j S[a,b,i,j] over `text`, and
  T2I[a,b] = sum_j w_t[b,j] pool_i S'[a,b,i,j] over `text_aug`.

  Args:
    video: (A, N_v, D) float, L2-normalised tokens.
    text: (B, N_t, D) float, L2-normalised tokens.
    video_weights: (A, N_v) float32, 0 on padding; a row sums to 1, or the score is a sum.
    text_weights: (B, N_t) float32, likewise; belongs to `text_aug` where that is given.
    text_aug: (B, N_t, D) float or None (then `text` serves both directions).
    video_mask, text_mask: (A, N_v) and (B, N_t) bool, True = valid; both None lets padding take
      part in the token softmaxes, as the released code does.
    pooling, temperature: see `pool_tokens`.
    max_elements: bound on the elements of one tile's similarity tensor.

  Returns:
    i2t, t2i: (A, B) float32, unscaled.
  """
  if (video_mask is None) != (text_mask is None):
    raise ValueError("late_interaction needs both masks or none")
  texts = {"text": text, "text_aug": text_aug, "weights": text_weights, "mask": text_mask}
  # Every device scores its own videos against all texts.
  texts = {name: replicate(x) for name, x in texts.items() if x is not None}
  size = tile_size(*video.shape[:2], *text.shape[:2], max_elements)
  body = functools.partial(
      _tile_scores, video, video_weights, video_mask, pooling=pooling, temperature=temperature
  )
  tiles = text.shape[0] // size
  if tiles == 1:
    return body(texts)
  split = {name: x.reshape(tiles, size, *x.shape[1:]) for name, x in texts.items()}
  i2t, t2i = jax.lax.map(jax.checkpoint(body), split)  # each (tiles, A, size)
  join = lambda x: jnp.moveaxis(x, 0, 1).reshape(video.shape[0], math.prod((tiles, size)))
  return join(i2t), join(t2i)
