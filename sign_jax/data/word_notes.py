"""What a run notes of its words: those that it knows, their vectors, and how others are read.

An .npz file of arrays, which may come from a stranger: `words`, texts with a line end between them;
`vectors` (R, D) float32 where they have some; `known` and `numbers`, further words and which of the
words stands for each, see `word_table`; `lemmas`, lines of a word and its lemma, where a table
named them; or `per_sentence` alone, D of vectors that were made for each sentence.
"""

import pathlib
from typing import NamedTuple

import numpy as np

from sign_jax.data.vector_files import MOST_NUMBERS
from sign_jax.data.word_table import FIRST, WordTable
from sign_jax.data.words import Lemmatizer
from sign_jax.errors import UserError
from sign_jax.files import replacing
from sign_jax.untrusted import budget as budgets
from sign_jax.untrusted import npz

FILE = "word_vectors.npz"
_TEXTS, _ARRAYS = ("words", "known", "lemmas"), ("vectors", "numbers", "per_sentence")
_WORD = 1000  # bytes of memory that a word takes, with the arrays of its spelling
_KIND = "file of a run's words"


class Notes(NamedTuple):
  """What such a file holds.

  Attributes:
    words, vectors, known: of a `WordTable`; `words` is empty where the lemmas alone are noted.
    lemmas: {word: lemma}, or None where no table named them.
    per_sentence: D of vectors that were made for each sentence, else 0.
  """

  words: list[str]
  vectors: np.ndarray | None
  known: dict[str, int]
  lemmas: dict[str, str] | None
  per_sentence: int

  def table(self, lemma: Lemmatizer) -> WordTable:
    """The words, with another lemmatizer for new ones."""
    return WordTable(self.words, self.vectors, lemma, self.known)


def write(path: pathlib.Path, table: WordTable) -> None:
  """Writes a table, whole or not at all."""
  words, vectors, known = table.noted()
  arrays = {
    "words": _packed(words), "known": _packed(known),
    "numbers": np.fromiter(known.values(), np.int32, len(known)),
  }
  if vectors is not None:
    arrays["vectors"] = vectors
  if table.lemma.table is not None:
    arrays["lemmas"] = _packed(f"{word}\t{lemma}" for word, lemma in table.lemma.table.items())
  _save(path, arrays)


def write_per_sentence(path: pathlib.Path, width: int) -> None:
  """Notes that there are no words, but D = `width` numbers for each word of known sentences."""
  _save(path, {"per_sentence": np.int32(width)})


def _save(path, arrays):
  with replacing(path) as partial, partial.open("wb") as file:
    np.savez(file, **arrays)


def _packed(texts):
  return np.frombuffer("\n".join(texts).encode(), np.uint8)


def is_one(path: pathlib.Path) -> bool:
  """Whether an .npz file holds such notes, and not an array for each sentence."""
  there = set(npz.names(path))
  return {"words", "known", "numbers"} <= there or there == {"per_sentence"}


def read(path: pathlib.Path) -> Notes:
  """Reads such a file.

  Raises:
    UserError: it cannot be read, or holds something else.
  """
  found = npz.read(path, (), optional=(*_TEXTS, *_ARRAYS), kind=_KIND)
  budget = budgets.Budget.of(path)
  texts = {name: _unpacked(path, found[name], budget) for name in _TEXTS if name in found}
  width = found.get("per_sentence", np.int32(0))
  if width.ndim or width.dtype.kind not in "iu" or not 0 <= width <= MOST_NUMBERS:
    raise _damaged(path, "its width is no number")
  if width:
    return Notes([], None, {}, None, int(width))
  known, numbers = texts.get("known"), found.get("numbers")
  words, vectors = texts.get("words"), found.get("vectors")
  if words is None or known is None or numbers is None:
    raise _damaged(path, "it lacks words")
  if vectors is not None and not _are_vectors(vectors, len(words)):
    raise _damaged(path, "its vectors are not those of its words")
  if not _are_numbers(numbers, len(known), FIRST + len(words)):
    raise _damaged(path, "its numbers are not those of its words")
  lemmas = texts.get("lemmas")
  if lemmas is not None:
    pairs = [line.partition("\t") for line in lemmas]
    lemmas = {word: lemma for word, _, lemma in pairs}
  return Notes(words, vectors, dict(zip(known, numbers.tolist(), strict=True)), lemmas, 0)


def _unpacked(path, array, budget):
  if array.dtype != np.uint8 or array.ndim != 1:
    raise _damaged(path, "its words are no text")
  try:
    budget.take_memory(_WORD * np.count_nonzero(array == ord("\n")))
    text = array.tobytes().decode()
  except UnicodeDecodeError as error:
    raise _damaged(path, "its words are not UTF-8") from error
  except budgets.Exceeded as error:
    raise _damaged(path, str(error)) from error
  return text.split("\n") if text else []


def _are_vectors(array, count):
  return (
    array.ndim == 2 and len(array) == count and 1 <= array.shape[1] <= MOST_NUMBERS
    and array.dtype == np.float32 and np.isfinite(array).all()
  )


def _are_numbers(array, count, end):
  is_whole = array.ndim == 1 and len(array) == count and array.dtype == np.int32
  return is_whole and ((array == 0) | (array >= FIRST) & (array < end)).all()


def _damaged(path, why):
  return UserError(f"{path} is no {_KIND} ({why}), get it anew")
