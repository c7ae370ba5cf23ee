"""Tables of lexicons: which exemplar, a video of an isolated sign, shows which word."""

from collections.abc import Mapping
from typing import NamedTuple

from sign_jax.data import clip_table
from sign_jax.data.words import entry
from sign_jax.errors import UserError, shown
from sign_jax.untrusted import csv_table

COLUMNS = ("exemplar", "word", "start", "end")
# Names of folders that stand beside lexicons among what encoders read: no lexicon has them.
CORPUS, RETRIEVED = RESERVED = ("corpus", "retrieved")


class Exemplar(NamedTuple):
  """An isolated sign."""

  exemplar: str  # the path of its video in the lexicon's folder of videos
  word: str  # in lower case; several words have blanks between them
  start: float  # seconds: where the sign itself begins
  end: float


def read(path: str) -> list[Exemplar]:
  """Reads a table.

  Args:
    path: CSV file with the columns exemplar and word, and perhaps start and end in seconds, to
      which the exemplar is cut.

  Returns:
    [`Exemplar`] in the order of the table.

  Raises:
    UserError: names the line: as `csv_table.read` and `of_row`; no rows, or an exemplar that an
      earlier line names too.
  """
  found = {}
  for line, row in csv_table.read(path, COLUMNS[:2], COLUMNS):
    where = f"{path}, line {line}"
    exemplar = of_row(row, where)
    if exemplar.exemplar in found:
      name = shown(exemplar.exemplar)
      raise UserError(f"{where}: an earlier line names the exemplar {name}, rename one")
    found[exemplar.exemplar] = exemplar
  if not found:
    raise UserError(f"{path} has no rows, write one for each exemplar")
  return list(found.values())


def of_row(row: Mapping[str, str], where: str) -> Exemplar:
  """The `Exemplar` of a row.

  Args:
    row: {column: text}.
    where: what the error names: a file and a line.

  Raises:
    UserError: no word, a name that leaves its folder, times that are none.
  """
  name, word = row["exemplar"], entry(row["word"])
  csv_table.check_inside(name, where)
  if not word:
    raise UserError(f"{where}: the exemplar {shown(name)} has no word, write it")
  return Exemplar(name, word, *clip_table.times(row, where))
