"""Word vectors of captions alone: how often words stand near each other, in few dimensions."""

import collections
from collections.abc import Sequence

import numpy as np

WINDOW = 5  # words to either side that a word stands near
CONTEXTS = 2048  # of the most frequent words; the matrix of all pairs of words would be too large
_ROWS = 4096  # of that matrix at a time
_LEAST = 1e-5  # of the largest singular value, below which there is only rounding


def of(texts: Sequence[Sequence[str]], width: int) -> tuple[list[str], np.ndarray]:
  """Word vectors by positive pointwise mutual information and its singular value decomposition.

  M[w, c] = max(0, log(n(w, c) n / (n(w) n(c)))), where n(w, c) counts how often word w stands
  within `WINDOW` words of context c, one of the `CONTEXTS` most frequent words. With M = U S V^T,
  the vectors are the first columns of U S^(1/2); the largest entry of each column of V is positive.

  Args:
    texts: the words of each.
    width: D; columns that M does not have are zero.

  Returns:
    (R words, the most frequent first; (R, D) float32).
  """
  counts = collections.Counter(word for text in texts for word in text)
  vocabulary = sorted(counts, key=lambda word: (-counts[word], word))
  matrix = _Information(texts, vocabulary)
  vectors = np.zeros((len(vocabulary), width), np.float32)
  squares, right = np.linalg.eigh(matrix.gram())
  values = np.sqrt(np.maximum(squares[::-1], 0))[:width]
  right = right[:, ::-1][:, :width]
  kept = values > _LEAST * max(values.max(initial=0), 1e-30)
  values, right = values[kept], right[:, kept]
  right = right * np.sign(right[np.abs(right).argmax(0), np.arange(len(values))])
  for start, rows in matrix.blocks():
    vectors[start : start + len(rows), : len(values)] = rows @ (right / np.sqrt(values))
  return vocabulary, vectors


class _Information:
  """The matrix M, of which only the entries above zero are held."""

  def __init__(self, texts, vocabulary):
    self._size, self._width = len(vocabulary), min(len(vocabulary), CONTEXTS)
    number = {word: i for i, word in enumerate(vocabulary)}
    # A blank between texts is as wide as a window.
    gap = [-1] * WINDOW
    line = np.array([x for text in texts for x in [*map(number.get, text), *gap]], np.int64)
    pairs = [_pairs(line, distance, self._width) for distance in range(1, WINDOW + 1)]
    places, counts = np.unique(np.concatenate(pairs or [line[:0]]), return_counts=True)
    self._words, self._contexts = np.divmod(places, self._width)
    of_word = np.bincount(self._words, counts, self._size)
    of_context = np.bincount(self._contexts, counts, self._width)
    expected = of_word[self._words] * of_context[self._contexts] / max(counts.sum(), 1)
    self._values = np.maximum(np.log(counts / expected), 0)

  def blocks(self):
    """Yields (first row, float64 rows) of the whole matrix."""
    for start in range(0, self._size, _ROWS):
      first, last = np.searchsorted(self._words, (start, start + _ROWS))
      rows = np.zeros((min(_ROWS, self._size - start), self._width))
      part = slice(first, last)
      rows[self._words[part] - start, self._contexts[part]] = self._values[part]
      yield start, rows

  def gram(self):
    """M^T M, float64."""
    return sum((rows.T @ rows for _, rows in self.blocks()), np.zeros((self._width, self._width)))


def _pairs(line, distance, width):
  """word * width + context, for the pairs of words at a distance, in both directions."""
  left, right = line[:-distance], line[distance:]
  words, contexts = np.concatenate([left, right]), np.concatenate([right, left])
  counted = (words >= 0) & (contexts >= 0) & (contexts < width)
  return words[counted] * width + contexts[counted]
