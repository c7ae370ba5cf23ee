"""Dictionary spotting: where in a subtitle's windows its words are signed (SPOT-ALIGN, section 3).

Each subtitle has some candidates, entries of a dictionary, and each entry some exemplars. For every
candidate, the window with the largest cosine to any of its exemplars is found. Subtitles come one
after the other, and the similarities of some subtitles' windows to the exemplars that any of them
asks for are computed in tiles of one size: memory does not grow with the corpus, and the device
compiles one program.
"""

import collections
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Float32, Int

from sign_jax.ops.unit_length import unit_length

SIMILARITIES = ("cosine", "unit")
_WINDOWS, _EXEMPLARS = 512, 256  # of a tile, at most
_SLOT = 32  # windows of one subtitle, of which a tile tells the best, at most
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
def _unit(x):
  """(n, D) float as float32 of length 1."""
  return unit_length(x.astype(jnp.float32))


@jax.jit
def _tile(windows, starts, lengths, exemplars, rows):
  """Cosine and window of the best of each slot's windows, for each of C exemplars.

  Args:
    windows: (T, D) float32 of length 1.
    starts: (S,) int32 of `windows`, where each slot begins.
    lengths: (S,) int32 up to _SLOT, how many windows it has.
    exemplars: (E, D) float32 of length 1.
    rows: (C,) int32 of `exemplars`.

  Returns:
    (S, C) float32 and (S, C) int32, the window's place in its slot.
  """
  similarity = jnp.matmul(windows, exemplars[rows].T, precision=jax.lax.Precision.HIGHEST)
  best = jnp.full((len(starts), len(rows)), _NOTHING, jnp.float32)
  window = jnp.zeros(best.shape, jnp.int32)
  # Written out, as the compiler makes one pass of it.
  for place in range(_SLOT):
    here = jnp.take(similarity, starts + place, axis=0, mode="clip")
    is_better = (here > best) & (place < lengths)[:, None]
    best, window = jnp.where(is_better, here, best), jnp.where(is_better, place, window)
  return best, window


class _Slot(NamedTuple):
  """Some windows of one subtitle, of which a tile tells the best."""

  found: "_Found"
  windows: Float[np.ndarray, "n D"]
  first: int  # row of the subtitle's windows


class _Begun(NamedTuple):
  """A block of slots that the device is computing."""

  block: list[_Slot]
  column: Int[np.ndarray, " E"]  # of an exemplar, among those of all tiles
  tiles: list[tuple[jax.Array, jax.Array]]

  def finish(self):
    """Adds to every subtitle of the block what its windows are like."""
    cosine, window = (np.concatenate(x, 1) for x in zip(*self.tiles, strict=True))
    for number, slot in enumerate(self.block):
      columns = self.column[slot.found.rows]
      slot.found.add(slot, cosine[number, columns], window[number, columns])


class Dictionary:
  """Exemplars of a dictionary's entries, on the device."""

  def __init__(
      self, exemplars: Float[np.ndarray, "E D"], entry_of: Int[np.ndarray, " E"], entries: int,
      max_elements: int = 1 << 22,
  ) -> None:
    """Puts the exemplars on the device.

    Args:
      exemplars: (E, D) float embeddings of any length.
      entry_of: (E,) int in [0, `entries`), the entry that each belongs to.
      entries: number of entries; one may have no exemplar.
      max_elements: of the windows that are looked at at a time and their similarities, at most;
        but never fewer than a few windows.
    """
    self._exemplars = _unit(exemplars)
    self._rows = np.argsort(entry_of, kind="stable").astype(np.int32)  # entry after entry
    self._counts = np.bincount(entry_of, minlength=entries)
    self._starts = np.cumsum(self._counts) - self._counts
    count, width = exemplars.shape
    self._columns = max(1, min(_EXEMPLARS, count))
    # Windows are there twice, as they came and of length 1, and two blocks at a time.
    most = max_elements // (4 * width + 2 * self._columns)
    self._windows = max(_SLOT, min(_WINDOWS, most))
    self._slots = 3 * self._windows // (2 * _SLOT)  # as subtitles do not fill their last one

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
    waiting, begun = collections.deque(), None
    for block in self._blocks(subtitles, waiting):
      # The device has the next block before the last one is put together.
      last, begun = begun, self._begin(block)
      if last:
        last.finish()
      while waiting and waiting[0].is_done:
        yield waiting.popleft().best()
    if begun:
      begun.finish()
    yield from (found.best() for found in waiting)

  def _blocks(self, subtitles, waiting):
    """Lists of `_Slot` for a tile; every subtitle's `_Found` is appended to `waiting`."""
    block, free = [], self._windows
    for windows, candidates in subtitles:
      found = self._found(len(windows), candidates)
      waiting.append(found)
      first = len(windows) if found.is_done else 0
      while first < len(windows):
        block.append(_Slot(found, windows[first : first + min(free, _SLOT)], first))
        first += len(block[-1].windows)
        free -= len(block[-1].windows)
        if not free or len(block) == self._slots:
          yield block
          block, free = [], self._windows
    if block:
      yield block

  def _found(self, windows, candidates):
    counts = self._counts[candidates]
    if not counts.all():
      raise ValueError("a candidate has no exemplar")
    starts = np.cumsum(counts) - counts
    rows = np.arange(counts.sum()) + np.repeat(self._starts[candidates] - starts, counts)
    return _Found(windows, self._rows[rows], starts, counts)

  def _begin(self, block):
    """`_Begun`: all windows of a block, beside all exemplars that one of its subtitles asks for."""
    windows = np.zeros((self._windows, block[0].windows.shape[1]), np.float32)
    lengths = np.zeros(self._slots, np.int32)
    lengths[: len(block)] = [len(slot.windows) for slot in block]
    np.concatenate([slot.windows for slot in block], out=windows[: lengths.sum()])
    asked = np.zeros(len(self._exemplars), bool)
    for slot in block:
      asked[slot.found.rows] = True
    rows = np.flatnonzero(asked).astype(np.int32)
    given = _unit(windows), np.cumsum(lengths, dtype=np.int32) - lengths, lengths, self._exemplars
    tiles = [
        _tile(*given, np.resize(rows[at : at + self._columns], self._columns))
        for at in range(0, len(rows), self._columns)
    ]
    return _Begun(block, np.cumsum(asked) - 1, tiles)


class _Found:
  """What is known of one subtitle: the best window of each exemplar of its candidates."""

  def __init__(self, windows, rows, starts, counts):
    self.rows, self._starts = rows, starts
    self._owner = np.repeat(np.arange(len(counts)), counts)
    self._left = windows if len(rows) else 0
    self._cosine = np.full(len(rows), np.float32(_NOTHING))
    self._window = np.full(len(rows), -1, np.int64)

  @property
  def is_done(self):
    """Whether all windows have been added."""
    return not self._left

  def add(self, slot, cosine, window):
    """Results of a slot; those of earlier windows have come before."""
    is_better = cosine > self._cosine
    np.copyto(self._cosine, cosine, where=is_better)
    np.copyto(self._window, window + slot.first, where=is_better)
    self._left -= len(slot.windows)

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
