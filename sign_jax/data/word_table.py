"""Words with their vectors, and by which of them a word of a text is represented."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from sign_jax.data import spelling
from sign_jax.data.tokenizer import clean
from sign_jax.data.words import Lemmatizer, words

# Numbers of no word, of a text of which no word is known, and of the first word.
NONE, MEAN, FIRST = 0, 1, 2


class WordTable:
  """Words in an order, each with a vector.

  A word of a text has the vector of itself, else of its lemma, else of the first word that is
  spelled most alike, within `spelling.MOST` edits; else it is dropped. A text of which no word is
  left has the mean vector.

  Attributes:
    words: list of R str in lower case, numbered from 2.
    vectors: (R, D) float32, or None where words only have numbers.
    lemma: `words.Lemmatizer`.
    known: {word: number} of further words, 0 for those that are dropped.
  """

  def __init__(
    self, words: Sequence[str], vectors: np.ndarray | None, lemma: Lemmatizer,
    known: Mapping[str, int] | None = None,
  ):
    self.words, self.vectors, self.lemma = list(words), vectors, lemma
    self._numbers = {word: number for number, word in enumerate(self.words, FIRST)}
    self.known = dict(known or {})
    self._spellings = spelling.Words.of(self.words)

  def look_up(self, asked: Iterable[str]) -> None:
    """Decides which words represent those asked for."""
    is_new = lambda word: word not in self._numbers and word not in self.known
    new = list(filter(is_new, dict.fromkeys(asked)))
    found = {word: self._numbers.get(self.lemma(word), NONE) for word in new}
    strange = [word for word, number in found.items() if number == NONE]
    if strange:
      limits = np.full(len(strange), spelling.MOST)
      index, _ = spelling.nearest(spelling.Words.of(strange), self._spellings, limits)
      places = zip(strange, index, strict=True)
      found |= {word: int(place) + FIRST if place >= 0 else NONE for word, place in places}
    self.known |= found

  def ids(self, texts: Sequence[str], length: int) -> np.ndarray:
    """(S, length) int32: the numbers of the texts' first words that have one, then `NONE`."""
    cut = [words_of(text) for text in texts]
    self.look_up(word for found in cut for word in found)
    ids = np.full((len(cut), length), NONE, np.int32)
    for row, found in zip(ids, cut, strict=True):
      numbers = [self._numbers.get(word) or self.known[word] for word in found]
      numbers = [number for number in numbers if number != NONE][:length] or [MEAN]
      row[: len(numbers)] = numbers
    return ids

  def noted(self) -> tuple[list[str], np.ndarray | None, dict[str, int]]:
    """(words, vectors, known), of which the same table can be made."""
    return self.words, self.vectors, self.known

  def rows(self) -> np.ndarray:
    """(2 + R, D) float32, the vectors by their numbers."""
    mean = self.vectors.mean(0, dtype=np.float64, keepdims=True)
    return np.concatenate([np.zeros_like(mean), mean, self.vectors]).astype(np.float32)


def words_of(text: str) -> list[str]:
  """The words of a caption, after it is repaired as for CLIP's tokens."""
  return words(clean(text))
