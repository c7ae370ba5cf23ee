"""How captions become words with vectors or numbers: the `protocols.TextReader` of word vectors."""

import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from sign_jax.data import corpus_vectors, sentence_vectors, word_notes, word_vectors
from sign_jax.data.sentence_vectors import SentenceReader
from sign_jax.data.splits import SPLITS
from sign_jax.data.word_table import FIRST, NONE, WordTable, words_of
from sign_jax.data.word_vectors import FILE, REMEDY
from sign_jax.data.words import NONE as OWN
from sign_jax.data.words import Lemmatizer, lemmatizer, of_table
from sign_jax.errors import UserError
from sign_jax.files import existing_file
from sign_jax.protocols import Batch, Inputs, TextReader

_LEARNED = {"text": "int32", "text_valid": "bool"}
_ZIP = b"PK"
Captions = Callable[[str], Sequence[str]]


class WordRows:
  """Sentence indices to {"text", "text_valid"}: see `WordReader`."""

  def __init__(self, ids: np.ndarray, rows: np.ndarray | None):
    self._ids, self._rows = ids, rows

  def __call__(self, sentences: np.ndarray) -> Batch:
    ids = self._ids[sentences]
    return {"text": ids if self._rows is None else self._rows[ids], "text_valid": ids != NONE}


class WordReader:
  """A `protocols.TextReader` of words with vectors, or of numbers of words that are learned.

  "text" is (B, N, D) float32, zeros behind the last word; or (B, N) int32, 0 behind the last word,
  1 in a text without a known word. "text_valid" is (B, N) bool.
  """

  def __init__(self, table: WordTable, length: int):
    self._table, self._length = table, length
    self._cached = 0, None  # the table's rows when it had so many words

  @property
  def inputs(self) -> Inputs:
    """See `protocols.TextReader`; "words" is the highest number of a word that is learned."""
    table = self._table
    if table.vectors is not None:
      return sentence_vectors.inputs(self._length, table.vectors.shape[1])
    fields = {name: [[self._length], kind] for name, kind in _LEARNED.items()}
    return fields | {"words": FIRST - 1 + len(table.words)}

  def rows(self, split: Any) -> WordRows:
    """See `protocols.TextReader`."""
    return self._rows(split.sentence_texts)

  def encode(self, texts: Sequence[str]) -> Batch:
    """See `protocols.TextReader`."""
    return self._rows(texts)(np.arange(len(texts)))

  def write(self, path: pathlib.Path) -> None:
    """See `protocols.TextReader`."""
    word_notes.write(path, self._table)

  def _rows(self, texts):
    ids = self._table.ids(texts, self._length).reshape(len(texts), self._length)
    return WordRows(ids, None if self._table.vectors is None else self._matrix())

  def _matrix(self):
    # One copy for all splits.
    count = len(self._table.words)
    if self._cached[1] is None or self._cached[0] != count:
      self._cached = count, self._table.rows()
    return self._cached[1]


def reader(
  config: ConfigDict, captions: Captions | None, notes: pathlib.Path | None
) -> TextReader:
  """The reader that a configuration asks for: a system's `text_reader`.

  Of `config.model.text`:

  - `embedding`: "file", "corpus" (of the training captions), "hash" (drawn for each word's lemma)
    or "learned" (numbers of the words of the training captions);
  - `file`: of word vectors, see `vector_files`; an .npz file with an array for each sentence, see
    `sentence_vectors`; or what a run has noted, see `word_notes`;
  - `width`: D of "corpus" and "hash";
  - `lemmas`, `language`: see `words.lemmatizer`.

  `config.data.text_length` is N.

  Args:
    config: the whole configuration.
    captions: function of a split's name -> its texts, [] where there is none; None without data.
    notes: of a run, in place of all that would be read or counted anew; None where there are none.

  Raises:
    UserError: settings or files that cannot be used.
  """
  text, length = config.model.text, config.data.text_length
  noted = word_notes.read(notes) if notes else None
  if noted is None and text.embedding == "file":
    path = existing_file(text.file, FILE, REMEDY) if text.file else None
    if path and _is_zip(path):
      if not word_notes.is_one(path):
        return SentenceReader(path, length)
      noted = word_notes.read(path)
  if noted and noted.per_sentence:
    return SentenceReader(text.file, length, noted.per_sentence)
  lemma = _lemmatizer(text, noted)
  if text.embedding == "hash":
    return WordReader(word_vectors.DrawnVectors(text.width, lemma), length)
  if noted:
    if (noted.vectors is None) != (text.embedding == "learned"):
      raise UserError(f"{notes} is not of a model with model.text.embedding={text.embedding}")
    return WordReader(noted.table(lemma), length)
  if captions is None:
    raise UserError(
      f"the words that this model knows are in the file {word_notes.FILE} of its run, which is not "
      "beside the weights: put it there, or load the run's folder"
    )
  return WordReader(_table(text, captions, lemma), length)


def _table(text, captions, lemma):
  if text.embedding == "file":
    if not text.file:
      raise UserError(f"model.text.embedding=file reads a file of word vectors: pass it by {FILE}")
    splits = [captions(split) for split in SPLITS]
    needed = (word for texts in splits for caption in texts for word in words_of(caption))
    return word_vectors.of_file(text.file, needed, lemma)
  training = [words_of(caption) for caption in captions(SPLITS[0])]
  if not any(training):
    raise UserError(
      f"model.text.embedding={text.embedding} is made of the training captions, and the data set "
      "has none: build its training split"
    )
  if text.embedding == "corpus":
    return WordTable(*corpus_vectors.of(training, text.width), lemma)
  return WordTable(sorted({word for found in training for word in found}), None, lemma)


def _lemmatizer(text: ConfigDict, noted: word_notes.Notes | None) -> Lemmatizer:
  if noted and noted.lemmas is not None:
    return of_table(noted.lemmas)
  return lemmatizer(text.lemmas or OWN, text.language)


def _is_zip(path):
  with path.open("rb") as file:
    return file.read(len(_ZIP)) == _ZIP
