"""Entries of a dictionary that a sentence may show (SPOT-ALIGN), and sets of lemmas."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from jaxtyping import Bool

from sign_jax.data import words

FORMS = ("both", "original", "lemma")  # of a sentence's words, in which entries are looked up


class Candidates:
  """Finds the entries of a dictionary whose words stand side by side in a sentence."""

  def __init__(
      self, entries: Sequence[str], lemma: Callable[[str], str], forms: str = "both"
  ) -> None:
    """Args:
      entries: names of the dictionary's entries, of one or several words.
      lemma: function from a word to its lemma, see `words.lemmatizer`.
      forms: one of FORMS: whether the sentence's words, their lemmas or either are compared.

    Raises:
      ValueError: other forms.
    """
    if forms not in FORMS:
      raise ValueError(f"unknown forms {forms!r}")
    self._lemma, self._forms = lemma, forms
    self._entry_of = {}
    for number, entry in enumerate(entries):
      self._entry_of.setdefault(tuple(entry.lower().split()), []).append(number)
    self._entry_of.pop((), None)
    self._lengths = sorted({len(key) for key in self._entry_of})

  def __call__(self, text: str) -> list[int]:
    """Numbers of the entries that occur in a sentence, in their order, each once."""
    found = set()
    for sequence in self._sequences(words.words(text)):
      for length in self._lengths:
        for start in range(len(sequence) - length + 1):
          found.update(self._entry_of.get(tuple(sequence[start : start + length]), ()))
    return sorted(found)

  def _sequences(self, spoken):
    if self._forms != "lemma":
      yield spoken
    if self._forms != "original":
      yield [self._lemma(word) for word in spoken]


def lemmas(texts: Iterable[str], lemma: Callable[[str], str]) -> frozenset[str]:
  """The lemmas of all words of some texts; stop words are words too."""
  return frozenset(lemma(word) for text in texts for word in words.words(text))


def indicators(
    sets: Sequence[frozenset[str]], order: Sequence[str]
) -> Bool[np.ndarray, "V L"]:
  """(V, L) bool: which of the L elements of `order` each set has; others do not count."""
  column = {element: number for number, element in enumerate(order)}
  table = np.zeros((len(sets), len(column)), bool)
  for row, elements in enumerate(sets):
    table[row, [column[x] for x in elements if x in column]] = True
  return table
