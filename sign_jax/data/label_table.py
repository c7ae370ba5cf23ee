"""Tables of labelled segments: what `sign_jax.pseudo_labels` writes and recognition trains on."""

import math
import re
import zlib
from typing import NamedTuple

from sign_jax.data import clip_table
from sign_jax.data import splits as split_names
from sign_jax.errors import UserError, shown
from sign_jax.untrusted import csv_table
from sign_jax.video import boxes

COLUMNS = ("video", "start", "end", "label", "score", "gloss")
PROVENANCE = ("kind", "round", "exemplar")  # written where a row has one
VALIDATION_SHARE = 10  # percent of the videos, where the table has no column split
MAX_SECONDS = 30.0  # of a segment, all of whose frames are held at once; a sign takes one or two
_KNOWN = (*COLUMNS, *clip_table.BOX, *PROVENANCE, "split")
_WHOLE = re.compile(r"\d{1,7}", re.ASCII)
MAX_LABEL = 2**20  # a classifier of more classes would not fit anywhere


class Provenance(NamedTuple):
  """Where an annotation comes from (SPOT-ALIGN)."""

  kind: str  # "mouthing", "dictionary" or "exemplar"
  round: int = 0  # of spotting, from 1; 0 for what was there before
  exemplar: str = ""  # that a sign was spotted with


class Label(NamedTuple):
  """A segment of a video and its class."""

  video: str  # file or folder of pictures, relative to the folder of the videos
  start: float  # seconds: frames with start <= seconds < end
  end: float
  label: int  # class, from 0
  score: float = 1.0  # probability that the labelling encoder gave it
  gloss: str = ""  # the class's name, where known
  box: boxes.Box | None = None  # of the person; None for whole pictures
  provenance: Provenance | None = None


def read(path):
  """Reads a table of labels.

  Args:
    path: CSV file with the columns video, start, end, label, perhaps score, gloss, split
      and those of `clip_table.BOX` and PROVENANCE.

  Returns:
    {split: [`Label`]} for all of `splits.SPLITS`, in the order of the table. Without a column
    `split`, about a tenth of the videos, by a hash of their names, are for validation and none for
    test.

  Raises:
    UserError: names the line: no such file, missing columns, no rows, wrong numbers or boxes, or
      a segment of more than `MAX_SECONDS`.
  """
  splits = {split: [] for split in split_names.SPLITS}
  for line, row in csv_table.read(path, COLUMNS[:4], _KNOWN):
    where = f"{path}, line {line}"
    csv_table.check_inside(row["video"], where)
    splits[_split(row, where)].append(_label(row, where))
  if not any(splits.values()):
    raise UserError(f"{path} has no rows, so there is nothing to train on")
  return splits


def write(path, labels, split=""):
  """Writes labels of one split, whole or not at all; makes the folder.

  Args:
    path: of the file.
    labels: [`Label`].
    split: one of `splits.SPLITS`, written into a column; "" for none.
  """
  write_all(path, {split: labels})


def write_all(path, labels):
  """Writes the labels of several splits, `{split: [Label]}`, as `write` does."""
  items = [(split, label) for split, members in labels.items() for label in members]
  columns, rows = COLUMNS, [_values(label) for _, label in items]
  if any(label.provenance for _, label in items):
    columns = (*columns, *PROVENANCE)
    sources = [label.provenance or ("", "", "") for _, label in items]
    rows = [(*row, *source) for row, source in zip(rows, sources, strict=True)]
  if any(labels):
    columns = (*columns, "split")
    rows = [(*row, split) for row, (split, _) in zip(rows, items, strict=True)]
  clip_table.write_boxed(path, columns, rows, [label.box for _, label in items])


def is_held_out(video):
  """Whether the labels of a video are for validation, where a table does not say."""
  return zlib.crc32(video.encode()) % 100 < VALIDATION_SHARE


def _values(label):
  times = f"{label.start:.6f}", f"{label.end:.6f}"
  return label.video, *times, label.label, f"{label.score:.6f}", label.gloss


def _split(row, where):
  if "split" not in row:
    return "validation" if is_held_out(row["video"]) else "train"
  return split_names.parse(row["split"], where)


def _label(row, where):
  if not row["start"] or not row["end"]:
    raise UserError(f"{where}: the segment has no start or no end, write both in seconds")
  start, end = clip_table.times(row, where)
  if end - start > MAX_SECONDS:
    raise UserError(
      f"{where}: the segment lasts {end - start:.1f} seconds, and a sign no more than "
      f"{MAX_SECONDS:.0f}, correct the times"
    )
  return Label(
    row["video"], start, end, _class(row["label"], where), _score(row.get("score"), where),
    row.get("gloss", ""), clip_table.box(row, where), _provenance(row, where),
  )  # fmt: skip


def _provenance(row, where):
  if not row.get("kind"):
    return None
  number = row.get("round") or "0"
  if not _WHOLE.fullmatch(number):
    raise UserError(f"{where}: the round {shown(number)} is no whole number, correct it")
  return Provenance(row["kind"], int(number), row.get("exemplar", ""))


def _class(text, where):
  number = int(text) if _WHOLE.fullmatch(text) else MAX_LABEL
  if number >= MAX_LABEL:
    raise UserError(f"{where}: the label {shown(text)} is no class, they count from 0")
  return number


def _score(text, where):
  try:
    score = float(text or 1)
  except ValueError:
    score = math.nan
  if not math.isfinite(score):
    raise UserError(f"{where}: the score {shown(text)} is no number, correct it")
  return score
