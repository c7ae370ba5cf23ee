"""Files of word vectors, read as a stream: word2vec's text and binary formats, fastText's .vec."""

import re

import numpy as np

from sign_jax.errors import UserError

MOST_NUMBERS = 4096  # of a vector; fastText's have 300
_LONGEST = 2**17  # bytes of a line: 4096 numbers of 20 digits, and a word
_LONGEST_WORD = 2**12  # bytes, in a binary file
_BLOCK = 1 << 20
_GZIP = b"\x1f\x8b"
_HEADER = re.compile(rb"\s*(\d{1,12})\s+(\d{1,6})\s*")
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f]")  # no text has one of these


class VectorFile:
  """A file of words and their vectors.

  Iterating gives (place, word, numbers): where the row stands, its word as bytes, and its numbers
  as bytes that `vector` reads.

  Attributes:
    width: D, how many numbers a vector has.
  """

  def __init__(self, path, option, remedy, needs_header=False):
    """Reads the beginning of a file.

    Args:
      path: pathlib.Path of a file that is there.
      option: what named it, such as "--config.model.text.file".
      remedy: what to do when it is none.
      needs_header: whether a text must begin with a line of two numbers, those of its words and of
        a word's numbers; else one without such a line has the width of its first row.

    Raises:
      UserError: it begins otherwise, is packed, or is smaller than its header says.
    """
    self._path, self._remedy, self._where = path, remedy, f"{option}: {path}"
    with path.open("rb") as file:
      first = file.readline(_LONGEST)
      header = _HEADER.fullmatch(first)
      self._start = len(first) if header else 0
      beginning = file.read(_LONGEST) if header else first
    if first.startswith(_GZIP):
      raise UserError(f"{self._where} is packed: unpack it first")
    if header and not 1 <= int(header[2]) <= MOST_NUMBERS or needs_header and not header:
      raise UserError(
        f"{self._where} does not begin with a line of two numbers, those of its words and of a "
        f"word's numbers, {remedy}"
      )
    self._is_binary = bool(header and _BINARY.search(beginning))
    self.width = int(header[2]) if header else self._width_of(first)
    self._count = int(header[1]) if header else 0
    if self._is_binary:
      self._check_size()

  def __iter__(self):
    """Raises UserError where a row has no end, or a binary file is not as long as it says."""
    return self._binary() if self._is_binary else self._text()

  def vector(self, place, numbers):
    """(D,) float32 of a row; raises UserError where it has not D finite numbers."""
    if self._is_binary:
      vector = np.frombuffer(numbers, "<f4").astype(np.float32)
    else:
      vector = floats(numbers.split())
    if vector.shape != (self.width,) or not np.isfinite(vector).all():
      raise UserError(
        f"{self._where}, {place}: there are not {self.width} numbers behind the word, "
        f"{self._remedy}"
      )
    return vector

  def _width_of(self, row):
    word, _, numbers = row.partition(b" ")
    vector = floats(numbers.split())
    if not word or not 1 <= len(vector) <= MOST_NUMBERS or _BINARY.search(row):
      raise UserError(
        f"{self._where}, line 1: it is no word with its numbers, nor the two numbers of a header, "
        f"{self._remedy}"
      )
    return len(vector)

  def _check_size(self):
    size = self._path.stat().st_size - self._start
    if self._count * (4 * self.width + 2) > size:
      raise UserError(
        f"{self._where}, line 1: {self._count} words of {self.width} numbers do not fit into the "
        f"{size} bytes that follow, get the file anew"
      )

  def _text(self):
    with self._path.open("rb") as file:
      file.seek(self._start)
      for line, text in enumerate(iter(lambda: file.readline(_LONGEST), b""), 2 if self._start
                                  else 1):  # fmt: skip
        if len(text) == _LONGEST:
          raise UserError(f"{self._where}, line {line}: it has no end, {self._remedy}")
        word, _, numbers = text.partition(b" ")
        yield f"line {line}", word, numbers

  def _binary(self):
    nbytes, held, place = 4 * self.width, b"", 0
    with self._path.open("rb") as file:
      file.seek(self._start)
      for number in range(1, self._count + 1):
        blank = held.find(b" ", place)
        if blank < 0 or len(held) < blank + 1 + nbytes:
          held, place = held[place:] + file.read(_BLOCK), 0
          blank = held.find(b" ", 0, _LONGEST_WORD)
        end = blank + 1 + nbytes
        if not 0 <= blank - place <= _LONGEST_WORD or len(held) < end:
          raise UserError(
            f"{self._where}, word {number} of {self._count}: the file is cut short or damaged, "
            "get it anew"
          )
        yield f"word {number}", held[place:blank].lstrip(b"\n"), held[blank + 1 : end]
        place = end
      if held[place:].strip(b"\n") or file.read(1):
        raise UserError(
          f"{self._where}, line 1: the file goes on behind the {self._count} words of "
          f"{self.width} numbers that it says, get it anew"
        )


def floats(content):
  """The array of float32 that lists or texts of numbers make; an empty one where they do not."""
  try:
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused as that
      return np.array(content, np.float32)
  except (ValueError, TypeError, OverflowError):
    return np.zeros(0, np.float32)


def decoded(word):
  """A word as text, None where it is not UTF-8."""
  try:
    return word.decode()
  except UnicodeDecodeError:
    return None
