"""Dictionary spotting: where in a subtitle's windows its words are signed (SPOT-ALIGN, section 3).

Each subtitle has some candidates, entries of a dictionary, and each entry some exemplars. For every
candidate, the window with the largest cosine to any of its exemplars is found. Subtitles come one
after the other, and the similarities of some subtitles' windows to the exemplars that any of them
asks for are computed in tiles of one size: memory does not grow with the corpus, and the device
compiles one program.

Who only wants what exceeds a threshold may say so. Then the similarities are computed in bfloat16,
where the device multiplies faster in it, and only what exceeds the threshold or fails to by less
than the possible error is computed in float32.
"""

import collections
import contextlib
import functools
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Float32, Int, Int32

from sign_jax.ops.unit_length import unit_length

SIMILARITIES = ("cosine", "unit")
_WINDOWS, _EXEMPLARS = 512, 256  # of a tile, at most
_SLOT = 32  # windows of one subtitle, of which a tile tells the best, at most
_NOTHING = -2.0  # below every cosine
# Of a cosine of bfloat16, at most: rounding changes each factor of a product by 2 ** -8 of itself,
# and the sizes of the products of two vectors of length 1 sum up to 1. Sums in float32 add little.
_ERROR, _ERROR_PER_COLUMN = 0.0079, 2.0**-23
_MOST_HITS = 0.02  # of a block's similarities, if it is not to be computed in float32 as a whole


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
  _check(similarity)
  return cosine if similarity == "cosine" else (1 + cosine) / 2


def least_cosine(threshold: float, similarity: str) -> float:
  """The cosine that belongs to a threshold of a similarity, less what rounding may change.

  Args:
    threshold: of `as_similarity`.
    similarity: see there.

  Raises:
    ValueError: another similarity.
  """
  _check(similarity)
  return (threshold if similarity == "cosine" else 2 * threshold - 1) - 1e-6


def _check(similarity):
  if similarity not in SIMILARITIES:
    raise ValueError(f"unknown similarity {similarity!r}")


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
  for place, here in enumerate(_in_slots(similarity, starts, lengths)):
    is_better = here > best
    best, window = jnp.where(is_better, here, best), jnp.where(is_better, place, window)
  return best, window


@jax.jit
def _screen(windows, starts, lengths, exemplars, rows):
  """(S, C) float32, the best cosine up to an error; arguments as of `_tile`, but bfloat16."""
  # Not as a product with a transpose, which XLA computes in float32 on a CPU.
  similarity = jnp.einsum(
      "td,cd->tc", windows, exemplars[rows], preferred_element_type=jnp.float32
  )
  # A window that is not a number is like nothing, and hides no other one.
  return functools.reduce(jnp.fmax, _in_slots(similarity, starts, lengths))


def _in_slots(similarity, starts, lengths):
  """Yields (S, C) float32 of each place of a slot; compilers make one pass of them all."""
  for place in range(_SLOT):
    here = jnp.take(similarity, starts + place, axis=0, mode="clip")
    yield jnp.where((place < lengths)[:, None], here, _NOTHING)


@functools.cache
def _is_bfloat16_quick():
  """Whether products of bfloat16 take less time than those of float32."""
  if jax.default_backend() != "cpu":
    return True
  with contextlib.suppress(OSError):
    return "avx512_bf16" in pathlib.Path("/proc/cpuinfo").read_text()
  return False


class _Slot(NamedTuple):
  """Some windows of one subtitle, of which a tile tells the best."""

  found: "_Found"
  windows: Float[np.ndarray, "n D"]
  first: int  # row of the subtitle's windows


