"""Long videos in parts that overlap, and the scores of these joined.

A recogniser reads some frames at once, and makes one step of every four. What it says of a part's
first and last steps is less sure, as it sees nothing beyond. So each part begins before the end of
the one before it, and of what both have read each gives the half that lies further inside.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Float

from sign_jax.data.frame_sampling import STRIDE

# Frames of the overlap: half of it is about as far as S3D and a head see to one side.
_OVERLAP = 96


def overlap_of(most: int) -> int:
  """Frames that two parts of `most` frames share: at most half of them, and a multiple of 8."""
  unit = 2 * STRIDE
  return min(_OVERLAP, most // 2) // unit * unit


def parts(rows: Iterable[Any], most: int) -> Iterator[tuple[int, list[Any]]]:
  """(the first frame's number, frames) of each part; at most `most` frames are kept in memory.

  Args:
    rows: what there is of each frame.
    most: frames of a full part, a multiple of 4. The last one has the rest, and is left out where
      that is no whole step beyond the part before it.
  """
  overlap, held, first = overlap_of(most), [], 0
  for row in rows:
    held.append(row)
    if len(held) == most:
      yield first, held
      first, held = first + most - overlap, held[most - overlap :]
  if not first and held or len(held) >= overlap + STRIDE:
    yield first, held


class Joined:
  """Scores (T, V) of all steps of a video; of each part it keeps what no other knows better."""

  def __init__(self, most: int) -> None:
    self._margin, self._parts = overlap_of(most) // (2 * STRIDE), []

  def add(self, first: int, scores: Float[np.ndarray, "T V"]) -> None:
    """The next part's; `first` is the number of its first frame."""
    if first:
      # The part before ends twice the margin behind the beginning of this one.
      self._parts[-1] = self._parts[-1][: len(self._parts[-1]) - self._margin].copy()
      scores = scores[self._margin :]
    self._parts.append(scores)

  @property
  def scores(self) -> Float[np.ndarray, "T V"]:
    """Those of all steps so far, in their order."""
    return np.concatenate(self._parts)
