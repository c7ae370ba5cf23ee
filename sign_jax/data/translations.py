"""Tables of translations: what another system has understood of each video, as a text."""

from collections.abc import Sequence

from sign_jax.errors import UserError, shown
from sign_jax.untrusted import csv_table

COLUMNS = ("video", "translation")


def read(path: str) -> dict[str, str]:
  """Reads a table of translations.

  Args:
    path: CSV file with the columns video, which is a `video_id` of the data set, and translation,
      which may be empty.

  Returns:
    {video_id: text}, in the order of the table.

  Raises:
    UserError: names the line: as `csv_table.read`; a row without video, or a second one of it.
  """
  texts, lines = {}, {}
  for line, row in csv_table.read(path, COLUMNS):
    video = row["video"]
    if not video:
      raise UserError(f"{path}, line {line}: the video is missing, write its video_id")
    if video in texts:
      raise UserError(
        f"{path}, line {line}: the video {shown(video)} is in line {lines[video]} already, remove "
        "one"
      )
    texts[video], lines[video] = row["translation"], line
  return texts


def of_videos(path: str, video_ids: Sequence[str]) -> list[str]:
  """The translations of some videos, in their order; others of the table do not matter.

  Raises:
    UserError: as `read`, or a video has none.
  """
  texts = read(path)
  missing = [video for video in video_ids if video not in texts]
  if missing:
    raise UserError(
      f"{path} has no translation of {len(missing)} of {len(video_ids)} videos, the first is "
      f"{shown(missing[0])}: add a row for each, which may be empty"
    )
  return [texts[video] for video in video_ids]
