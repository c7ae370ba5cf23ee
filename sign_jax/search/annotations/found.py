"""The hits of a search as rows, by the videos that they are in."""

import collections
import math
import pathlib
from collections.abc import Iterable
from typing import NamedTuple

from sign_jax.data import clip_table
from sign_jax.errors import UserError
from sign_jax.files import existing_file
from sign_jax.search.hits import Answer
from sign_jax.untrusted import budget, csv_table

_MAX_BYTES = 512 << 20  # curves are long
_LONGEST = 20_000  # characters of a text


class Row(NamedTuple):
  """A hit: the sentence, how good it is, and where.

  Attributes:
    text: the sentence that was searched for.
    rank: from 1.
    score: as the search gives it.
    name: of the clip.
    source: the video, relative to the folder of the videos; the clip's name where none is known.
    start, end: seconds of that video; NaN where they are not known.
  """

  text: str
  rank: int
  score: float
  name: str
  source: str
  start: float
  end: float

  @property
  def label(self) -> str:
    """What annotators see."""
    return f"{self.text} ({self.rank}, {self.score:.3f})"

  @property
  def has_times(self) -> bool:
    return self.start < self.end <= clip_table.LAST_SECOND and self.end > 0


def of_answers(answers: Iterable[Answer]) -> list[Row]:
  """The rows of a search's answers, in their order."""
  return _rows([answer.to_json() for answer in answers])


def of_json(path: pathlib.Path) -> list[Row]:
  """The rows of a file that `query --json` has written; raises UserError for another one."""
  path = existing_file(path, "--json", "pass a file that `query --json` has written")
  try:
    rows = _rows(budget.read_json(path, _MAX_BYTES))
    texts = (x for row in rows for x in (row.text, row.name, row.source))
    if any(len(x) > _LONGEST for x in texts):
      raise ValueError(f"a text of it has more than {_LONGEST} characters")
    return rows
  except ValueError as error:
    raise UserError(
        f"{path} holds no hits that `query --json` has written ({error}): write it anew"
    ) from error


def _rows(content):
  if not isinstance(content, list):
    raise ValueError("it is no list")
  answers = [(_get(x, "text", str), _get(x, "hits", list)) for x in content]
  return [_row(text, hit) for text, hits in answers for hit in hits]


def _row(text, hit):
  name, source = _get(hit, "name", str), _get(hit, "source", str)
  rank = _get(hit, "rank", int)
  score, start, end = (_number(hit, key) for key in ("score", "start", "end"))
  return Row(text, rank, score, name, source or name, start, end)


def _get(values, key, kind):
  if not isinstance(values, dict) or type(values.get(key)) is not kind:
    raise ValueError(f"{key!r} is not what it should be")
  return values[key]


def _number(values, key):
  value = values.get(key) if isinstance(values, dict) else "none"
  if value is None:
    return math.nan
  if type(value) not in (int, float) or not abs(value) < 1e18:
    raise ValueError(f"{key!r} is no number")
  return float(value)


def by_video(rows: Iterable[Row]) -> tuple[dict[str, list[Row]], dict[str, str]]:
  """({video: its rows}, {video: why it can be no name of a file})."""
  found, failed = {}, {}
  for row in rows:
    found.setdefault(row.source, []).append(row)
  for video in found:
    try:
      csv_table.check_inside(video, "the hits")
    except UserError as error:
      failed[video] = str(error)
  return {video: its for video, its in found.items() if video not in failed}, failed


def file_names(videos: Iterable[str]) -> dict[str, str]:
  """{video: path of its file without ending}, which is that of the video where two would meet."""
  found = {video: clip_table.stem_of(video) for video in videos}
  while True:
    counts = collections.Counter(found.values())
    meeting = [video for video, name in found.items() if counts[name] > 1 and name != video]
    if not meeting:
      return found
    found.update((video, video) for video in meeting)
