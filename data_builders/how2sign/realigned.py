"""How2Sign's tables with re-aligned times: how2sign_realigned_{train,val,test}.csv."""

import collections
import math
import pathlib
from typing import NamedTuple

from data_builders.corpus import plain_table
from sign_jax.errors import UserError
from sign_jax.files import existing_file

_PLACES = (
  "how2sign_realigned_{}.csv",
  "sentence_level/{}/text/en/raw_text/re_aligned/how2sign_realigned_{}.csv",
)
_NAMES = {"train": "train", "validation": "val", "test": "test"}
_TIMES = ("START_REALIGNED", "END_REALIGNED")
_ORIGINAL_TIMES = ("START", "END")
_COLUMNS = ("VIDEO_NAME", "SENTENCE_ID", "SENTENCE_NAME", *_TIMES, "SENTENCE")


class Row(NamedTuple):
  """One line of a table."""

  line: int
  video_name: str  # of the raw video, without extension
  sentence_id: str
  name: str  # SENTENCE_NAME
  cico_name: str  # "{VIDEO_NAME}_clip{rank by start time}", "" where a time of the video is damaged
  sentence: str
  start: float  # seconds, NaN where damaged
  end: float


def find(root, split):
  """The table of a split, or None."""
  name = _NAMES[split]
  paths = (pathlib.Path(root) / place.format(name, name) for place in _PLACES)
  return next((path for path in paths if path.is_file()), None)


def read(root, split):
  """Reads the table of a split.

  Returns:
    (path, [(line, `Row` or None)]); None stands for a line of too many or too few values.

  Raises:
    UserError: no table, not UTF-8, missing columns, or the original times instead of the
      re-aligned ones.
  """
  path = find(root, split)
  if path is None:
    wanted = pathlib.Path(root) / _PLACES[0].format(_NAMES[split])
    existing_file(wanted, remedy="get the re-aligned table from How2Sign's site")
  _refuse_original_times(path)
  rows = plain_table.read(path, "\t", _COLUMNS)
  ranks = _ranks([row for _, row in rows])
  return path, [(line, row and _row(line, row, ranks)) for line, row in rows]


def by_name(root, split):
  """{SENTENCE_NAME or CiCo's name: `Row`} of a split's table; empty where there is no table."""
  if find(root, split) is None:
    return {}
  rows = [row for _, row in read(root, split)[1] if row]
  return {name: row for row in rows for name in (row.name, row.cico_name) if name}


def _refuse_original_times(path):
  with path.open("rb") as file:
    columns = file.readline(10_000).decode("utf-8-sig", errors="replace").strip().split("\t")
  if _TIMES[0] not in columns and any(name in columns for name in _ORIGINAL_TIMES):
    raise UserError(
      f"{path} holds the original times, which follow the speech and not the signing and cost "
      "about 19 points of R@1: get the re-aligned table"
    )


def _ranks(rows):
  """{id of a row: rank of its start time within the video}, where that is certain.

  A line that cannot be read may be of any video; a line that is there twice shifts the others.
  """
  if None in rows:
    return {}
  videos = collections.defaultdict(list)
  for row in rows:
    videos[row["VIDEO_NAME"]].append(row)
  ranks = {}
  for members in videos.values():
    is_unique = len({row["SENTENCE_NAME"] for row in members}) == len(members)
    if is_unique and all(math.isfinite(_seconds(row["START_REALIGNED"])) for row in members):
      members.sort(key=lambda row: _seconds(row["START_REALIGNED"]))
      ranks.update((id(row), rank) for rank, row in enumerate(members))
  return ranks


def _row(line, row, ranks):
  rank = ranks.get(id(row))
  return Row(
    line=line,
    video_name=row["VIDEO_NAME"],
    sentence_id=row["SENTENCE_ID"],
    name=row["SENTENCE_NAME"],
    cico_name="" if rank is None else f"{row['VIDEO_NAME']}_clip{rank}",
    sentence=" ".join(row["SENTENCE"].split()),
    start=_seconds(row["START_REALIGNED"]),
    end=_seconds(row["END_REALIGNED"]),
  )


def _seconds(text):
  try:
    return float(text)
  except ValueError:
    return math.nan
