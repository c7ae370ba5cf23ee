"""An upper bound of the late interaction of a query with every clip, from the clips' codes.

A softmax-weighted mean is at most the largest of its values, so the score

    1/2 (sum_i w_i pool_j S_ij + sum_j u_j pool_i S_ij),

pooled by softmax or by maximum, is at most the same with maxima of bounds of the S_ij.
"""

import functools
from collections.abc import Callable, Iterable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Float32

FIELDS = ("codes", "weights", "mask")
_NEGATIVE = -1e30
_TILE = 1 << 21  # similarities at a time, on a CPU
_TILE_ELSEWHERE = 1 << 26
_CLIPS = (16, 4096)  # of a tile, at least and at most


class Query(NamedTuple):
  """Sentences: codes (Q, M, K) of their tokens, weights (Q, M) and mask (Q, M) of them."""

  codes: Float32[ArrayLike, "Q M K"]
  weights: Float[ArrayLike, "Q M"]
  mask: Bool[ArrayLike, "Q M"]


@functools.partial(jax.jit, static_argnames="mask_padding")
def upper(
    codes: Float[ArrayLike, "C N K"], weights: Float[ArrayLike, "C N"],
    mask: Bool[ArrayLike, "C N"], query: Query, mask_padding: bool,
) -> Float32[Array, "Q C"]:
  """Bounds of the scores of C clips with Q sentences, but for what rounding adds.

  Args:
    codes: see `codes`.
    weights, mask: of the clips' tokens.
    query: `Query`.
    mask_padding: whether padding has no part in the maxima, as in the score.
  """
  similarity = jnp.einsum(
      "cnk,qmk->qcnm", codes.astype(jnp.float32), query.codes,
      precision=jax.lax.Precision.HIGHEST,
  )
  of_video = of_text = similarity
  if mask_padding:
    of_video = jnp.where(query.mask[:, None, None, :], similarity, _NEGATIVE)
    of_text = jnp.where(mask[None, :, :, None], similarity, _NEGATIVE)
  exact = {"precision": jax.lax.Precision.HIGHEST}
  i2t = jnp.einsum("qcn,cn->qc", of_video.max(3), weights.astype(jnp.float32), **exact)
  t2i = jnp.einsum("qcm,qm->qc", of_text.max(2), query.weights.astype(jnp.float32), **exact)
  return 0.5 * (i2t + t2i)


def rounding(width: int, video: int, text: int) -> float:
  """More than float32 arithmetic takes from a bound or adds to a score.

  A product of two vectors of length 1 and D channels is wrong by less than D units in the last
  place, a mean of n values by less than 2 n; the score has both, and so has the bound.

  Args:
    width: D, channels of a token.
    video, text: tokens of a clip and of a sentence.
  """
  return (2 * width + 4 * (video + text) + 64) * 2.0**-23


def tile_clips(queries: int, video: int, text: int) -> int:
  """Clips of a tile."""
  most = _TILE if jax.default_backend() == "cpu" else _TILE_ELSEWHERE
  low, high = _CLIPS
  return min(max(most // (queries * video * text), low), high)


def scan(
    tiles: Iterable[tuple[int, dict[str, np.ndarray]]], clips: int, size: int, query: Query,
    mask_padding: bool, slack: float, is_late: Callable[[], bool] = lambda: False,
) -> Float32[np.ndarray, "Q clips"]:
  """Bounds of all clips.

  Args:
    tiles: (first clip, arrays of FIELDS) of at most `size` clips each, as `store.Store.tiles`.
    clips: their number.
    size: of a whole tile; others are filled up, so that one program serves all.
    query: `Query`.
    mask_padding: see `upper`.
    slack: `rounding`.
    is_late: function -> whether to stop; what is not bounded then has the bound infinity.
  """
  found = np.full((len(query.codes), clips), np.inf, np.float32)
  waiting = []

  def fetch():
    first, count, bounds = waiting.pop(0)
    found[:, first : first + count] = np.asarray(bounds)[:, :count] + slack

  for first, arrays in tiles:
    if first and is_late():  # the first tile is looked at in any case
      break
    count = len(arrays["codes"])
    filled = [_filled(arrays[name], size) for name in FIELDS]
    waiting.append((first, count, upper(*filled, query, mask_padding)))
    if len(waiting) > 2:  # the next tiles are computed while this one is waited for
      fetch()
  while waiting:
    fetch()
  return found


def _filled(array, size):
  missing = size - len(array)
  array = np.asarray(array)
  return array if not missing else np.pad(array, [(0, missing), *[(0, 0)] * (array.ndim - 1)])
