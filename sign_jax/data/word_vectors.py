"""Word vectors for the captions of a data set: of a file, of the captions themselves, or drawn."""

import hashlib
import itertools
import sys
from collections.abc import Iterable

import numpy as np

from sign_jax.data import spelling, vector_files
from sign_jax.data.vector_files import VectorFile
from sign_jax.data.word_table import FIRST, NONE, WordTable
from sign_jax.data.words import Lemmatizer
from sign_jax.errors import UserError, printable, shown
from sign_jax.files import existing_file

FILE = "--config.model.text.file"
REMEDY = (
  "pass a file of rows WORD NUMBER ... NUMBER, word2vec's binary format, or an .npz file with an "
  "array for each sentence"
)
_BLOCK = 4096  # rows whose spellings are compared at a time
_MOST_NAMED = 10
_FINE = 4096  # parts of one, in which drawn numbers are counted


def of_file(path, needed: Iterable[str], lemma: Lemmatizer) -> WordTable:
  """The vectors of a file that the words of captions can need, by the rule of `WordTable`.

  The file is read as a stream, once for the words and their lemmas, and once more where some have
  neither, for those that are spelled alike. Its words count in lower case; one that is written so
  comes before others, and else the first. What becomes of words that it lacks is told on stderr.

  Args:
    path: of a file that `vector_files.VectorFile` reads.
    needed: words in lower case.
    lemma: `words.Lemmatizer`.

  Raises:
    UserError: there is no such file, it is damaged, or has none of the words.
  """
  path = existing_file(path, FILE, REMEDY)
  file, needed = VectorFile(path, FILE, REMEDY), list(dict.fromkeys(needed))
  lemmas = {word: lemma(word) for word in needed}
  found = _exact(file, {*needed, *lemmas.values()})
  strange = [word for word in needed if word not in found and lemmas[word] not in found]
  alike = _alike(file, strange) if strange else {}
  found |= {word: vector for word, vector in alike.values() if word not in found}
  if not found:
    raise UserError(
      f"{FILE}: {path} has none of the {len(needed)} words of the captions, nor any that is "
      "spelled like them: pass one in their language"
    )
  _tell(path, needed, [word for word in strange if word not in alike], alike)
  number_of = {word: number for number, word in enumerate(found, FIRST)}
  known = {word: number_of[alike[word][0]] if word in alike else NONE for word in strange}
  return WordTable(list(found), np.stack(list(found.values())), lemma, known)


def _tell(path, needed, dropped, alike):
  """What becomes of words without a vector, on stderr."""
  lacking = len(dropped) + len(alike)
  if not lacking:
    return
  others = (f"{shown(word)} as {shown(other)}" for word, (other, _) in alike.items())
  said = "; ".join(
    f"{what}: {len(found)} ({', '.join(itertools.islice(names, _MOST_NAMED))}"
    f"{', ...' if len(found) > _MOST_NAMED else ''})"
    for what, found, names in (
      ("read as a word that is spelled like it", alike, others),
      ("left out", dropped, map(shown, dropped)),
    )
    if found
  )
  sentence = f"{path} lacks {lacking} of {len(needed)} words of the captions; {said}"
  print(printable(sentence), file=sys.stderr)


def _exact(file, wanted):
  """{word: vector} of the wanted words that a file has."""
  found, exact = {}, set()
  for place, raw, numbers in file:
    word = vector_files.decoded(raw)
    lower = word and word.lower()
    if lower not in wanted or lower in exact or (lower in found and word != lower):
      continue
    found[lower] = file.vector(place, numbers)
    if word == lower:
      exact.add(lower)
  return found


def _alike(file, strange):
  """{word: (word of the file that is spelled most like it, its vector)}, where there is one."""
  asked, limits, found = spelling.Words.of(strange), np.full(len(strange), spelling.MOST), {}
  for rows in _blocks(file):
    index, edits = spelling.nearest(asked, spelling.Words.of([row[0] for row in rows]), limits)
    for number in np.flatnonzero(index >= 0):
      word, place, numbers = rows[index[number]]
      found[strange[number]] = word, file.vector(place, numbers)
      limits[number] = edits[number] - 1
  return found


def _blocks(file):
  rows = []
  for place, raw, numbers in file:
    word = vector_files.decoded(raw)
    if word:
      rows.append((word.lower(), place, numbers))
    if len(rows) == _BLOCK:
      yield rows
      rows = []
  if rows:
    yield rows


class DrawnVectors(WordTable):
  """Every word has a vector, which its lemma alone decides: independent normal numbers."""

  def __init__(self, width: int, lemma: Lemmatizer):
    super().__init__([], np.zeros((0, width), np.float32), lemma)
    self._drawn = {}

  def look_up(self, asked: Iterable[str]) -> None:
    """Draws the vectors of words that are new."""
    for word in asked:
      lemma = self.lemma(word)
      if lemma not in self._drawn:
        self._drawn[lemma] = _drawn(lemma, self.vectors.shape[1])
        self._numbers[lemma] = FIRST + len(self.words)
        self.words.append(lemma)
      self.known[word] = self._numbers[lemma]

  def noted(self) -> tuple[list[str], np.ndarray, dict[str, int]]:
    """No words, as all are drawn anew."""
    return [], self.vectors, {}

  def rows(self) -> np.ndarray:
    """As of the base class; the mean vector is that of the distribution, zero."""
    first = np.zeros((FIRST, self.vectors.shape[1]), np.float32)
    return np.stack([*first, *self._drawn.values()])


def _drawn(word, width):
  """(D,) float32, the same bits on every machine: the last ones of a logarithm may differ."""
  seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:16], "little")
  numbers = np.random.default_rng(seed).standard_normal(width)
  return (np.round(numbers * _FINE) / _FINE).astype(np.float32)
