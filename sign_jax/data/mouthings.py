"""Tables of mouthings: what a keyword spotter on mouths reports of videos (SPOT-ALIGN)."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from sign_jax.data.words import entry
from sign_jax.errors import UserError, shown
from sign_jax.untrusted import csv_table

COLUMNS = ("video", "word", "time", "confidence")
LEAST_CONFIDENCE = 0.5  # one that is sure has more
_NUMBER = re.compile(r"(\d{1,7}\.?\d*|\.\d+)(e-?\d{1,2})?", re.ASCII | re.IGNORECASE)


class Mouthing(NamedTuple):
  """A word that is seen on a mouth."""

  video: str  # as a table of clips names it
  word: str  # in lower case
  time: float  # seconds in the video, the mouthing's peak
  confidence: float  # in [0, 1]


def read(path: str) -> list[Mouthing]:
  """Reads a table.

  Args:
    path: CSV file with the columns video, word, time and confidence.

  Returns:
    [`Mouthing`] in the order of the table. Whether one lies inside its video is not known here.

  Raises:
    UserError: names the line: as `csv_table.read` and `of_row`; no rows.
  """
  found = [of_row(row, f"{path}, line {line}") for line, row in csv_table.read(path, COLUMNS)]
  if not found:
    raise UserError(f"{path} has no rows, write one for each mouthing")
  return found


def of_row(row: Mapping[str, str], where: str) -> Mouthing:
  """The `Mouthing` of a row.

  Args:
    row: {column: text}.
    where: what the error names: a file and a line.

  Raises:
    UserError: no word, a time or a confidence that is none.
  """
  if not row["word"].strip():
    raise UserError(f"{where}: the word is empty, write it")
  time, confidence = (_number(row[column], column, where) for column in COLUMNS[2:])
  if confidence > 1:
    raise UserError(f"{where}: the confidence {confidence:g} is not between 0 and 1")
  return Mouthing(row["video"], entry(row["word"]), time, confidence)


def _number(text, column, where):
  if not _NUMBER.fullmatch(text):
    raise UserError(f"{where}: the {column} is {shown(text)}, write a number such as 0.5")
  return float(text)
