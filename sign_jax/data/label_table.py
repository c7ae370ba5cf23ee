"""Tables of labelled segments: what `sign_jax.pseudo_labels` writes and recognition trains on."""

import csv
import pathlib
import zlib
from typing import NamedTuple

from sign_jax.data import csv_table
from sign_jax.data import splits as split_names
from sign_jax.errors import UserError
from sign_jax.files import replacing

COLUMNS = ("video", "start", "end", "label", "score", "gloss")
VALIDATION_SHARE = 10  # percent of the videos, where the table has no column split
MAX_SECONDS = 30.0  # of a segment, all of whose frames are held at once; a sign takes one or two
MAX_LABEL = 2**20  # a classifier of more classes would not fit anywhere


class Label(NamedTuple):
  """A segment of a video and its class."""

  video: str  # file or folder of pictures, relative to the folder of the videos
  start: float  # seconds: frames with start <= seconds < end
  end: float
  label: int  # class, from 0
  score: float = 1.0  # probability that the labelling encoder gave it
  gloss: str = ""  # the class's name, where known


def read(path):
  """Reads a table of labels.

  Args:
    path: CSV file with the columns video, start, end, label, perhaps score, gloss and split.

  Returns:
    {split: [`Label`]} for all of `splits.SPLITS`, in the order of the table. Without a column
    `split`, about a tenth of the videos, by a hash of their names, are for validation and none for
    test.

  Raises:
    UserError: names the line: no such file, missing columns, no rows, wrong numbers, or a
      segment of more than `MAX_SECONDS`.
  """
  splits = {split: [] for split in split_names.SPLITS}
  for line, row in csv_table.read(path, COLUMNS[:4]):
    where = f"{path}, line {line}"
    csv_table.check_inside(row["video"], where)
    splits[_split(row, where)].append(_label(row, where))
  if not any(splits.values()):
    raise UserError(f"{path} has no rows, so there is nothing to train on")
  return splits


def write(path, labels):
  """Writes labels of one split, whole or not at all."""
  rows = [
    (x.video, f"{x.start:.6f}", f"{x.end:.6f}", x.label, f"{x.score:.6f}", x.gloss) for x in labels
  ]
  write_rows(path, COLUMNS, rows)


def write_rows(path, columns, rows):
  """Writes a CSV file, whole or not at all; makes the folder."""
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
    csv.writer(file).writerows([columns, *rows])


def _split(row, where):
  if "split" not in row:
    bucket = zlib.crc32(row["video"].encode()) % 100
    return "validation" if bucket < VALIDATION_SHARE else "train"
  return split_names.parse(row["split"], where)


def _label(row, where):
  try:
    start, end = float(row["start"]), float(row["end"])
    label, score = int(row["label"]), float(row.get("score") or 1)
  except ValueError as error:
    raise UserError(f"{where}: start, end and label must be numbers, correct them") from error
  if not 0 <= start < end < float("inf"):  # NaN compares false
    raise UserError(f"{where}: the segment lasts from {start} to {end} seconds, correct the times")
  if end - start > MAX_SECONDS:
    raise UserError(
      f"{where}: the segment lasts {end - start:.1f} seconds, and a sign no more than "
      f"{MAX_SECONDS:.0f}, correct the times"
    )
  if not 0 <= label < MAX_LABEL:
    raise UserError(f"{where}: the label {label} is no class, classes count from 0")
  return Label(row["video"], start, end, label, score, row.get("gloss", ""))
