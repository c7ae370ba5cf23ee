"""Hits as files to keep, with what the user has said of them."""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import NamedTuple

from sign_jax.errors import UserError, printable
from sign_jax.search.annotations import found, writing
from sign_jax.search.hits import Answer
from sign_jax.search.page.notes import Note
from sign_jax.search.page.refusal import Refusal
from sign_jax.untrusted import csv_table

_SUBTITLES = ("vtt", "srt", "eaf")
FORMS = ("json", *_SUBTITLES)


class File(NamedTuple):
  """A file to download."""

  name: str
  type: str
  content: bytes


def of(answer: Answer, notes: Mapping[str, Note], form: str) -> File:
  """The hits in one of the FORMS; raises Refusal for another one."""
  if form not in FORMS:
    raise Refusal(f"hits are saved as {', '.join(FORMS)}", 404)
  return _json(answer, notes) if form == "json" else _files(answer, notes, form)


def _json(answer, notes):
  """All hits; begins and ends that were corrected are beside those that were found."""
  content = answer.to_json()
  for row in content["hits"]:
    note = notes.get(row["name"])
    row |= {
        "verdict": note and note.verdict,
        "corrected_start": note and note.start, "corrected_end": note and note.end,
    }
  text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
  return File("hits.json", "application/json", text.encode())


def _files(answer, notes, form):
  """An archive with a file for each video, as corrected; hits that are wrong are left out."""
  rows = [_corrected(row, notes.get(row.name)) for row in found.of_answers([answer])]
  rows = [row for row in rows if row is not None]
  failed = {row.name: reason for row in rows if (reason := _fault(row))}
  by_video, unnamed = found.by_video([row for row in rows if row.name not in failed])
  failed |= unnamed
  if not by_video:
    raise Refusal("there is no hit to save whose video and place are known, and that is not wrong")
  archive, names = io.BytesIO(), found.file_names(by_video)
  with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as files:
    for video, its in by_video.items():
      try:
        content = writing.content(form, video, its)
      except UserError as error:
        failed[video] = str(error)
      else:
        files.writestr(f"{names[video]}.{form}", content)
    if failed:
      lines = (f"{printable(name)}: {printable(reason)}\n" for name, reason in failed.items())
      files.writestr("failed.txt", "".join(lines))
  return File(f"hits-{form}.zip", "application/zip", archive.getvalue())


def _corrected(row, note):
  if note is None:
    return row
  if note.verdict == "wrong":
    return None
  start = row.start if note.start is None else note.start
  end = row.end if note.end is None else note.end
  return row._replace(start=start, end=end)


def _fault(row):
  """Why a hit is in no file; "" where it is in one."""
  if not row.has_times:
    return "its place is not known, or ends before it begins"
  try:  # a stranger may have named its video
    csv_table.check_inside(row.source, "the hits")
  except UserError as error:
    return str(error)
  return ""
