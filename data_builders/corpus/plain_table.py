"""Tables of releases: columns between separators, and no quoting."""

from sign_jax.files import existing_file
from sign_jax.untrusted import budget as budgets
from sign_jax.untrusted import csv_table

_REMEDY = "get it from the corpus's owner"


def read(path, separator, required):
  """Reads a table; a quotation mark in it is a character like any other.

  Args:
    path: file in UTF-8, with or without byte order mark; its first line names the columns.
    separator: one character.
    required: names of columns that must be there.

  Returns:
    [(line, row)]: `line` counts from 1; `row` is {column: text without surrounding white space},
    or None where a line has too many or too few values. Empty lines are left out.

  Raises:
    UserError: no such file; as `csv_table.decoded` and `csv_table.check_columns`.
  """
  first, *others = _lines(path)
  columns = [column.strip() for column in first.split(separator)]
  csv_table.check_columns(f"{path}, line 1", columns, required, (), "get it anew", separator)
  rows, budget = [], budgets.Budget.of(path)
  for number, line in enumerate(others, 2):
    if line.strip():
      csv_table.take_row(budget, len(columns), f"{path}, line {number}")
      rows.append((number, _row(columns, line.split(separator))))
  return rows


def lines(path):
  """[(line, text)] of a file without columns' names; empty lines are left out; errors as `read`."""
  rows, budget = [], budgets.Budget.of(existing_file(path, remedy=_REMEDY))
  for number, line in enumerate(_lines(path), 1):
    if line.strip():
      csv_table.take_row(budget, 1, f"{path}, line {number}")
      rows.append((number, line))
  return rows


def _lines(path):
  path = existing_file(path, remedy=_REMEDY)
  # Not splitlines(), which also splits at characters that captions may hold.
  return [line.removesuffix("\r") for line in csv_table.decoded(path, "get it anew").split("\n")]


def _row(columns, values):
  if len(values) != len(columns):
    return None
  return dict(zip(columns, (value.strip() for value in values), strict=True))
