"""Subtitles and annotations of a folder's videos, as the table of clips that they make."""

import pathlib
from typing import NamedTuple

from sign_jax.data import clip_table
from sign_jax.data.annotations import folder, sentences
from sign_jax.errors import UserError
from sign_jax.files import existing_folder
from sign_jax.video import tree as video_tree

_TOLD = 20  # places of one file that are named


class Found(NamedTuple):
  """What the files beside videos make.

  Attributes:
    table: `clip_table.Table`, in the order of the videos; a row's line is that of its file.
    failed: {file or video: why nothing of it is used}.
  """

  table: clip_table.Table
  failed: dict[str, str]


def read(videos: pathlib.Path, captions: pathlib.Path, tier: str = sentences.TIER) -> Found:
  """A clip for each sentence of the videos that have a .vtt, .srt or .eaf of the same name.

  The file of monday/a.mp4 is monday/a.vtt below the folder of the captions, which may be that of
  the videos. Of several, the first in that order is read. Two sentences of the same times are one.

  Args:
    videos: folder of the videos, see `video_tree.walk`.
    captions: folder of the files.
    tier: of .eaf.

  Raises:
    UserError: no such folder, no videos, or no file that belongs to one.
  """
  videos = existing_folder(videos, "--videos", "pass the folder of the videos")
  captions = existing_folder(captions, "--captions", "pass the folder of .vtt, .srt or .eaf files")
  tree = video_tree.walk(videos, look_inside=False)
  names = sorted([*tree.files, *tree.folders])
  if not names:
    raise UserError(f"there are no videos in {videos}: pass the folder of the videos")
  files = {}
  for stem, path in folder.files(captions, tuple(sentences.READERS)):
    files.setdefault(stem, []).append(path)
  rows, notes, failed, without = [], [], {}, []
  owners = {}  # of the files; clips are named after them
  for video in names:
    there = sorted(files.get(clip_table.stem_of(video), []), key=_order)
    if not there:
      without.append(video)
      continue
    other = owners.setdefault(clip_table.stem_of(video), video)
    if other != video:
      failed[video] = f"{video} is called as {other} is: rename one, and its subtitles"
      continue
    if len(there) > 1:
      notes.append(f"{there[0]} is read, and not {', '.join(x.name for x in there[1:])}")
    try:
      found = sentences.read(there[0], tier, video)
    except UserError as error:
      failed[str(there[0])] = str(error)
      continue
    rows += [_row(video, x) for x in found.sentences]
    notes += _told(there[0], found.left_out)
  if len(without) == len(names):
    raise UserError(
        f"no file in {captions} is called as a video in {videos}: the one of {names[0]} would be "
        f"{clip_table.stem_of(names[0])}.vtt, .srt or .eaf"
    )
  if without:
    notes.append(f"{len(without)} videos have no subtitles, the first is {without[0]}")
  return Found(clip_table.Table(rows, notes), failed)


def _told(path, left_out):
  yield from (f"{path}, line {line}: left out: {what}" for line, what in left_out[:_TOLD])
  if len(left_out) > _TOLD:
    yield f"{path}: {len(left_out) - _TOLD} more are left out"


def _order(path):
  return list(sentences.READERS).index(path.suffix.lower()), path.name


def _row(video, sentence):
  start, end = sentence.start, sentence.end
  name = clip_table.name_of(video, start, end)
  return clip_table.Row(sentence.line, video, name, start, end, sentence.text)
