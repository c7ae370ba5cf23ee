"""The order in which an unstable descending sort leaves equal scores.

The released evaluation ranks with `torch.argsort`, which on a CPU is libstdc++'s `std::sort`:
introsort (Musser 1997). Quick-sort with the median of three as pivot runs down to ranges of 16,
then insertion sort, which is stable, ends the work. So equal scores come out in the order in which
the partitions left them, and only the ranges that hold the tied score need to be followed. The
heap-sort that takes over after 2 log2(n) levels, for adversarial inputs, is left out.
"""

import numpy as np
from jaxtyping import Float, Int

_INSERTION_RANGE = 16


def place_among_equals(
  scores: Float[np.ndarray, " N"], position: int | np.integer
) -> int:
  """Equal scores that end before scores[position] in a descending `std::sort`.

  Args:
    scores: (N,) float, no NaN.
    position: index into `scores`.

  Returns:
    int from 0 to (number of scores equal to scores[position]) - 1.
  """
  scores = np.array(scores)
  order = np.arange(len(scores))
  value = scores[position]
  pending = [(0, len(scores))]
  while pending:
    start, stop = pending.pop()
    if stop - start > _INSERTION_RANGE and np.any(scores[start:stop] == value):
      cut = _partition(scores, order, start, stop)
      pending += [(start, cut), (cut, stop)]
  equals = order[scores == value]
  return int(np.flatnonzero(equals == position)[0])


def _partition(
  scores: Float[np.ndarray, " N"], order: Int[np.ndarray, " N"], start: int, stop: int
) -> int:
  """Partitions [start, stop) in place by Hoare's scheme; the first index of the right part."""
  middle = start + (stop - start) // 2
  _swap(scores, order, start, _median(scores, start + 1, middle, stop - 1))
  pivot = scores[start]
  inside = scores[start + 1 : stop]
  # From the left the scan stops at scores that are not greater, from the right at those that are
  # not smaller; the k-th stops of both scans change places for as long as they have not met.
  from_left = start + 1 + np.flatnonzero(inside <= pivot)
  from_right = start + 1 + np.flatnonzero(inside >= pivot)[::-1]
  shorter = min(len(from_left), len(from_right))
  swaps = np.count_nonzero(from_left[:shorter] < from_right[:shorter])
  _swap(scores, order, from_left[:swaps], from_right[:swaps])
  stops = [*from_left[swaps : swaps + 1], *from_right[swaps - 1 : swaps]]
  return int(min(stops))


def _median(scores: Float[np.ndarray, " N"], a: int, b: int, c: int) -> int:
  """Which of three indices holds the median; between equals as `std::sort` chooses."""
  if scores[a] > scores[b]:
    if scores[b] > scores[c]:
      return b
    return c if scores[a] > scores[c] else a
  if scores[a] > scores[c]:
    return a
  return c if scores[b] > scores[c] else b


def _swap(scores, order, a, b):
  for array in (scores, order):
    array[a], array[b] = np.copy(array[b]), np.copy(array[a])
