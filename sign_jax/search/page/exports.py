"""Hits as files to keep, with what the user has said of them."""

import io
import json
import math
import re
import zipfile
from collections.abc import Mapping
from typing import NamedTuple

from sign_jax.api import webvtt
from sign_jax.search.hits import Answer, Hit
from sign_jax.search.page.notes import Note

_UNFIT = re.compile(r"[^\w.-]+")
_LONGEST_NAME = 100


class File(NamedTuple):
  """A file to download."""

  name: str
  type: str
  content: bytes


def as_json(answer: Answer, notes: Mapping[str, Note]) -> File:
  """All hits; begins and ends that were corrected are beside those that were found."""
  found = answer.to_json()
  for row in found["hits"]:
    note = notes.get(row["name"])
    row |= {
        "verdict": note and note.verdict,
        "corrected_start": note and note.start, "corrected_end": note and note.end,
    }
  text = json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
  return File("hits.json", "application/json", text.encode())


def as_webvtt(answer: Answer, notes: Mapping[str, Note]) -> File:
  """A file of subtitles for each video, in an archive; hits that are wrong are left out."""
  archive, taken = io.BytesIO(), set()
  with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as files:
    for video, cues in _of_videos(answer, notes).items():
      files.writestr(_file_name(video, ".vtt", taken), webvtt.text(sorted(cues)))
  return File("hits-webvtt.zip", "application/zip", archive.getvalue())


FORMS = {"json": as_json, "vtt": as_webvtt}


def _of_videos(answer, notes):
  """{video: [(begin, end, text)]} of the hits whose places are known."""
  found = {}
  for hit in answer.hits:
    note = notes.get(hit.name)
    begin, end = _span(hit, note)
    if (note is None or note.verdict != "wrong") and math.isfinite(begin) and begin < end:
      found.setdefault(hit.clip.source or hit.name, []).append((begin, end, answer.text))
  return found


def _span(hit: Hit, note: Note | None) -> tuple[float, float]:
  """Begin and end in seconds, as they were corrected."""
  start, end = hit.start, hit.end
  if note is not None:
    start = start if note.start is None else note.start
    end = end if note.end is None else note.end
  return start, end


def _file_name(video, extension, taken):
  """A name of our own making for what a stranger may have named; like no other of the archive."""
  stem = _UNFIT.sub("_", video).strip("._")[-_LONGEST_NAME:] or "video"
  name, number = f"{stem}{extension}", 1
  while name in taken:
    number += 1
    name = f"{stem}-{number}{extension}"
  taken.add(name)
  return name
