"""Tables of releases: columns between separators, and no quoting."""


from sign_jax.errors import UserError
from sign_jax.files import existing_file


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
    UserError: no such file, not UTF-8, a missing column.
  """
  path = existing_file(path, remedy="get it from the corpus's owner")
  try:
    content = path.read_bytes().decode("utf-8-sig")
  except UnicodeDecodeError as error:
    raise UserError(f"{path} is not encoded in UTF-8, get it anew") from error
  # Not splitlines(), which also splits at characters that captions may hold.
  lines = [line.removesuffix("\r") for line in content.split("\n")]
  columns = [column.strip() for column in lines[0].split(separator)]
  missing = [column for column in required if column not in columns]
  if missing:
    found = ", ".join(columns)[:200] or "none"
    raise UserError(f"{path} has no column {', '.join(missing)} among {found}, get it anew")
  return [
    (number, _row(columns, line.split(separator)))
    for number, line in enumerate(lines[1:], 2)
    if line.strip()
  ]


def _row(columns, values):
  if len(values) != len(columns):
    return None
  return dict(zip(columns, (value.strip() for value in values), strict=True))
