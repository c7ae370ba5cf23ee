"""Which videos a command works on: a folder's, or those, and clips of them, that a table lists."""

import math
import pathlib
from typing import NamedTuple

from sign_jax.data import csv_table, feature_files, pictures, video
from sign_jax.errors import UserError
from sign_jax.files import existing_file, existing_folder


class Clip(NamedTuple):
  """A video, or a part of one."""

  name: str  # the result's, "/" between folders
  video: str  # file or folder of pictures, relative to the folder of the videos
  path: pathlib.Path
  start: float = 0.0  # seconds
  end: float = math.inf
  split: str = ""  # as the table says

  @property
  def part(self):
    """Which part of which video, as a text that results keep to know whether they still fit."""
    return f"{self.video} {self.start!r} {self.end!r}"


def find(videos, csv=None):
  """Lists the videos of a folder and its subfolders, or the clips of a table.

  Args:
    videos: folder of video files; where it holds none, of folders of pictures.
    csv: table with a column `video`: paths of files, or of folders of pictures, relative to
      `videos`; these need not exist. Columns that it may have: `name` of the result, by default
      the video's path; `start` and `end` in seconds, empty for the whole video; `split`.

  Returns:
    [`Clip`], in the order of the table, or sorted; of equal rows, the first.

  Raises:
    UserError: no such folder, no videos, a wrong table, or two clips of one name.
  """
  videos = existing_folder(videos, "--videos", "pass the folder of the videos")
  if csv:
    existing_file(csv, "--csv", "pass a table with a column video")
  clips = _listed(videos, csv) if csv else _found(videos)
  if not clips:
    kinds = ", ".join(video.EXTENSIONS)
    raise UserError(f"there are no videos in {csv or videos}, their names must end in {kinds}")
  owners = {}
  for clip in clips:
    other = owners.setdefault(result_path("", clip), clip)
    if other is not clip:
      raise UserError(
        f"{_described(other)} and {_described(clip)} would both become "
        f"{result_path('', clip)}, rename one or give them names in a column name"
      )
  return clips


def result_path(folder, clip):
  """FOLDER/NAME.npz; a name that is the video's path loses its extension."""
  if clip.name == clip.video:
    return feature_files.path_of(folder, clip.video)
  return pathlib.Path(folder) / f"{clip.name}.npz"


def _described(clip):
  return clip.video if clip.name == clip.video else f"{clip.name} ({clip.video})"


def _found(videos):
  files = (path for path in videos.rglob("*") if path.suffix.lower() in video.EXTENSIONS)
  found = [path for path in files if path.is_file()]
  if not found:
    found = [path for path in videos.rglob("*") if path.is_dir() and pictures.paths(path)]
  names = sorted(path.relative_to(videos).as_posix() for path in found)
  return [Clip(name, name, videos / name) for name in names]


def _listed(videos, csv):
  clips = {}
  for line, row in csv_table.read(csv, ["video"]):
    where = f"{csv}, line {line}"
    name = row.get("name") or row["video"]
    csv_table.check_inside(row["video"], where)
    csv_table.check_inside(name, where)
    start, end = _times(row, where)
    clips[Clip(name, row["video"], videos / row["video"], start, end, row.get("split", ""))] = None
  return list(clips)


def _times(row, where):
  try:
    start, end = float(row.get("start") or 0), float(row.get("end") or math.inf)
  except ValueError as error:
    raise UserError(f"{where}: start and end must be seconds, correct them") from error
  if not 0 <= start < end or math.isinf(start):  # NaN compares false
    raise UserError(f"{where}: the clip lasts from {start} to {end} seconds, correct the times")
  return start, end
