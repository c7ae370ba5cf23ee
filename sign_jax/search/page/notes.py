"""What the user says of hits: right or wrong, and where they really begin and end.

The notes are a file of JSON lines beside the index, `archive.notes.jsonl` beside `archive`: an
index is written by programs alone. A line is

    {"query": "...", "clip": "...", "video": "...", "verdict": "right", "start": 1.2, "end": 2.8,
     "noted": "2026-11-29T10:00:00+00:00"}

with null for what was not said. It is replaced as a whole, so that no line is ever half there.
"""

import contextlib
import datetime
import fcntl
import json
import os
import pathlib
import threading
from typing import Any, NamedTuple

from sign_jax.errors import UserError, first_line, shown
from sign_jax.files import NO_LOCKS, replacing
from sign_jax.search.page.refusal import Refusal

VERDICTS = ("right", "wrong")
_MOST_BYTES = 64 << 20
_LONGEST_DAY = 1e6  # seconds


class Note(NamedTuple):
  """Of one hit of one query; None for what was not said."""

  query: str
  clip: str
  video: str = ""
  verdict: str | None = None
  start: float | None = None
  end: float | None = None
  noted: str = ""

  @property
  def says_nothing(self) -> bool:
    return self.verdict is None and self.start is None and self.end is None


class Notes:
  """The file of an index's notes."""

  def __init__(self, path: pathlib.Path) -> None:
    self.path, self._lock = path, threading.Lock()

  @classmethod
  def beside(cls, index: pathlib.Path) -> "Notes":
    """Those of the index in a folder."""
    folder = index.resolve()
    return cls(folder.with_name(f"{folder.name}.notes.jsonl"))

  def of(self, query: str) -> dict[str, Note]:
    """{name of a clip: its note}; raises UserError where the file is damaged."""
    return {clip: note for (asked, clip), note in self._read().items() if asked == query}

  def save(self, note: Note) -> None:
    """Writes a note in place of an earlier one of its hit; one that says nothing removes it."""
    with self._lock, _alone(self.path.parent):
      notes = self._read()  # another page may have written
      notes.pop((note.query, note.clip), None)
      if not note.says_nothing:
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        notes[note.query, note.clip] = note._replace(noted=now)
      text = "".join(json.dumps(x._asdict(), ensure_ascii=False) + "\n" for x in notes.values())
      if len(text.encode()) > _MOST_BYTES:
        raise Refusal(f"{self.path} is full: move it elsewhere to begin a new one")
      with replacing(self.path) as partial:
        partial.write_text(text, encoding="utf-8")

  def _read(self):
    """{(query, clip): `Note`}."""
    try:
      with open(self.path, encoding="utf-8") as file:
        lines = _lines(file.read(_MOST_BYTES + 1))
    except FileNotFoundError:
      return {}
    except UnicodeDecodeError as error:
      raise UserError(f"{self.path} is no text in UTF-8: move it elsewhere") from error
    found = {}
    for number, line in enumerate(lines, 1):
      try:
        note = parsed(json.loads(line))
      except (ValueError, TypeError, RecursionError, UserError) as error:
        raise UserError(
            f"line {number} of {self.path} is no note ({first_line(error)}): correct it, or move "
            "the file elsewhere"
        ) from error
      found[note.query, note.clip] = note
    return found


def _lines(text):
  # `splitlines` would also cut at signs that JSON leaves in texts as they are, such as U+2028.
  return text.removesuffix("\n").split("\n") if text else []


def parsed(content: Any) -> Note:
  """A note from JSON values; raises Refusal where they are none."""
  if not isinstance(content, dict) or not set(content) <= set(Note._fields):
    raise Refusal(f"a note has the fields {', '.join(Note._fields)}")
  note = Note(**{"query": "", "clip": "", **content})
  texts = (note.query, note.clip, note.video, note.noted)
  if not all(isinstance(x, str) for x in texts) or not (note.query and note.clip):
    raise Refusal("a note names its query and its clip")
  if not all(map(_is_whole, texts)):
    raise Refusal("a note's texts are whole characters: one of these is a half of a pair")
  if note.verdict is not None and note.verdict not in VERDICTS:
    raise Refusal(f"the verdict {shown(note.verdict)} is none of {', '.join(VERDICTS)}")
  if not all(x is None or _is_time(x) for x in (note.start, note.end)):
    raise Refusal("begin and end are seconds, from 0 on")
  if None not in (note.start, note.end) and not note.start < note.end:
    raise Refusal("the end must lie behind the begin")
  return note


def _is_time(value):
  is_number = isinstance(value, int | float) and not isinstance(value, bool)
  return is_number and 0 <= value <= _LONGEST_DAY  # which NaN is not


def _is_whole(text):
  """Whether a text can be written: JSON may name halves of pairs of UTF-16 alone."""
  return not any("\ud800" <= sign <= "\udfff" for sign in text)


@contextlib.contextmanager
def _alone(folder):
  """Keeps the pages of other processes waiting."""
  handle = os.open(folder, os.O_RDONLY)
  try:
    try:
      fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError as error:
      if error.errno not in NO_LOCKS:
        raise
    yield
  finally:
    os.close(handle)
