"""The table of clips: what to read of which videos, what is signed there, and for which split.

All programs read and write this one: `sign_jax.extract`, `sign_jax.pseudo_labels`, the builder
`video_folder` and `data_builders.list_clips`. Each needs some of the columns; the others may be
missing, but what is there must be right, so that a table that one program takes is good for all.
"""

import math
import pathlib
import re
from typing import NamedTuple

from sign_jax.data import splits as split_names
from sign_jax.data.tokenizer import clean
from sign_jax.errors import UserError, shown
from sign_jax.untrusted import csv_table
from sign_jax.video import boxes, containers

COLUMNS = ("video", "name", "start", "end", "sentence", "split", "signer")
BOX = ("box_left", "box_top", "box_width", "box_height")  # written where a row has a box
LAST_SECOND = 1e6  # eleven days
LONGEST_TEXT = 10_000  # characters; a sentence has some hundred
_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d+(?:[.,]\d+)?)", re.ASCII)
_COMMA = re.compile(r"\d+,\d+", re.ASCII)
_PIXELS = re.compile(r"\d{1,5}", re.ASCII)


class Row(NamedTuple):
  """A clip: a video, or a part of one."""

  line: int  # of the table, where the row begins
  video: str  # file or folder of pictures, relative to the folder of the videos
  name: str  # its id, and what its files are called; see `name_of`
  start: float = 0.0  # seconds
  end: float = math.inf
  sentence: str = ""  # with single spaces
  split: str = ""  # one of `splits.SPLITS`, "" where the table does not say
  signer: str = ""
  box: boxes.Box | None = None  # of the person; None for whole pictures

  @property
  def part(self):
    """Which part of which video, as `part_of` writes it."""
    return part_of(self.video, self.start, self.end, self.box)


class Table(NamedTuple):
  """What a table holds."""

  rows: list[Row]
  notes: list[str]  # sentences on what is unusual, for people


def read(path, needs=("video",)):
  """Reads a table of clips.

  Args:
    path: CSV file with the columns `needs` and any others of `COLUMNS` and `BOX`.
    needs: the columns that must be there.

  Returns:
    `Table`, with rows in the order of the file.

  Raises:
    UserError: names the line: as `csv_table.read`; a path that leaves its folder, times that are
      no seconds or not in order, no box, a sentence without text, an unknown split, a split in
      some rows only, two clips of one name.
  """
  table = csv_table.read(path, needs, (*COLUMNS, *BOX))
  rows = [_row(values, line, f"{path}, line {line}") for line, values in table]
  _check_names(path, rows)
  _check_splits(path, rows)
  return Table(rows, [f"{path}: {note}" for note in _notes(table)])


def write(path, rows):
  """Writes `Row`s (their `line` does not count), whole or not at all; makes the folder."""
  write_boxed(path, COLUMNS, [values(row) for row in rows], [row.box for row in rows])


def values(row):
  """What a table has in `COLUMNS` of a `Row`."""
  return row.video, row.name, *_times_as_text(row), row.sentence, row.split, row.signer


def write_boxed(path, columns, lines, found):
  """Writes a table as `csv_table.write` does, with the columns `BOX` where some line has a box.

  Args:
    path, columns, lines: as there.
    found: [`boxes.Box` or None], one for each line.
  """
  if any(found):
    columns = (*columns, *BOX)
    lines = [(*x, *(own or [""] * len(BOX))) for x, own in zip(lines, found, strict=True)]
  csv_table.write(path, columns, lines)


def name_of(video, start=0.0, end=math.inf):
  """The name of a clip whose row has none: the video's path without its extension, and the times.

  A whole video "monday/a.mp4" is "monday/a", its part from 3 to 7.25 seconds "monday/a_3-7.25",
  the one from 3 seconds to the video's end "monday/a_3-end". Only extensions of video files count
  as such: the folder of pictures "lesson_1.2" keeps its name.
  """
  stem = stem_of(video)
  if start <= 0 and math.isinf(end):
    return stem
  return f"{stem}_{_short(start)}-{'end' if math.isinf(end) else _short(end)}"


def stem_of(video):
  """The path of a video without its extension, if that is one of video files."""
  path = pathlib.PurePosixPath(video)
  return str(path.with_suffix("") if path.suffix.lower() in containers.EXTENSIONS else path)


def part_of(video, start, end, box=None):
  """Which part of which video, as a text that results keep to know whether they still fit."""
  return f"{video} {start!r} {end!r}{f' box {box}' if box else ''}"