class _Begun(NamedTuple):
  """A block of slots that the device is computing."""

  block: list[_Slot]
  given: tuple[np.ndarray, ...]  # windows (T, D), starts and lengths of slots (S,)
  rows: Int32[np.ndarray, " U"]  # exemplars that one of its subtitles asks for
  column: Int[np.ndarray, " E"]  # of an exemplar, among those
  tiles: list[Any]

  def slots(self):
    """(slot, its number, columns of its subtitle's exemplars) of each."""
    for number, slot in enumerate(self.block):
      yield slot, number, self.column[slot.found.rows]


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
      least: float | None = None,
  ) -> Iterator[Best]:
    """The best window of every candidate of every subtitle.

    Args:
      subtitles: pairs of windows (n, D) and candidates (K,) int, entries that have exemplars; both
        may be empty. They are asked for as they are needed.
      least: cosine that must be exceeded; None for any.

    Yields:
      `Best` of each subtitle, in their order. Where no window exceeds `least`, or none is there,
      cosines are -1 and windows and exemplars -1.

    Raises:
      ValueError: a candidate has no exemplar.
    """
    screened = least is not None and _is_bfloat16_quick()
    begin, finish = (
        (self._begin_screen, functools.partial(self._finish_screen, least)) if screened else
        (self._begin, self._finish)
    )  # fmt: skip
    least = _NOTHING if least is None else least
    waiting, begun = collections.deque(), None
    for block in self._blocks(subtitles, waiting):
      # The device has the next block before the last one is put together.
      last, begun = begun, begin(self._prepared(block))
      if last:
        finish(last)
      while waiting and waiting[0].is_done:
        yield waiting.popleft().best(least)
    if begun:
      finish(begun)
    yield from (found.best(least) for found in waiting)

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

  def _prepared(self, block):
    """`_Begun` without tiles: a block's windows, and the exemplars that a subtitle asks for."""
    windows = np.zeros((self._windows, block[0].windows.shape[1]), np.float32)
    lengths = np.zeros(self._slots, np.int32)
    lengths[: len(block)] = [len(slot.windows) for slot in block]
    np.concatenate([slot.windows for slot in block], out=windows[: lengths.sum()])
    asked = np.zeros(len(self._exemplars), bool)
    for slot in block:
      asked[slot.found.rows] = True
    given = windows, np.cumsum(lengths, dtype=np.int32) - lengths, lengths
    return _Begun(block, given, np.flatnonzero(asked).astype(np.int32), np.cumsum(asked) - 1, [])

  def _tiles(self, compute, windows, exemplars, begun):
    """What a program gives for all windows of a block beside each tile of its exemplars."""
    for at in range(0, len(begun.rows), self._columns):
      rows = np.resize(begun.rows[at : at + self._columns], self._columns)
      yield compute(windows, *begun.given[1:], exemplars, rows)

  def _begin(self, begun):
    unit = _unit(begun.given[0])
    return begun._replace(tiles=list(self._tiles(_tile, unit, self._exemplars, begun)))

  def _finish(self, begun):
    """Adds to every subtitle of the block what its windows are like."""
    cosine, window = (np.concatenate(x, 1) for x in zip(*begun.tiles, strict=True))
    for slot, number, columns in begun.slots():
      slot.found.add(slot, cosine[number, columns], window[number, columns])

  def _begin_screen(self, begun):
    unit = _unit(begun.given[0]).astype(jnp.bfloat16)
    return begun._replace(tiles=list(self._tiles(_screen, unit, self._rough, begun)))

  def _finish_screen(self, least, begun):
    """As `_finish`, but only for what may exceed `least`."""
    error = _ERROR + _ERROR_PER_COLUMN * self._exemplars.shape[1]
    hits = np.concatenate(begun.tiles, 1)[:, : len(begun.rows)] > least - error
    if hits[: len(begun.block)].mean() > _MOST_HITS:
      self._finish(self._begin(begun))
      return
    for slot, number, columns in begun.slots():
      places = np.flatnonzero(hits[number, columns])
      # Most slots have none.
      windows = _unit_rows(slot.windows if len(places) else slot.windows[:1])
      # Not as a product of matrices: equal windows must be equally alike in slots of any size.
      similarity = np.einsum("td,cd->tc", windows, self._exact[slot.found.rows[places]])
      similarity = np.nan_to_num(similarity, nan=_NOTHING)
      slot.found.add(slot, similarity.max(0), similarity.argmax(0), places)

  @functools.cached_property
  def _rough(self):
    return self._exemplars.astype(jnp.bfloat16)

  @functools.cached_property
  def _exact(self):
    return np.asarray(self._exemplars)


def _unit_rows(x):
  """`_unit`, for few rows."""
  return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


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

  def add(self, slot, cosine, window, places=slice(None)):
    """Results of a slot, of some of the exemplars; those of earlier windows have come before."""
    is_better = cosine > self._cosine[places]
    self._cosine[places] = np.where(is_better, cosine, self._cosine[places])
    self._window[places] = np.where(is_better, window + slot.first, self._window[places])
    self._left -= len(slot.windows)

  def best(self, least):
    """`Best` over the exemplars of each candidate: first by cosine, then by window and exemplar."""
    if not len(self.rows):
      nothing = np.zeros(0, np.int64)
      return Best(np.zeros(0, np.float32), nothing, nothing)
    highest = np.maximum.reduceat(self._cosine, self._starts)
    far = np.iinfo(np.int64).max
    window = np.where(self._cosine == highest[self._owner], self._window, far)
    first = np.minimum.reduceat(window, self._starts)
    exemplar = np.where(window == first[self._owner], self.rows.astype(np.int64), far)
    is_there = highest > least
    return Best(
        np.where(is_there, np.clip(highest, -1, 1), np.float32(-1)), np.where(is_there, first, -1),
        np.where(is_there, np.minimum.reduceat(exemplar, self._starts), -1),
    )  # fmt: skip
