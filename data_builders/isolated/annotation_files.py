"""JSON files of annotations, which may be damaged or hostile."""

import pathlib

from sign_jax.errors import UserError, first_line
from sign_jax.files import existing_file
from sign_jax.untrusted import budget

_MOST = 1e9  # pixels


def read_json(path, kind, remedy="get it from the corpus's owner"):
  """Reads a JSON file whose outermost value is a list or a dict.

  Args:
    path: of the file.
    kind: `list` or `dict`.
    remedy: what to do when it is not there.

  Raises:
    UserError: there is no such file, it is damaged, or holds something else.
  """
  path = existing_file(pathlib.Path(path), remedy=remedy)
  try:
    content = budget.read_json(path)
  except ValueError as error:
    reason = first_line(error)
    raise UserError(f"{path} is no complete JSON file ({reason}), get it anew") from error
  if not isinstance(content, kind):
    raise UserError(f"{path} holds no {kind.__name__}, get the released file")
  return content


def box(value, where):
  """The four numbers of a box in annotations that may hold anything.

  Raises:
    UserError: it is no list of four numbers.
  """
  is_box = isinstance(value, list) and len(value) == 4
  # NaN compares false; a whole number may be larger than any float.
  if not is_box or not all(type(x) in (int, float) and abs(x) < _MOST for x in value):
    raise UserError(f"{where} has a box that is no list of four numbers, correct it")
  return tuple(map(float, value))
