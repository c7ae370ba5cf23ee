"""CSV files of users: rows as dicts, and names of files in them that stay inside their folder."""

import csv

from sign_jax.errors import UserError
from sign_jax.files import existing_file

LONGEST_NAME = 255 - len(".npz")  # bytes; file systems take 255, and features have this extension


def read(path, required):
  """Reads a CSV file: UTF-8 with or without byte order mark, commas, quotes as in RFC 4180.

  Args:
    path: the file; its first line names the columns.
    required: names of columns that must be there.

  Returns:
    [(line, {column: text without surrounding white space})]; `line` is where a row ends, from 1.

  Raises:
    UserError: no such file, not UTF-8, a missing column, a row with too many or too few values.
  """
  path = existing_file(path, remedy=f"write one with the columns {','.join(required)}")
  try:
    with path.open(encoding="utf-8-sig", newline="") as file:
      return _rows(path, csv.DictReader(file, strict=True), required)
  except UnicodeDecodeError as error:
    raise UserError(f"{path} is not encoded in UTF-8, save it as UTF-8") from error
  except csv.Error as error:
    raise UserError(f"{path} is no valid CSV file ({error}), correct it") from error


def check_inside(name, where):
  """Checks that a file name from a table cannot leave its folder.

  Args:
    name: relative path with "/" between folders.
    where: what the error names, e.g. "captions.csv, line 3".

  Raises:
    UserError: an empty or absolute name, one of a folder, one with "..", a backslash or a colon,
      or one that is too long for a file system.
  """
  parts = name.split("/")
  is_file = parts[-1] not in ("", ".") and not name.startswith("/")
  if not is_file or ".." in parts or any(c in name for c in "\\:\0"):
    raise UserError(
      f"{where}: {name!r} is no path inside the folder of the videos, write it relative to that"
    )
  if max(len(part.encode()) for part in parts) > LONGEST_NAME:
    raise UserError(
      f"{where}: {name[:40] + '...'!r} is longer than {LONGEST_NAME} bytes, shorten the name"
    )


def _rows(path, reader, required):
  columns = [column.strip() for column in reader.fieldnames or ()]
  missing = [column for column in required if column not in columns]
  if missing:
    raise UserError(
      f"{path} has no column {', '.join(missing)} among {', '.join(columns) or 'none'}, add it"
    )
  reader.fieldnames = columns
  rows = []
  for row in reader:
    if None in row or None in row.values():
      raise UserError(
        f"{path}, line {reader.line_num}: the row has not {len(columns)} values, quote sentences "
        "that hold commas"
      )
    rows.append((reader.line_num, {column: text.strip() for column, text in row.items()}))
  return rows
