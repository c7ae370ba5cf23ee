"""Vectors of the words of each sentence, made elsewhere: one array a sentence in an .npz file."""

import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sign_jax.data import word_notes
from sign_jax.data.vector_files import MOST_NUMBERS
from sign_jax.data.word_vectors import FILE
from sign_jax.errors import UserError, shown
from sign_jax.files import existing_file
from sign_jax.protocols import Batch, Inputs
from sign_jax.untrusted import npz

_REMEDY = "write an array (words, numbers) for each sentence, under its sentence_id or video_id"
_AT_A_TIME = 2048  # arrays that are read and packed together


class SentenceRows:
  """Sentence indices to {"text": (B, N, D) float32, "text_valid": (B, N) bool}."""

  def __init__(self, length: int, width: int):
    self._length, self._width = length, width
    self._parts, self._places = [], []  # (rows, D) float16 or float32; (part, first, behind)

  def add(self, arrays: Sequence[np.ndarray]) -> None:
    """Keeps the first rows of further sentences' arrays (n, D), as they are: float16 stays so."""
    ends = np.cumsum([min(len(array), self._length) for array in arrays]).tolist()
    places = zip([0, *ends], ends, strict=False)
    self._places += [(len(self._parts), start, end) for start, end in places]
    self._parts.append(np.concatenate([array[: self._length] for array in arrays]))

  def __call__(self, sentences: np.ndarray) -> Batch:
    text = np.zeros((len(sentences), self._length, self._width), np.float32)
    counts = np.zeros(len(sentences), int)
    for row, sentence in enumerate(sentences):
      part, start, end = self._places[sentence]
      counts[row] = end - start
      text[row, : end - start] = self._parts[part][start:end]
    return {"text": text, "text_valid": np.arange(self._length) < counts[:, None]}


class SentenceReader:
  """A `protocols.TextReader` of a file of such arrays."""

  def __init__(self, path: str | pathlib.Path, length: int, width: int = 0):
    """Reads the first array where the width is not known.

    Args:
      path: of the .npz file; only looked for when a data set's sentences are read.
      length: N, rows of an array that are kept.
      width: D, 0 where the file tells.

    Raises:
      UserError: the file's beginning is no such array.
    """
    self._path, self._length = path, length
    self.width = width or self._first_width()

  @property
  def inputs(self) -> Inputs:
    """See `protocols.TextReader`."""
    return inputs(self._length, self.width)

  def rows(self, split: Any) -> Callable[[np.ndarray], Batch]:
    """See `protocols.TextReader`.

    Raises:
      UserError: a sentence has no array, or one that is none of numbers (words, D).
    """
    path, found = self._file(), SentenceRows(self._length, self.width)
    names = self._names_of(split, set(npz.names(path, remedy=_REMEDY)))
    for start in range(0, len(names), _AT_A_TIME):
      some = names[start : start + _AT_A_TIME]
      arrays = npz.read(path, list(dict.fromkeys(some)), remedy=_REMEDY)
      found.add([self._checked(arrays[name], name) for name in some])
    return found

  def encode(self, texts: Sequence[str]) -> Batch:
    """Refuses: there are no vectors of new sentences."""
    raise UserError(
      "this model reads vectors that were made elsewhere for each sentence of its data set, so it "
      "cannot encode new ones: train one with model.text.embedding=corpus or with a file of words"
    )

  def write(self, path: pathlib.Path) -> None:
    """See `protocols.TextReader`."""
    word_notes.write_per_sentence(path, self.width)

  def _names_of(self, split, there):
    sentences = split.sentence_ids
    videos = [split.video_ids[members[0]] for members in split.videos_of_sentence]
    lacking = [name for name in sentences if name not in there]
    if not lacking:
      return sentences
    without = [name for name in videos if name not in there]
    if not without:
      return videos
    kind, names = ("sentence", lacking) if len(lacking) <= len(without) else ("video", without)
    raise UserError(
      f"{FILE}: {self._path} has no array of {len(names)} of {len(sentences)} {kind}s, the first "
      f"is {shown(names[0])}: {_REMEDY}"
    )

  def _checked(self, array, name):
    if array.dtype.kind not in "fiu" or array.ndim != 2 or array.shape[1] != self.width:
      raise UserError(
        f"{FILE}: {self._path} holds under {shown(name)} an array {array.shape} of {array.dtype}, "
        f"and not numbers (words, {self.width or 'numbers'}): {_REMEDY}"
      )
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused as that
      array = array if array.dtype == np.float16 else array.astype(np.float32)
    if not len(array) or not np.isfinite(array).all():
      fault = "without rows" if not len(array) else "with numbers that are not finite"
      raise UserError(f"{FILE}: {self._path} holds under {shown(name)} an array {fault}: {_REMEDY}")
    return array

  def _file(self):
    if not self._path:
      raise UserError(
        f"this model reads vectors that were made elsewhere for each sentence: pass the file of "
        f"this data set's by {FILE}"
      )
    return existing_file(self._path, FILE, _REMEDY)

  def _first_width(self):
    path = self._file()
    names = npz.names(path, remedy=_REMEDY)
    if not names:
      raise UserError(f"{FILE}: {path} holds no array: {_REMEDY}")
    array = npz.read(path, names[:1], remedy=_REMEDY)[names[0]]
    if array.ndim != 2 or not 1 <= array.shape[1] <= MOST_NUMBERS:
      raise UserError(
        f"{FILE}: {path} holds under {shown(names[0])} an array {array.shape}, and not one of "
        f"(words, numbers): {_REMEDY}"
      )
    return array.shape[1]


def inputs(length: int, width: int) -> Inputs:
  """`protocols.Inputs` of word vectors."""
  return {"text": [[length, width], "float32"], "text_valid": [[length], "bool"]}
