"""Which of many words are spelled nearly as others: within two edits, for all at a time.

An edit puts in, takes out or replaces a letter (Levenshtein). Most words are told apart by their
lengths and by which letters they have, so that few pairs are compared letter by letter.
"""

import dataclasses
from typing import Self

import numpy as np

MOST = 2  # edits
LONGEST = 32  # letters; longer words have no neighbours
_ROWS = 1 << 14  # words that one is compared with at a time
_PAIRS = 1 << 16  # that are compared letter by letter at a time


@dataclasses.dataclass(frozen=True)
class Words:
  """Words as arrays."""

  letters: np.ndarray  # (n, LONGEST) uint32, zeros behind the last one
  lengths: np.ndarray  # (n,) int64
  sets: np.ndarray  # (n,) uint64, a bit for each letter that a word has; letters share bits

  @classmethod
  def of(cls, words: list[str]) -> Self:
    """The arrays of words in lower case."""
    letters = np.array(words, f"U{LONGEST}").reshape(-1, 1).view(np.uint32)
    letters = letters.reshape(len(words), LONGEST)
    there = letters > 0
    bits = np.left_shift(np.uint64(1), (letters & 63).astype(np.uint64))
    sets = np.bitwise_or.reduce(np.where(there, bits, np.uint64(0)), axis=1)
    lengths = np.fromiter(map(len, words), np.int64, len(words))
    return cls(letters, np.where(there.sum(1) < lengths, -LONGEST, lengths), sets)

  def some(self, rows: np.ndarray | slice) -> Self:
    """Those of some indices."""
    return type(self)(self.letters[rows], self.lengths[rows], self.sets[rows])


def nearest(
  asked: Words, among: Words, limits: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """The word that is spelled most like each of those asked for; the first of several.

  Args:
    asked: A words.
    among: n words.
    limits: (A,) int64, the most edits for each; -1 looks for none.

  Returns:
    (index (A,) int64 among those words, -1 where none is so near; (A,) int64, its edits).
  """
  index, edits = np.full(len(limits), -1), np.full(len(limits), MOST + 1)
  for start in range(0, len(among.lengths), _ROWS):
    block = among.some(slice(start, start + _ROWS))
    left = np.where(index < 0, limits, np.minimum(limits, edits - 1))
    which, where = _candidates(asked, block, left)
    for first in range(0, len(which), _PAIRS):
      pairs = which[first : first + _PAIRS], where[first : first + _PAIRS]
      found = _distances(asked.some(pairs[0]), block.some(pairs[1]))
      _take(pairs, found, left, start, index, edits)
  return index, edits


def _take(pairs, found, limits, start, index, edits):
  # In the order of edits and then of places, so that the first of each word counts.
  order = np.lexsort((pairs[1], found))
  which, where, found = pairs[0][order], pairs[1][order], found[order]
  which, firsts = np.unique(which, return_index=True)
  better = (found[firsts] <= limits[which]) & (found[firsts] < edits[which])
  which, firsts = which[better], firsts[better]
  index[which], edits[which] = start + where[firsts], found[firsts]


def _candidates(asked, among, limits):
  """(index of one asked for, index of one of the others) of pairs that may be near."""
  which, where = [], []
  for number in np.flatnonzero(limits >= 0):
    limit, letters = limits[number], asked.sets[number]
    near = np.abs(among.lengths - asked.lengths[number]) <= limit
    near &= np.bitwise_count(among.sets & ~letters) <= limit
    near &= np.bitwise_count(~among.sets & letters) <= limit
    rows = np.flatnonzero(near)
    which.append(np.full(len(rows), number))
    where.append(rows)
  none = np.zeros(0, np.int64)
  return np.concatenate([none, *which]), np.concatenate([none, *where])


def _distances(left, right):
  """(P,) int64 edits from each word to its partner, `MOST` + 1 where there are more."""
  size = LONGEST + 1
  far = np.full(len(left.lengths), MOST + 1, np.int8)
  found = far.copy()
  row = {j: np.full_like(far, j) for j in range(MOST + 1)}  # of no letters on the left
  for i in range(size):
    if i:
      row = _next_row(row, i, left.letters, right.letters, far)
    for j, value in row.items():
      ends = (left.lengths == i) & (right.lengths == j)
      found = np.where(ends, np.minimum(value, far), found)
  return found.astype(np.int64)


def _next_row(row, i, left, right, far):
  """{j: edits from the first i letters to the first j}, for the j within `MOST` of i."""
  following = {}
  for j in range(max(0, i - MOST), min(LONGEST, i + MOST) + 1):
    value = np.minimum(row.get(j, far), following.get(j - 1, far)) + np.int8(1)
    if j:
      differ = left[:, i - 1] != right[:, j - 1]
      value = np.minimum(value, row.get(j - 1, far) + differ.astype(np.int8))
    following[j] = value
  return following
