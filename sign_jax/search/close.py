"""The late interaction of a query with every clip in one pass, and how far it is from the score.

The evaluation's own arithmetic multiplies tokens once for each direction, and knows weights and
padding. Here all products of a tile are made once, and both softmaxes share their exponentials:
several times as fast on a CPU. What float32 rounds differently is bounded, so that what is found
plus that bound is an upper bound of the score, and a close one.
"""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Float32

from sign_jax.ops.late_interaction import normalize

FIELDS = ("features", "weights", "mask")
SHARED = 0.05  # temperatures from which exp(1 / temperature) leaves room in float32
_NEGATIVE = -1e30
_BLOCK = 64  # clips whose numbers, in float32, a CPU keeps near


class Interaction(NamedTuple):
  """How a module scores: see `systems.cico.model.CiCo`."""

  pooling: str
  mask_padding: bool
  temperature: float


class Sentences(NamedTuple):
  """Sentences: tokens (Q, M, D), not normalised, weights (Q, M) and mask (Q, M) of them."""

  tokens: Float[ArrayLike, "Q M D"]
  weights: Float[ArrayLike, "Q M"]
  mask: Bool[ArrayLike, "Q M"]


@functools.partial(jax.jit, static_argnames=("interaction", "dtype"))
def scores(
    tokens: Float[ArrayLike, "C N D"], weights: Float[ArrayLike, "C N"],
    mask: Bool[ArrayLike, "C N"], texts: Sentences, interaction: Interaction, dtype: str,
) -> Float32[Array, "Q C"]:
  """Scores of C clips with Q sentences, but for rounding.

  Args:
    tokens, weights, mask: of the clips.
    texts: `Sentences`.
    interaction: `Interaction`.
    dtype: of the model's tokens.
  """
  one = functools.partial(_of_block, texts=texts, interaction=interaction, dtype=dtype)
  return in_blocks(one, (tokens, weights, mask), _BLOCK)


def in_blocks(
    compute: Callable[..., Float32[Array, "Q C"]], arrays: tuple[ArrayLike, ...], size: int
) -> Float32[Array, "Q C"]:
  """What is computed of C clips, on a CPU some of them at a time: their numbers stay in its caches.

  Args:
    compute: function of the arrays.
    arrays: (C, ...) each.
    size: clips of a block; all are computed at once where C is no multiple of it.
  """
  clips = arrays[0].shape[0]
  if jax.default_backend() != "cpu" or clips % size or clips == size:
    return compute(*arrays)
  blocks = tuple(x.reshape(-1, size, *x.shape[1:]) for x in arrays)
  found = jax.lax.map(lambda block: compute(*block), blocks)
  return jnp.swapaxes(found, 0, 1).reshape(-1, clips)


def _of_block(tokens, weights, mask, texts, interaction, dtype):
  tokens = tokens.astype(dtype)
  is_wide = tokens.dtype == texts.tokens.dtype == jnp.float32
  if is_wide:  # lengths are divided by afterwards, so that no copy of the tokens is written
    square = jnp.sum(jnp.square(tokens), axis=-1)
    inverse = jax.lax.rsqrt(jnp.maximum(square, 1e-24))[..., None]
  else:
    tokens, inverse = normalize(tokens).astype(texts.tokens.dtype), 1.0

  def one(text):
    words = normalize(text.tokens)
    products = matrix(tokens, words) * inverse
    return weighted(*_pooled(products, mask, text.mask, interaction), weights, text.weights)

  return jax.lax.map(one, texts)


def matrix(
    tokens: Float[ArrayLike, "C N K"], words: Float[ArrayLike, "M K"]
) -> Float32[Array, "C N M"]:
  """Products of all tokens with all words: one product of matrices, which is what is quick."""
  found = jnp.matmul(
      tokens.reshape(-1, tokens.shape[-1]), words.T, precision=jax.lax.Precision.HIGHEST,
      preferred_element_type=jnp.float32,
  )
  return found.reshape(*tokens.shape[:2], -1)


def weighted(
    of_windows: Float[ArrayLike, "C N"], of_words: Float[ArrayLike, "C M"],
    weights: Float[ArrayLike, "C N"], text_weights: Float[ArrayLike, " M"],
) -> Float32[Array, " C"]:
  """The score of what is pooled for each window and for each word."""
  exact = {"precision": jax.lax.Precision.HIGHEST}
  i2t = jnp.einsum("cn,cn->c", of_windows, weights.astype(jnp.float32), **exact)
  t2i = jnp.matmul(of_words, text_weights.astype(jnp.float32), **exact)
  return 0.5 * (i2t + t2i)


def _pooled(products, mask, text_mask, interaction):
  """(C, N) over the words and (C, M) over the windows, of (C, N, M)."""
  video, text = mask[:, :, None], text_mask[None, None, :]
  if not interaction.mask_padding:
    video = text = None
  masked = lambda x, mask: x if mask is None else jnp.where(mask, x, _NEGATIVE)
  if interaction.pooling == "max":
    return masked(products, text).max(2), masked(products, video).max(1)
  if interaction.temperature < SHARED:
    soft = lambda mask, axis: jax.nn.softmax(
        masked(products / interaction.temperature, mask), axis
    )
    return (soft(text, 2) * products).sum(2), (soft(video, 1) * products).sum(1)
  powers = jnp.exp(products / interaction.temperature)
  chosen = lambda mask: powers if mask is None else jnp.where(mask, powers, 0.0)
  mean = lambda p, axis: (p * products).sum(axis) / jnp.maximum(p.sum(axis), 1e-30)
  return mean(chosen(text), 2), mean(chosen(video), 1)


def error(width: int, video: int, text: int, interaction: Interaction) -> float:
  """No score differs by more from what `scores` finds for it.

  A product of two vectors of length 1 and D channels is wrong by at most (D + 8) half units in the
  last place, in either way of computing it. A mean weighted by a softmax changes by at most
  1 + 2 W((n - 1) / e) times the largest change of its n values, W being Lambert's function: that
  many temperatures is the largest of the values above the mean at most.

  Args:
    width: D, channels of a token.
    video, text: tokens of a clip and of a sentence.
    interaction: `Interaction`.
  """
  unit = 2.0**-24
  of_products = 2 * (width + 8) * unit
  if interaction.pooling == "max":
    grown = of_products
  else:
    # Exponentials are wrong by as many units as the logits are large, and some.
    of_powers = 2 * (2 / interaction.temperature + 8) * unit
    most = lambert((max(video, text) - 1) / math.e)
    grown = (1 + 2 * most) * of_products + 2 * most * interaction.temperature * of_powers
  return grown + 8 * (video + text + 8) * unit


def lambert(x: float) -> float:
  """W(x), the number with W exp(W) = x, for x >= 0; from above."""
  low, high = 0.0, max(1.0, math.log1p(x))
  for _ in range(60):
    middle = (low + high) / 2
    low, high = (middle, high) if middle * math.exp(middle) < x else (low, middle)
  return high
