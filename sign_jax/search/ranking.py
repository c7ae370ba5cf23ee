"""The exact best of many, of which few are scored: those whose bounds are highest, in turn."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

_ROUND = 16  # rows that are scored at once, at first, unless more are wanted
PIECE = 256  # rows that are read and scored at once, at most
_BLOCK = 1024  # rows that are sorted at once, at first


class Best(NamedTuple):
  """The k best rows.

  Attributes:
    rows: (k,) int, best first; of equal scores the lower row first.
    scores: (k,) float32.
    scored: how many rows were scored exactly.
    may_miss: no row that was left out is better than the last one of these by more than this:
      0 proves that these are the best (one that equals the last may be missing).
  """

  rows: Int[np.ndarray, " k"]
  scores: Float32[np.ndarray, " k"]
  scored: int
  may_miss: float


def pieces(rows: Int[np.ndarray, " n"]) -> Iterator[Int[np.ndarray, " m"]]:
  """Yields the rows in turn, PIECE at a time: the tokens of all of them may be more than memory."""
  for start in range(0, len(rows), PIECE):
    yield rows[start : start + PIECE]


class Deadline:
  """A number of seconds from now; None is no end."""

  def __init__(self, seconds: float | None) -> None:
    self._end = math.inf if seconds is None else time.monotonic() + seconds

  def is_over(self) -> bool:
    return time.monotonic() >= self._end


def best(
    upper: Float[np.ndarray, " rows"], k: int,
    score: Callable[[Int[np.ndarray, " n"]], Float32[np.ndarray, " n"]],
    is_over: Callable[[], bool] = lambda: False, chosen: Bool[np.ndarray, " rows"] | None = None,
) -> Best:
  """The k rows of the highest scores.

  Args:
    upper: a bound of each row's score.
    k: at least 1.
    score: function of rows that gives their exact scores.
    is_over: function that says whether time is up; the first rows are scored whatever it says.
    chosen: which rows may be found; None is all.
  """
  rows, scores = np.zeros(0, int), np.zeros(0, np.float32)
  scored, may_miss, size = 0, 0.0, min(max(_ROUND, k), PIECE)
  blocks = _falling(upper, np.arange(len(upper)) if chosen is None else np.flatnonzero(chosen))
  waiting = next(blocks, np.zeros(0, int))
  while len(waiting):
    if len(rows) == k:
      waiting = waiting[upper[waiting] > scores[-1]]
    if not len(waiting):
      break  # blocks fall: all others have lower bounds
    if scored and is_over():
      may_miss = float(upper[waiting[0]]) - float(scores[-1]) if len(rows) == k else math.inf
      break
    now, waiting = waiting[:size], waiting[size:]
    rows = np.concatenate([rows, now])
    scores = np.concatenate([scores, np.asarray(score(now), np.float32)])
    scored += len(now)
    order = np.lexsort((rows, -scores))[:k]
    rows, scores = rows[order], scores[order]
    size = min(2 * size, PIECE)
    if not len(waiting):
      waiting = next(blocks, waiting)
  return Best(rows, scores, scored, may_miss)


def merged(found: Sequence[Best], k: int) -> Best:
  """The k best of several sets of rows, from the k best of each.

  Args:
    found: `Best` of each set; no row is in two of them.
    k: as it was for each.
  """
  rows = np.concatenate([one.rows for one in found])
  scores = np.concatenate([one.scores for one in found])
  order = np.lexsort((rows, -scores))[:k]
  rows, scores = rows[order], scores[order]
  may_miss = 0.0
  for one in found:
    if one.may_miss > 0:  # then it has k rows, or nothing is known of others
      others = float(one.scores[-1]) + one.may_miss if len(one.rows) == k else math.inf
      may_miss = max(may_miss, others - float(scores[-1]) if len(rows) == k else math.inf)
  return Best(rows, scores, sum(one.scored for one in found), may_miss)


def _falling(upper, rows) -> Iterator[np.ndarray]:
  """Blocks of rows in the order of falling bounds, which are made as they are asked for."""
  left, size = rows, _BLOCK
  while len(left):
    block, others = left, left[:0]
    if len(left) > size:
      places = np.argpartition(-upper[left], size)
      block, others = left[places[:size]], left[places[size:]]
    yield block[np.lexsort((block, -upper[block]))]
    left, size = others, 4 * size
