"""Sentences with times, of the files that people subtitle and annotate videos with."""

import pathlib
from collections.abc import Iterator
from typing import NamedTuple

from sign_jax.data.annotations import cues, eaf, eaf_times, markup
from sign_jax.data.clip_table import LAST_SECOND, LONGEST_TEXT
from sign_jax.data.tokenizer import clean
from sign_jax.errors import UserError, did_you_mean, shown
from sign_jax.files import existing_file

TIER = "SENTENCE"


class Sentence(NamedTuple):
  """A sentence, the line of its file, and its seconds of the video."""

  line: int
  start: float
  end: float
  text: str


class Found(NamedTuple):
  """Sentences of a file in their order, and (line, what is wrong) of those that are left out."""

  sentences: list[Sentence]
  left_out: list[tuple[int, str]]


def read(path: pathlib.Path, tier: str = TIER, video: str = "") -> Found:
  """Reads a file of subtitles or annotations.

  Sentences of the same times become one. Others may overlap.

  Args:
    path: .vtt, .srt or .eaf, in upper or lower case.
    tier: of .eaf.
    video: name of the video, where the document of ELAN links several and one of them begins
      later than the annotations do.

  Raises:
    UserError: names the file and, where there is one, the line: no such file or tier, another
      encoding, or none of these formats.
  """
  path = existing_file(path)
  kind = path.suffix.lower()
  if kind not in READERS:
    raise UserError(f"{path} is none of {', '.join(READERS)}: convert it")
  left_out = []
  rows = READERS[kind](path, left_out, tier, video)
  kept = [row for row in rows if _is_right(row, left_out)]
  return Found(_merged(kept), sorted(left_out))


def _is_right(row, left_out):
  fault = _fault(row)
  if fault:
    left_out.append((row.line, fault))
  return not fault


def _fault(row):
  if len(row.text) > LONGEST_TEXT:
    return f"the text has {len(row.text)} characters"
  if not clean(row.text):
    return "there is no text"
  if not 0 <= row.start < row.end <= LAST_SECOND:
    return f"it lasts from {row.start:g} to {row.end:g} seconds"
  return ""


def _merged(rows):
  found = {}
  for row in rows:
    other = found.setdefault((row.start, row.end), row)
    if other is not row and row.text != other.text:
      found[row.start, row.end] = other._replace(text=f"{other.text} {row.text}")
  return list(found.values())


def _of_cues(path, left_out, tier, video):
  for cue in cues.read(path, left_out):
    yield Sentence(*cue)


def _of_eaf(path, left_out, tier, video) -> Iterator[Sentence]:
  document = eaf.parse(path, markup.read(path))
  names = [x.name for x in document.tiers]
  if tier not in names:
    there = ", ".join(shown(x) for x in names[:20]) or "none"
    raise UserError(
        f"{path} has no tier {shown(tier)}{did_you_mean(tier, names)} among {there}: name one with "
        "--tier"
    )
  begin = eaf_times.origin(document, video)
  for annotation, times in eaf_times.of_tier(document, tier):
    if times is None:
      left_out.append((annotation.line, f"the annotation {annotation.id} is not aligned"))
      continue
    start, end = ((x + begin) / 1000 for x in times)
    yield Sentence(annotation.line, start, end, " ".join(annotation.text.split()))


READERS = {".vtt": _of_cues, ".srt": _of_cues, ".eaf": _of_eaf}
