"""Vectors of glosses from files of word vectors: fastText's text files, or a released pickle."""

import gzip
import re
import sys

import numpy as np

from sign_jax.data import vector_files
from sign_jax.data.vector_files import MOST_NUMBERS, floats
from sign_jax.errors import UserError, first_line, printable, shown
from sign_jax.files import existing_file
from sign_jax.untrusted import safe_pickle

OPTION = "--config.data.gloss_embeddings"
_PICKLE, _GZIP = b"\x80", b"\x1f\x8b"
_BETWEEN = re.compile(r"[\s_/-]+")  # the words of a gloss
_MOST_NAMED = 10
_REMEDY = "pass fastText's text file (.vec), or a pickled dict of gloss and vector"


def read(path, glosses):
  """The vectors of glosses.

  A text file begins with a line "WORDS NUMBERS", and each further line is a word and its numbers,
  divided by blanks; it is read line by line, and of its words only those that glosses need are
  kept. A pickle is a dict of gloss and numbers.

  A gloss has the vector of its own name, as it is written or in lower case. Where the file has
  none, it has the mean of those of its words, which blanks, hyphens, underlines or slashes divide.
  One of which no word has a vector gets zeros, which are like nothing, and is named on stderr.

  Args:
    path: str or pathlib.Path.
    glosses: list of str.

  Returns:
    (len(glosses), E) float32.

  Raises:
    UserError: there is no such file, or it is neither, damaged or hostile, or has none of the
      glosses.
  """
  path = existing_file(path, OPTION, _REMEDY)
  wanted = {word for gloss in glosses for word in _spellings(gloss)}
  vectors = (_of_pickle if _is_pickle(path) else _of_text)(path, wanted)
  found = [_vector(gloss, vectors) for gloss in glosses]
  missing = [gloss for gloss, vector in zip(glosses, found, strict=True) if vector is None]
  if len(missing) == len(glosses):
    raise UserError(
      f"{OPTION}: {path} has no vector for any of the {len(glosses)} glosses, the first is "
      f"{shown(glosses[0])}: pass one in their language"
    )
  if missing:
    print(printable(_sentence(path, missing, len(glosses))), file=sys.stderr)
  width = next(len(vector) for vector in found if vector is not None)
  return np.stack([np.zeros(width, np.float32) if x is None else x for x in found])


def of_metadata(noted, count):
  """The vectors that a data set notes of its glosses, which a stranger may have written.

  Args:
    noted: what should be `count` lists of as many numbers.
    count: N.

  Returns:
    (N, E) float32.

  Raises:
    UserError: they are not.
  """
  vectors = floats(noted)
  fits = vectors.ndim == 2 and len(vectors) == count and 1 <= vectors.shape[1] <= MOST_NUMBERS
  if not fits or not np.isfinite(vectors).all():
    raise UserError(
      f"the data set's vectors of glosses are not {count} lists of as many numbers: build it "
      f"again, or pass a file of vectors by {OPTION}"
    )
  return vectors


def _spellings(gloss):
  """What a gloss may be called in a file: itself, then its words."""
  own = [gloss, gloss.lower()]
  words = [word for word in _BETWEEN.split(gloss) if word]
  return [*own, *words, *(word.lower() for word in words)]


def _vector(gloss, vectors):
  for name in (gloss, gloss.lower()):
    if name in vectors:
      return vectors[name]
  words = (word for word in _BETWEEN.split(gloss) if word)
  named = (word if word in vectors else word.lower() for word in words)
  found = [vectors[word] for word in named if word in vectors]
  return np.mean(found, axis=0, dtype=np.float32) if found else None


def _sentence(path, missing, count):
  some = ", ".join(shown(gloss) for gloss in missing[:_MOST_NAMED])
  more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
  return (
    f"{path} has no vector for {len(missing)} of {count} glosses, which get zeros: {some}{more}"
  )


def _is_pickle(path):
  with path.open("rb") as file:
    head = file.read(2)
  if head != _GZIP:
    return head.startswith(_PICKLE)
  try:
    with gzip.open(path) as file:
      is_pickle = file.read(1) == _PICKLE
  except (OSError, EOFError) as error:
    raise UserError(f"{OPTION}: {path} is damaged ({first_line(error)}), {_REMEDY}") from error
  if not is_pickle:
    raise UserError(f"{OPTION}: {path} is packed: unpack it first")
  return True


def _of_pickle(path, wanted):
  content = safe_pickle.read(path, kind="pickle of vectors", remedy=_REMEDY)
  if not isinstance(content, dict) or not content:
    raise UserError(f"{OPTION}: {path} holds no dict, {_REMEDY}")
  found, width = {}, 0
  for name, value in content.items():
    if not isinstance(name, str) or name not in wanted:
      continue
    vector = _numbers(value)
    width = width or (0 if vector is None else len(vector))
    if vector is None or len(vector) != width:
      raise UserError(
        f"{OPTION}: {path} has for {shown(name)} no list of {width or 'some'} numbers, {_REMEDY}"
      )
    found[name] = vector
  return found


def _numbers(value):
  """(E,) float32 of a list or array of finite numbers, else None."""
  if isinstance(value, list | tuple):
    if not 1 <= len(value) <= MOST_NUMBERS or not all(isinstance(x, int | float) for x in value):
      return None
  elif not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
    return None
  vector = floats(value).reshape(-1)
  is_vector = 1 <= vector.size <= MOST_NUMBERS and vector.size == max(np.shape(value), default=0)
  return vector if is_vector and np.isfinite(vector).all() else None


def _of_text(path, wanted):
  wanted = {word.encode("utf-8", "replace"): word for word in wanted}
  rows, found = vector_files.VectorFile(path, OPTION, _REMEDY, needs_header=True), {}
  for place, word, numbers in rows:
    if word in wanted and wanted[word] not in found:
      found[wanted[word]] = rows.vector(place, numbers)
  return found
