"""CSV files of users: rows as dicts, and names of files in them that stay inside their folder."""

import contextlib
import csv
import difflib
import io
import pathlib
import re

from sign_jax.errors import UserError, shown
from sign_jax.files import existing_file, replacing
from sign_jax.untrusted import budget as budgets

LONGEST_NAME = 255 - len(".npz")  # bytes; file systems take 255, and features have this extension
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas"}
MAX_BYTES = 256 << 20  # of a table; one of a hundred thousand clips has 20 MB
MAX_COLUMNS = 200
_ROW, _VALUE = 400, 64  # bytes of memory that a row takes, and each value in it
_BOM = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # how a file of Excel's "Unicode text" begins
_LINE_END = re.compile(rb"\r\n|\r|\n")
_CURLED = "\u201c\u201d\u201e\u201f\u00ab\u00bb"  # quotation marks of texts, not of CSV files
_SIMILAR = 0.8  # how alike two names of columns are of which one is a slip of the pen


def read(path, required, known=(), faults=None):
  """Reads a CSV file: UTF-8 with or without byte order mark, commas, quotes as in RFC 4180.

  Empty lines, rows of empty values and empty columns at the end are left out.

  Args:
    path: the file; its first line that is not empty names the columns.
    required: names of columns that must be there.
    known: further names that mean something; a name that is one of them but for a slip is refused.
    faults: dict that receives {line: sentence} of single rows that are wrong, which are then left
      out; None to raise the first.

  Returns:
    [(line, {column: text without surrounding white space})]; `line` is where a row begins, from 1.

  Raises:
    UserError: names the line and what was found there: no such file, another encoding, another
      separator, a missing, misspelt or repeated column, quotation marks that do not fit, a row with
      too many or too few values.
  """
  path = existing_file(path, remedy=f"write one with the columns {','.join(required)}")
  text = decoded(path, "save it as UTF-8 (in a spreadsheet: CSV UTF-8)")
  columns, rows, budget = None, [], budgets.Budget(len(text))
  for line, values in _records(path, text):
    where = f"{path}, line {line}"
    if not any(values) or (columns is None and values == ["sep=", ""]):  # a first line of Excel's
      continue
    if columns is None:
      columns = _without_empty_end(values)
      check_columns(where, columns, required, known, "add it")
    else:
      take_row(budget, len(columns), where)
      with guard(faults, line):
        rows.append((line, _row(where, columns, values)))
  if columns is None:
    check_columns(f"{path}, line 1", [], required, known, "add it")
  return rows


@contextlib.contextmanager
def guard(faults, line):
  """Notes the `UserError` of a row in {line: sentence}, or lets it pass where that is None."""
  try:
    yield
  except UserError as error:
    if faults is None:
      raise
    faults[line] = str(error)


def write(path, columns, rows):
  """Writes a CSV file, whole or not at all; makes the folder."""
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
    csv.writer(file).writerows([columns, *rows])


def decoded(path, remedy):
  """The text of a file in UTF-8, with or without byte order mark.

  Args:
    path: pathlib.Path of a file that is there.
    remedy: what to do when it is in another encoding, for the error.

  Raises:
    UserError: names the line and the byte that is not UTF-8, or that no text has; more than
      `MAX_BYTES`.
  """
  if path.stat().st_size > MAX_BYTES:
    raise UserError(f"{path} has more than {MAX_BYTES >> 20} MiB, which no table has, {remedy}")
  content = path.read_bytes()
  if content.startswith(_UTF_16):
    raise UserError(f"{path}, line 1: the file is encoded in UTF-16 and not in UTF-8, {remedy}")
  content = content.removeprefix(_BOM)
  if (place := content.find(b"\0")) >= 0:
    line = _line_of(content, place)
    raise UserError(f"{path}, line {line}: there is a byte 0, which no text has, {remedy}")
  try:
    return content.decode("utf-8")
  except UnicodeDecodeError as error:
    before = content[: error.start].decode("utf-8")
    line = _line_of(content, error.start)
    after = shown(re.split(r"[\r\n]", before)[-1][-20:])
    raise UserError(
      f"{path}, line {line}: the byte 0x{content[error.start]:02x} after {after} is not encoded in "
      f"UTF-8, {remedy}"
    ) from error


def take_row(budget, columns, where):
  """Counts a row of so many columns; raises `UserError` where the file has far too many."""
  try:
    budget.take_memory(_ROW + _VALUE * columns)
  except budgets.Exceeded as error:
    raise UserError(f"{where}: the file has too many short rows, divide it") from error


