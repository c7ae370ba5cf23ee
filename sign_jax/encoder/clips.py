"""Which videos a command works on: a folder's, or those, and clips of them, that a table lists."""

import math
import pathlib
import sys
from typing import NamedTuple

from tqdm import tqdm

from sign_jax import errors
from sign_jax.data import clip_table
from sign_jax.errors import UserError
from sign_jax.files import existing_file, existing_folder
from sign_jax.video import boxes, frames, pictures
from sign_jax.video import tree as video_tree

_TOLD = 20  # notes on single clips that are printed


class Clip(NamedTuple):
  """A video, or a part of one."""

  name: str  # the result's, "/" between folders; see `clip_table.name_of`
  video: str  # file or folder of pictures, relative to the folder of the videos
  path: pathlib.Path
  start: float = 0.0  # seconds
  end: float = math.inf
  split: str = ""  # one of `splits.SPLITS`, "" where nothing says
  box: boxes.Box | None = None  # of the person; None for whole pictures
  sentence: str = ""  # what is signed, "" where nothing says
  signer: str = ""

  @property
  def part(self):
    """Which part of which video, as `clip_table.part_of` writes it."""
    return clip_table.part_of(self.video, self.start, self.end, self.box)


class Found(NamedTuple):
  """What a command works on, and what it does not."""

  clips: list[Clip]
  notes: list[str]  # sentences on what is unusual or left out
  warning: str = ""  # a sentence where something that looks like a video is left out, else ""


def find(videos, csv=None):
  """Lists the videos of a folder and its subfolders, or the clips of a table.

  Args:
    videos: folder of video files and of folders of pictures, see `video_tree.walk`.
    csv: table of `clip_table.read`; its videos need not exist.

  Returns:
    `Found`, in the order of the table, or sorted.

  Raises:
    UserError: no such folder, no videos, a wrong table, or two clips of one name.
  """
  videos = existing_folder(videos, "--videos", "pass the folder of the videos")
  if csv:
    existing_file(csv, "--csv", "pass a table with a column video")
  return listed(videos, csv, clip_table.read(csv)) if csv else _found(videos)


def listed(videos, name, table):
  """As `find`, the clips of a table.

  Args:
    videos: folder of the videos.
    name: of the table, for messages.
    table: `clip_table.Table`.

  Raises:
    UserError: it has no rows.
  """
  if not table.rows:
    raise UserError(f"{name} has no rows, write one for each video")
  clips = [
    Clip(
      row.name, row.video, videos / row.video, row.start, row.end, row.split, row.box,
      row.sentence, row.signer,
    )
    for row in table.rows
  ]  # fmt: skip
  return Found(clips, [*table.notes, *_unlisted(videos, name, clips)])


def training_clips(jobs):
  """The clips of the split "train", or all, with a warning, where none has a split.

  Raises:
    UserError: there are splits, but none is "train".
  """
  if not any(job.split for job in jobs):
    tqdm.write(
      "no row has a split: all videos are labelled, which is right only where none of them is for "
      "validation or test", file=sys.stderr,
    )  # fmt: skip
    return jobs
  train = [job for job in jobs if job.split == "train"]
  if not train:
    raise UserError("the table has no rows of the split train: labels are for training")
  return train


def tell(found, notes):
  """Prints to stderr what was left out and what was unusual, each once.

  Args:
    found: `Found`.
    notes: {clip's name: {kind: sentence}}, as `frames.timed_frames` gives them; of each kind the
      first are printed, and how many there are.
  """
  lines = [f"note: {note}" for note in found.notes]
  for kind, text in frames.NOTES.items():
    told = [f"  {name}: {kinds[kind]}" for name, kinds in notes.items() if kind in kinds]
    lines += [f"note: {len(told)} {text}", *told[:_TOLD]] if told else []
    lines += [f"  and {len(told) - _TOLD} more"] if len(told) > _TOLD else []
  lines += [f"error: {found.warning}"] if found.warning else []
  for line in lines:
    print(errors.printable(line), file=sys.stderr)


def _found(videos):
  tree = video_tree.walk(videos)
  names = sorted([*tree.files, *tree.folders])
  left_out = tree.left_out.text()
  if not names:
    raise UserError(
      f"there are no videos in {videos}{f' ({left_out})' if left_out else ''}, pass a folder of "
      f"folders of pictures, or of files whose names end in {', '.join(frames.EXTENSIONS)}"
    )
  owners = {}
  for name in names:
    other = owners.setdefault(clip_table.name_of(name), name)
    if other is not name:
      raise UserError(
        f"{other} and {name} would both become {clip_table.name_of(name)}.npz, rename one, or list "
        "them with names in a table and pass it with --csv"
      )
  clips = [Clip(name, video, videos / video) for name, video in owners.items()]
  return Found(clips, [left_out] if left_out else [], tree.left_out.warning())


def _unlisted(videos, name, clips):
  tree = video_tree.walk(videos, {clip.video for clip in clips}, look_inside=False)
  counts = {
    "video": len(tree.files),
    "folder of pictures": len(tree.folders),
    "other video or folder that cannot be read": len(tree.left_out.videos),
  }
  if told := pictures.counted(counts):
    yield f"left out: {told} in {videos} that no row of {name} names"
