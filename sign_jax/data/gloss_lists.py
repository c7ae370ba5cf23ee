"""Files that say which class is which gloss, as they come with weights that recognise sentences."""

import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sign_jax.data.gloss_vocabulary import BLANK, GlossVocabulary
from sign_jax.errors import UserError, shown
from sign_jax.files import existing_file
from sign_jax.untrusted import budget, safe_pickle

OPTION = "--config.init.glosses"
_WHAT = (
    "pass a text with a gloss on each line, or .json or .pkl with a list of glosses or with "
    "{gloss: class}"
)
_MOST_BYTES = 2**24
_MOST = 2**20  # classes
_STAND_IN = re.compile(r"<class \d+>")
_BLANKS = ("", "<blank>", "<s>", "<si>")


def read(path: str | pathlib.Path) -> list[str]:
  """The glosses by their classes, the blank first.

  Args:
    path: a text of a gloss on each line; `.json` or `.pkl` with a list of them, or with {gloss:
      class}, as TwoStream-SLR's release has it. The blank may be left out of a list.

  Returns:
    Names, all different. Of several that share a class it is the one that is no special token, and
    "<class 5>" where a class has none.

  Raises:
    UserError: there is no such file, or it holds something else.
  """
  path = existing_file(path, OPTION, _WHAT)
  content = _content(path)
  names = _of_classes(content, path) if isinstance(content, Mapping) else _of_list(content, path)
  if bad := [name for name in names if _STAND_IN.fullmatch(name)]:
    raise UserError(f"{path} has the gloss {bad[0]}, which stands for a class without one: {_WHAT}")
  found, known = [], set()
  for number, name in enumerate(names):
    name = name if name and name not in known else f"<class {number}>"
    known.add(name)
    found.append(name)
  return found


def vocabulary(path: str | pathlib.Path, glosses: Iterable[str]) -> GlossVocabulary:
  """The vocabulary of a file, with the names that a data set has.

  Args:
    path: as for `read`.
    glosses: of the data set; the file may write them in other cases ("app" for APP).

  Raises:
    UserError: as `read`; none of the glosses is in it.
  """
  names, wanted = read(path)[BLANK + 1 :], set(glosses)
  there = set(names)
  other = {}
  for gloss in sorted(wanted - there):
    other.setdefault(gloss.casefold(), gloss)
  found = [name if name in wanted else other.get(name.casefold(), name) for name in names]
  if len(set(found)) < len(found):  # the file tells them apart by their cases
    found = names
  if not wanted & set(found):
    raise UserError(f"{path} has none of the data set's {len(wanted)} glosses: {_WHAT}")
  return GlossVocabulary(found)


def _content(path):
  if path.suffix in (".pkl", ".pickle"):
    return safe_pickle.read(path, kind="list of glosses", remedy=_WHAT, max_bytes=_MOST_BYTES)
  try:
    if path.suffix == ".json":
      return budget.read_json(path, _MOST_BYTES)
    if path.stat().st_size > _MOST_BYTES:
      raise ValueError("it is too large")
    # Not all that Python takes for an end of a line is one: a class would be shifted.
    text = path.read_text("utf-8-sig").removesuffix("\n")
    return text.split("\n") if text else []
  except (OSError, ValueError) as error:
    raise UserError(f"{path} cannot be read ({shown(error)}): {_WHAT}") from error


def _of_list(content: Any, path) -> Sequence[str]:
  is_list = isinstance(content, list | tuple) and 0 < len(content) <= _MOST
  if not is_list or not all(isinstance(name, str) for name in content):
    raise UserError(f"{path} holds no list of glosses: {_WHAT}")
  names = [name.strip() for name in content]
  return ["<blank>", *names[1:]] if names[0] in _BLANKS else ["<blank>", *names]


def _of_classes(content: Mapping, path) -> Sequence[str]:
  fits = all(isinstance(x, str) and type(n) is int and 0 <= n < _MOST for x, n in content.items())
  if not content or not fits:
    raise UserError(f"{path} does not say of each gloss which class it is: {_WHAT}")
  names = [""] * (max(content.values()) + 1)
  for name, number in content.items():
    if not names[number] or names[number].startswith("<"):
      names[number] = name
  if names[BLANK] and names[BLANK] not in _BLANKS:
    raise UserError(f"{path} says that class 0 is {shown(names[BLANK])}, which must be the blank")
  return ["<blank>", *names[1:]]