def check_columns(where, columns, required, known, remedy, separator=","):
  """Checks the names of a table's columns.

  Args:
    where: what the error names: a file and the line of the names.
    columns: list of names.
    required: names that must be there.
    known: further names that mean something.
    remedy: what to do when one is missing, for the error.
    separator: what should be between columns, a key of `SEPARATORS`.

  Raises:
    UserError: a missing, misspelt or repeated name, or the names are separated otherwise.
  """
  if len(columns) > MAX_COLUMNS:  # to compare so many names takes minutes
    raise UserError(f"{where}: there are {len(columns)} columns, more than a table has, {remedy}")
  missing = [column for column in required if column not in columns]
  if missing:
    _check_separator(where, columns, missing, separator)
  for column in columns:
    if column and columns.count(column) > 1:
      raise UserError(f"{where}: the column {shown(column)} is there twice, remove one")
  for column in columns:
    if meant := _meant(column, [name for name in (*required, *known) if name not in columns]):
      raise UserError(
        f"{where}: there is a column {shown(column)} (did you mean {meant!r}?), correct its name"
      )
  if missing:
    found = ", ".join(shown(column) for column in columns[:20]) or "none"
    raise UserError(f"{where}: no column {', '.join(missing)} among {found}, {remedy}")


def check_inside(name, where):
  """Checks that a file name from a table cannot leave its folder.

  Args:
    name: relative path with "/" between folders.
    where: what the error names, e.g. "captions.csv, line 3".

  Raises:
    UserError: an empty or absolute name, one of a folder, one with "..", a backslash, a colon or a
      control character, or one that is too long for a file system.
  """
  parts = name.split("/")
  is_file = parts[-1] not in ("", ".") and not name.startswith("/")
  if not is_file or ".." in parts or any(c in name for c in "\\:\0"):
    raise UserError(
      f"{where}: {shown(name)} is no path inside the folder of the videos, write it relative to "
      "that, with / between folders"
    )
  if not name.isprintable():
    raise UserError(f"{where}: {shown(name)} holds characters that are not seen, remove them")
  if max(len(part.encode(errors="replace")) for part in parts) > LONGEST_NAME:
    raise UserError(f"{where}: {shown(name)} is longer than {LONGEST_NAME} bytes, shorten the name")


def _records(path, text):
  """Yields (line where it begins, [text without surrounding white space]) of each record."""
  reader = csv.reader(io.StringIO(text, newline=""), strict=True)
  line = 1
  try:
    for values in reader:
      yield line, [value.strip() for value in values]
      line = reader.line_num + 1
  except csv.Error as error:
    last = reader.line_num
    lines = f"line {line}" if last <= line else f"line {line} (the row goes on to line {last})"
    raise UserError(
      f"{path}, {lines}: the quotation marks do not fit ({error}), write \" around a whole value, "
      'once at either end, and "" for one inside it'
    ) from error


def _row(where, columns, values):
  values = _without_empty_end(values, len(columns))
  if len(values) != len(columns):
    raise UserError(f"{where}: the row has {_count(values)} for {len(columns)} columns"
                    f"{_cause(columns, values)}")  # fmt: skip
  for column, value in zip(columns, values, strict=True):
    if value and not column:
      raise UserError(f"{where}: {shown(value)} is in a column without a name, write its name")
  return {column: value for column, value in zip(columns, values, strict=True) if column}


def _count(values):
  return f"{len(values)} value{'' if len(values) == 1 else 's'}"


def _cause(columns, values):
  if len(values) < len(columns):
    other = next((name for mark, name in SEPARATORS.items() if mark in values[-1]), None)
    found = f", found {shown(values[-1])} with {other} in it" if other else ""
    return f"{found}: write one for each column, with commas between them"
  if curled := next((v[0] for v in values if v and v[0] in _CURLED), None):
    return f': {curled} is no quotation mark of CSV, write " around sentences that hold commas'
  return ": quote sentences that hold commas, and write numbers with a point"


def _without_empty_end(values, least=0):
  """`values` without empty ones at the end; at least `least` of them stay."""
  count = len(values)
  while count > least and not values[count - 1]:
    count -= 1
  return values[:count]


def _check_separator(where, columns, missing, separator):
  for column in columns:
    for mark, name in SEPARATORS.items():
      if mark == separator:
        continue
      parts = [part.strip().strip('"').casefold() for part in column.split(mark)]
      is_hint = column.casefold() == f"sep={mark}"
      if is_hint or (len(parts) > 1 and {name.casefold() for name in missing} & set(parts)):
        raise UserError(
          f"{where}: the columns are separated by {name} ({mark!r}) in {shown(column)}, save the "
          f"table with {SEPARATORS[separator]} between them"
        )


def _meant(column, names):
  """The name of which a column is a slip, or None."""
  plain = column.strip("\"' ").casefold()
  if same := next((name for name in names if name.casefold() == plain), None):
    return same
  close = difflib.get_close_matches(plain, names, n=1, cutoff=_SIMILAR)
  # "signer_id" and "video_path" are names of their own.
  return close[0] if close and abs(len(close[0]) - len(plain)) <= 1 else None


def _line_of(content, place):
  return 1 + len(_LINE_END.findall(content[:place]))