def times(values, where):
  """The times of a row.

  Args:
    values: {column: text}; `start` and `end` may be missing or empty.
    where: what the error names: a file and a line.

  Returns:
    (start, end): seconds, 0 <= start < end; 0 and infinity where the row does not say.

  Raises:
    UserError: something else than seconds, or times that are not in order.
  """
  start = _seconds(values.get("start") or "0", "start", where)
  end = _seconds(values["end"], "end", where) if values.get("end") else math.inf
  if not start < end:
    raise UserError(f"{where}: the clip lasts from {start} to {end} seconds, correct the times")
  return start, end


def box(values, where):
  """The box of a row.

  Args:
    values: {column: text}; those of `BOX` may all be missing or empty.
    where: what the error names: a file and a line.

  Returns:
    `boxes.Box`, or None where the row has none.

  Raises:
    UserError: some of the four numbers are missing, or are no whole pixels; an empty box.
  """
  texts = [values.get(column, "") for column in BOX]
  if not any(texts):
    return None
  wrong = [(c, x) for c, x in zip(BOX, texts, strict=True) if not _PIXELS.fullmatch(x)]
  if wrong:
    column, text = wrong[0]
    raise UserError(
      f"{where}: {column} is {shown(text)}, write whole pixels into all of {', '.join(BOX)}, or "
      "leave all of them empty"
    )
  found = boxes.Box(*map(int, texts))
  if reason := boxes.fault(found):
    raise UserError(f"{where}: the clip's box ({found}) {reason}, correct it")
  return found


def _row(values, line, where):
  for column, value in values.items():
    if column in (*COLUMNS, *BOX) and column != "sentence" and not value.isprintable():
      raise UserError(f"{where}: {column} is {shown(value)}, write it in one line of plain text")
  video = values["video"].rstrip("/") or values["video"]  # "clip/" is a folder of pictures
  csv_table.check_inside(video, where)
  video = pathlib.PurePosixPath(video).as_posix()
  start, end = times(values, where)
  name = values.get("name") or name_of(video, start, end)
  csv_table.check_inside(name, where)
  return Row(
    line,
    video,
    pathlib.PurePosixPath(name).as_posix(),
    start,
    end,
    _sentence(values["sentence"], video, where) if "sentence" in values else "",
    split_names.parse(values["split"], where) if values.get("split") else "",
    values.get("signer", ""),
    box(values, where),
  )


def _sentence(text, video, where):
  for later in text.splitlines()[1:]:
    first = later.partition(",")[0].strip().strip('"').lower()
    if first.endswith(containers.EXTENSIONS):
      raise UserError(
        f"{where}: the sentence goes on in the next lines, of which one begins with {shown(first)} "
        "as a row does, write the quotation mark at its end"
      )
  if len(text) > LONGEST_TEXT:
    raise UserError(f"{where}: the sentence has {len(text)} characters, correct it")
  if not clean(text):  # "&nbsp;" too has nothing to read
    raise UserError(f"{where}: {shown(video)} has no sentence, write one or remove the row")
  return " ".join(text.split())


def _seconds(text, column, where):
  if _NUMBER.fullmatch(text) and float(text) <= LAST_SECOND:
    return float(text)
  example = "12.5"
  if match := _CLOCK.fullmatch(text):
    hours, minutes, seconds = match.groups()
    example = _short(
      int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds.replace(",", "."))
    )
  elif _COMMA.fullmatch(text):
    example = text.replace(",", ".")
  raise UserError(
    f"{where}: {column} is {shown(text)}, write seconds from the video's beginning, such as "
    f"{example}"
  )


def _short(seconds):
  return f"{seconds:.6f}".rstrip("0").rstrip(".")


def _times_as_text(row):
  if row.start <= 0 and math.isinf(row.end):
    return "", ""
  return repr(row.start), "" if math.isinf(row.end) else repr(row.end)


def _check_names(path, rows):
  owners = {}
  for row in rows:
    other = owners.setdefault(row.name, row)
    if other is not row:
      raise UserError(
        f"{path}, line {row.line}: the clip of {row.video} would be called {row.name!r} as that of "
        f"{other.video} in line {other.line} is, give each a name of its own in the column name, "
        "or remove one"
      )


def _check_splits(path, rows):
  lacking = [row.line for row in rows if not row.split]
  if lacking and len(lacking) < len(rows):
    raise UserError(
      f"{path}, line {lacking[0]}: split is empty, and others have one, write one of "
      f"{', '.join(split_names.SPLITS)}"
    )


def _notes(table):
  known = (*COLUMNS, *BOX)
  unused = [column for column in (table[0][1] if table else ()) if column not in known]
  if unused:
    names = ", ".join(shown(column) for column in unused[:10])
    yield f"nothing reads the columns {names}; those that are read are {', '.join(known)}"
  broken = [line for line, values in table if len(values.get("sentence", "").splitlines()) > 1]
  if broken:
    yield (
      f"{len(broken)} sentences hold line breaks, the first in line {broken[0]}; where that is not "
      "meant, a quotation mark is missing at its end"
    )
