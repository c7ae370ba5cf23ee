"""An upper bound of the late interaction of a query with every clip, from the clips' codes.

A softmax-weighted mean is at most the largest of its values, so the score

    1/2 (sum_i w_i pool_j S_ij + sum_j u_j pool_i S_ij),

pooled by softmax or by maximum, is at most the same with maxima of bounds of the S_ij.
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Float32

from sign_jax.search import close

FIELDS = ("codes", "weights", "mask")
_NEGATIVE = -1e30
# Similarities that are computed at once, and clips, at most.
_TILE, _TILE_ELSEWHERE = (1 << 21, 256), (1 << 26, 4096)
_LEAST = 16  # clips
BLOCKS = 4  # of a tile on a CPU: fewer programs are started


class Query(NamedTuple):
  """Sentences: codes (Q, M, K = R + 2) of their tokens, weights (Q, M) and mask (Q, M) of them."""

  codes: Float32[ArrayLike, "Q M K"]
  weights: Float[ArrayLike, "Q M"]
  mask: Bool[ArrayLike, "Q M"]


@functools.partial(jax.jit, static_argnames=("mask_padding", "block"))
def upper(
    codes: Float[ArrayLike, "C N K"], weights: Float[ArrayLike, "C N"],
    mask: Bool[ArrayLike, "C N"], query: Query, mask_padding: bool, block: int = 1,
) -> Float32[Array, "Q C"]:
  """Bounds of the scores of C clips with Q sentences, but for what rounding adds.

  Args:
    codes: see `codes`.
    weights, mask: of the clips' tokens.
    query: `Query`.
    mask_padding: whether padding has no part in the maxima, as in the score.
    block: see `close.in_blocks`; 1 for all at once.
  """
  one = functools.partial(_of_block, query=query, mask_padding=mask_padding)
  arrays = codes, weights, mask
  return one(*arrays) if block == 1 else close.in_blocks(one, arrays, block)


def _of_block(codes, weights, mask, query, mask_padding):
  codes = codes.astype(jnp.float32)

  def one(text):
    of_windows = of_words = close.matrix(codes, text.codes)
    if mask_padding:
      of_windows = jnp.where(text.mask[None, None, :], of_windows, _NEGATIVE)
      of_words = jnp.where(mask[:, :, None], of_words, _NEGATIVE)
    return close.weighted(of_windows.max(2), of_words.max(1), weights, text.weights)

  return jax.lax.map(one, query)


def rounding(width: int, video: int, text: int) -> float:
  """More than float32 arithmetic takes from a bound or adds to a score.

  A product of two vectors of length 1 and D channels is wrong by less than D units in the last
  place, a mean of n values by less than 2 n; the score has both, and so has the bound.

  Args:
    width: D, channels of a token.
    video, text: tokens of a clip and of a sentence.
  """
  return (2 * width + 4 * (video + text) + 64) * 2.0**-23


def tile_clips(video: int, text: int) -> int:
  """Clips of a tile, for clips and sentences of so many tokens."""
  most, high = _TILE if jax.default_backend() == "cpu" else _TILE_ELSEWHERE
  return min(max(most // (video * text), _LEAST), high)


def scan(
    tiles: Iterable[tuple[int, dict[str, np.ndarray]]], compute: Callable, queries: int,
    clips: int, is_over: Callable[[], bool] = lambda: False,
) -> tuple[Float32[np.ndarray, "Q clips"], Bool[np.ndarray, " clips"]]:
  """What a function finds for all clips.

  Args:
    tiles: (first clip, arrays) of some clips each, as `store.Store.tiles` gives them.
    compute: function of the arrays of a tile -> an array of at least Q rows and as many columns as
      there are clips, which it need not wait for; what is more is left out.
    queries: Q.
    clips: their number.
    is_over: function -> whether to stop; the first tile is looked at whatever it says.

  Returns:
    what it finds, and which clips were looked at; of others it is 0.
  """
  found, seen, waiting = np.zeros((queries, clips), np.float32), np.zeros(clips, bool), []

  def fetch():
    first, count, values = waiting.pop(0)
    found[:, first : first + count] = np.asarray(values)[:queries, :count]
    seen[first : first + count] = True

  for first, arrays in tiles:
    if first and is_over():
      break
    waiting.append((first, len(next(iter(arrays.values()))), compute(arrays)))
    if len(waiting) > 2:  # the next tiles are computed while this one is waited for
      fetch()
  while waiting:
    fetch()
  return found, seen


def filled(arrays: Mapping[str, np.ndarray], size: int) -> dict[str, np.ndarray]:
  """The arrays of a tile, of `size` clips: zeros where there are fewer, so that one program serves.

  A whole tile is handed on as it lies in its file: it is not copied where JAX can read it there.
  """
  return {name: _filled(np.asarray(array), size) for name, array in arrays.items()}


def _filled(array, size):
  missing = size - len(array)
  return array if not missing else np.pad(array, [(0, missing), *[(0, 0)] * (array.ndim - 1)])
