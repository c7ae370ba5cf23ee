"""What is known of a clip beside its arrays, and the file that holds it for a whole shard."""

import math
import unicodedata
from typing import Any, NamedTuple

from sign_jax.errors import UserError, shown

FILE = "clips.json"
LONGEST = 20_000  # characters of a text
_LONGEST_NAME = 4096


class Entry(NamedTuple):
  """A clip.

  Attributes:
    name: of the clip, like no other in the index.
    source: the video that it is of, such as a path below the folder of the videos; "" for none.
    start, end: seconds of that video; NaN where they are not known.
    text: what is signed, "" where that is not known.
    split, signer: "" where they are not known.
    cut_from: the name of the whole, where this is a part of a long video or clip; else "".
  """

  name: str
  source: str = ""
  start: float = math.nan
  end: float = math.nan
  text: str = ""
  split: str = ""
  signer: str = ""
  cut_from: str = ""


TEXTS = ("name", "source", "text", "split", "signer", "cut_from")
TIMES = ("start", "end")


def checked(entries: list[Entry]) -> list[Entry]:
  """The same; raises UserError where one has no name, or the name of another."""
  seen = set()
  for entry in entries:
    fault = _fault(entry)
    if fault:
      raise UserError(f"the clip {shown(entry.name)} {fault}")
    if entry.name in seen:
      raise UserError(f"there are two clips {shown(entry.name)}: give each a name of its own")
    seen.add(entry.name)
  return entries


def _fault(entry):
  if not all(isinstance(getattr(entry, name), str) for name in TEXTS):
    return "has names or texts that are no str"
  if not entry.name or len(entry.name) > _LONGEST_NAME or not _is_one_line(entry.name):
    return "needs a name in one line of plain text"
  if max(len(getattr(entry, name)) for name in TEXTS) > LONGEST:
    return f"has a text of more than {LONGEST} characters"
  times = [getattr(entry, name) for name in TIMES]
  if not all(isinstance(x, int | float) and not math.isinf(x) for x in times):
    return "has times that are no seconds"
  return ""


def _is_one_line(name):
  """Whether a name has no control characters, no ends of lines and no bytes that are not UTF-8."""
  return not {"Cc", "Cs", "Zl", "Zp"} & {unicodedata.category(x) for x in name}


def to_json(entries: list[Entry]) -> dict[str, list]:
  """{field: values of all clips}; times that are not known are null."""
  columns = {name: [getattr(entry, name) for entry in entries] for name in TEXTS}
  for name in TIMES:
    values = (float(getattr(entry, name)) for entry in entries)
    columns[name] = [None if math.isnan(x) else x for x in values]
  return columns


def from_json(content: Any, count: int) -> list[Entry]:
  """The entries of `to_json`.

  Args:
    content: JSON values from a file.
    count: of the clips.

  Raises:
    ValueError: it is something else.
  """
  if not isinstance(content, dict) or set(content) | {"cut_from"} != set(Entry._fields):
    raise ValueError("it does not have the fields of an index")
  content = {"cut_from": _none(content["name"]), **content}  # files of earlier versions lack it
  for name, values in content.items():
    if not isinstance(values, list) or len(values) != count:
      raise ValueError(f"its {name} are not those of {count} clips")
  for name in TIMES:
    content[name] = [math.nan if x is None else x for x in content[name]]
  entries = [Entry(*row) for row in zip(*(content[x] for x in Entry._fields), strict=True)]
  for entry in entries:
    if fault := _fault(entry):
      raise ValueError(f"a clip {fault}")
  return entries


def _none(names):
  return [""] * len(names) if isinstance(names, list) else ()
