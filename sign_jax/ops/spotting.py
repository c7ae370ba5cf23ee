"""Dictionary spotting: where in a subtitle's windows its words are signed (SPOT-ALIGN, section 3).

Each subtitle has some candidates, entries of a dictionary, and each entry some exemplars. For every
candidate, the window with the largest cosine to any of its exemplars is found. Subtitles come one
after the other, their similarities are computed in tiles of one size: memory does not grow with the
corpus, and the device compiles one program.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Float32, Int, Int32

from sign_jax.ops.unit_length import unit_length

SIMILARITIES = ("cosine", "unit")
_WINDOWS, _EXEMPLARS = 64, 64  # of a tile
_NOTHING = -2.0  # below every cosine


class Best(NamedTuple):
  """The best window of every candidate of one subtitle, in the order of its candidates.

  Attributes:
    cosine: (K,) float32 in [-1, 1].
    window: (K,) int64, row of the subtitle's windows; of equal ones the first.
    exemplar: (K,) int64, row of the exemplars; of equal ones the first.
  """

  cosine: Float32[np.ndarray, " K"]
  window: Int[np.ndarray, " K"]
  exemplar: Int[np.ndarray, " K"]


def as_similarity(
    cosine: Float32[np.ndarray, " K"], similarity: str
) -> Float32[np.ndarray, " K"]:
  """The similarity that a threshold is compared with.

  Args:
    cosine: (K,) float32.
    similarity: "cosine", or "unit": (1 + cosine) / 2.

  Raises:
    ValueError: another similarity.
  """
  if similarity not in SIMILARITIES:
    raise ValueError(f"unknown similarity {similarity!r}")
  return cosine if similarity == "cosine" else (1 + cosine) / 2


@jax.jit
def _tile(windows, valid, exemplars, rows):
  """Cosine and window of the best of T windows, for each of C exemplars.

  Args:
    windows: (B, T, D) float.
    valid: (B,) int32, how many of the windows there are.
    exemplars: (E, D) float32 of length 1.
    rows: (B, C) int32 of `exemplars`.

  Returns:
    (B, C) float32 and (B, C) int32.
  """
  unit = unit_length(windows.astype(jnp.float32))
  exact = jax.lax.Precision.HIGHEST
  similarity = jnp.einsum("btd,bcd->bct", unit, exemplars[rows], precision=exact)
  there = jnp.arange(windows.shape[1])[None] < valid[:, None]
  similarity = jnp.where(there[:, None], similarity, _NOTHING)
  return similarity.max(-1), similarity.argmax(-1).astype(jnp.int32)


class _Tile(NamedTuple):
  """Some windows of a subtitle, and some of its exemplars."""

  windows: Float[np.ndarray, "n D"]
  first: int  # row of the subtitle's windows
  exemplars: Int32[np.ndarray, " c"]
  place: int  # of the first one among the subtitle's exemplars


class Dictionary:
  """Exemplars of a dictionary's entries, on the device.

  Attributes:
    rows_of: list of the exemplars' rows of each entry.
  """

  def __init__(
      self, exemplars: Float[np.ndarray, "E D"], entry_of: Int[np.ndarray, " E"], entries: int,
      max_elements: int = 1 << 22,
  ) -> None:
    """Puts the exemplars on the device.

    Args:
      exemplars: (E, D) float embeddings of any length.
      entry_of: (E,) int in [0, `entries`), the entry that each belongs to.
      entries: number of entries; one may have no exemplar.
      max_elements: similarities that are computed at a time, at most.
    """
    self.rows_of = [np.flatnonzero(entry_of == entry).astype(np.int32) for entry in range(entries)]
    self._exemplars = unit_length(jnp.asarray(exemplars, jnp.float32))
    # Windows and exemplars of a tile are copied, and so count too.
    largest = max(_WINDOWS * _EXEMPLARS, (_WINDOWS + _EXEMPLARS) * exemplars.shape[1])
    self._batch = max(1, max_elements // largest)

  def best(
      self,
      subtitles: Iterable[tuple[Float[np.ndarray, "n D"], Int[np.ndarray, " K"]]],
  ) -> Iterator[Best]:
    """The best window of every candidate of every subtitle.

    Args:
      subtitles: pairs of windows (n, D) and candidates (K,) int, entries that have exemplars; both
        may be empty. They are asked for as they are needed.

    Yields:
      `Best` of each subtitle, in their order. Where there is no window, cosines are -1 and windows
      and exemplars -1.

    Raises:
      ValueError: a candidate has no exemplar.
    """
    waiting, filling = [], []
    for windows, candidates in subtitles:
      found = _Found([self.rows_of[entry] for entry in candidates])
      waiting.append(found)
      for tile in _tiles(windows, found.rows):
        filling.append((found, tile))
        if len(filling) == self._batch:
          self._compute(filling)
          filling = []
          while waiting and waiting[0] is not found:
            yield waiting.pop(0).best()
    self._compute(filling)
    yield from (found.best() for found in waiting)

  def _compute(self, filling):
    if not filling:
      return
    width = filling[0][1].windows.shape[1]
    windows = np.zeros((self._batch, _WINDOWS, width), np.float32)
    valid = np.zeros(self._batch, np.int32)
    rows = np.zeros((self._batch, _EXEMPLARS), np.int32)
    for at, (_, tile) in enumerate(filling):
      windows[at, : len(tile.windows)], valid[at] = tile.windows, len(tile.windows)
      rows[at, : len(tile.exemplars)] = tile.exemplars
    cosine, window = map(np.asarray, _tile(windows, valid, self._exemplars, rows))
    for at, (found, tile) in enumerate(filling):
      found.add(tile, cosine[at], window[at])


def _tiles(windows, rows):
  for first in range(0, len(windows), _WINDOWS):
    for place in range(0, len(rows), _EXEMPLARS):
      yield _Tile(
          windows[first : first + _WINDOWS], first, rows[place : place + _EXEMPLARS], place
      )


class _Found:
  """What is known of one subtitle: the best window of each exemplar of its candidates."""

  def __init__(self, rows):
    if not all(map(len, rows)):
      raise ValueError("a candidate has no exemplar")
    self._starts = np.cumsum([0, *map(len, rows)])[:-1]
    self.rows = np.concatenate(rows) if rows else np.zeros(0, np.int32)
    self._owner = np.repeat(np.arange(len(rows)), [len(x) for x in rows])
    self._cosine = np.full(len(self.rows), np.float32(_NOTHING))
    self._window = np.full(len(self.rows), -1, np.int64)

  def add(self, tile, cosine, window):
    """Results of a tile; those of earlier windows have come before."""
    part = slice(tile.place, tile.place + len(tile.exemplars))
    count = len(tile.exemplars)
    is_better = cosine[:count] > self._cosine[part]
    self._cosine[part] = np.where(is_better, cosine[:count], self._cosine[part])
    self._window[part] = np.where(is_better, tile.first + window[:count], self._window[part])

  def best(self):
    """`Best` over the exemplars of each candidate: first by cosine, then by window and exemplar."""
    if not len(self.rows) or self._window[0] < 0:
      count = len(self._starts)
      nowhere = np.full(count, -1, np.int64)
      return Best(np.full(count, -1, np.float32), nowhere, nowhere)
    highest = np.maximum.reduceat(self._cosine, self._starts)
    far = np.iinfo(np.int64).max
    window = np.where(self._cosine == highest[self._owner], self._window, far)
    first = np.minimum.reduceat(window, self._starts)
    exemplar = np.where(window == first[self._owner], self.rows.astype(np.int64), far)
    return Best(
        np.clip(highest, -1, 1), first, np.minimum.reduceat(exemplar, self._starts)
    )
