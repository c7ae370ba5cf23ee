"""The annotations that the encoders of the rounds are trained on."""

import collections
import functools
import pathlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from sign_jax.data import (
  clip_table,
  feature_files,
  feature_segments,
  label_table,
  lexicon_table,
  mouthings,
  splits,
)
from sign_jax.data.feature_files import FeatureFile
from sign_jax.data.label_table import Label, Provenance
from sign_jax.data.words import entry
from sign_jax.encoder import spotting
from sign_jax.errors import UserError
from sign_jax.untrusted import csv_table
from sign_jax.video import frames

CORPUS = lexicon_table.CORPUS  # the folder of the corpus among the media
TRUTH = ("video", "start", "end", "word")  # columns
_ROOM = 4  # frames by which the least part of a video is longer than a window


class Found(NamedTuple):
  """Annotations, and what was left out.

  Attributes:
    labels: [`Label`], whose `label` is 0: the class is that of the gloss.
    skipped: {reason: how many}.
  """

  labels: list[Label]
  skipped: collections.Counter


def of_mouthings(
  path: pathlib.Path, rows: Iterable[clip_table.Row], media: pathlib.Path, encoder: str,
  words: Collection[str],
) -> Found:
  """Annotations of mouthings.

  Args:
    path: table of `data.mouthings`.
    rows: the training clips.
    media: folder of their feature files or videos.
    encoder: a key of `spotted_clips.AROUND`.
    words: of the lexicons; others are left out.
  """
  clips = collections.defaultdict(list)
  for row in rows:
    clips[row.video].append(row)
  extent = functools.cache(functools.partial(_extent, media, encoder=encoder))
  labels, skipped = [], collections.Counter()
  for mouthing in mouthings.read(path):
    row = next((x for x in clips[mouthing.video] if x.start <= mouthing.time < x.end), None)
    if row is None:
      skipped["in no training clip"] += 1
    elif mouthing.word not in words:
      skipped["of a word that no lexicon has"] += 1
    elif mouthing.confidence <= mouthings.LEAST_CONFIDENCE:
      skipped["that are not sure"] += 1
    elif (t := _frame(mouthing, row, extent(row))) >= extent(row).num_frames:
      skipped["behind the end of their video"] += 1
    else:
      where = spotting.place(row, False, "mouthing", t, extent(row), encoder)
      source = Provenance("mouthing")
      labels.append(Label(*where, 0, mouthing.confidence, mouthing.word, None, source))
  return Found([_in_corpus(label) for label in labels], skipped)


def _frame(mouthing, row, content):
  return int((mouthing.time - row.start) * (content.fps or feature_segments.FPS) + 0.5)


def _extent(media, row, encoder):
  """A `FeatureFile` without features: how many frames a clip has, and how many a second."""
  if encoder == "features":
    return feature_files.read(feature_files.path_of(media, row.name))._replace(feature=None)
  num_frames, fps = _length(media / row.video)
  seconds = min(row.end, num_frames / fps) - row.start
  return FeatureFile(None, max(int(seconds * fps + 0.5), 1), fps, 1, "")


def _length(path):
  """(frames, frames a second) of a video."""
  info = frames.probe(path)
  return info.num_frames, info.fps or feature_segments.FPS


def extents(
  rows: Iterable[clip_table.Row], media: pathlib.Path, encoder: str, stride: int | None
) -> Callable[[str], FeatureFile]:
  """A function from the video of a label of the corpus to a `FeatureFile` without features.

  Args:
    rows, media, encoder: as of `of_mouthings`; each row is a whole video.
    stride: of the windows of videos; feature files tell their own.
  """
  known = {f"{CORPUS}/{_file(row.video, encoder)}": row for row in rows}

  @functools.cache
  def extent(video):
    found = _extent(media, known[video], encoder)
    return found if encoder == "features" else found._replace(stride=stride)

  return extent


def _in_corpus(label):
  return label._replace(video=f"{CORPUS}/{label.video}")


def of_spotting(path: pathlib.Path) -> list[Label]:
  """The annotations that `sign_jax.spot` has written."""
  return [_in_corpus(label) for labels in label_table.read(path).values() for label in labels]


def of_lexicons(
  folders: Mapping[str, pathlib.Path], table: str, encoder: str
) -> list[Label]:
  """Every exemplar, cut to its sign; of videos, to a window at least.

  Args:
    folders: {name: folder of a lexicon}.
    table: name of the table in it.
    encoder: a key of `spotted_clips.AROUND`.
  """
  found = []
  for name, folder in folders.items():
    for row in lexicon_table.read(folder / table):
      place = f"{name}/{_file(row.exemplar, encoder)}"
      # A label has an end; whole exemplars are as long as one may be.
      start, end = row.start, min(row.end, row.start + label_table.MAX_SECONDS)
      if encoder != "features":
        start, end = _with_room(folder / "videos" / row.exemplar, start, end)
      source = Provenance("exemplar", 0, f"{name}/{row.exemplar}")
      found.append(Label(place, start, end, 0, 1.0, row.word, None, source))
  return found


def _with_room(path, start, end):
  """A part of a video, longer about its middle where windows would find too few frames in it."""
  num_frames, fps = _length(path)
  missing = (frames.WINDOW + _ROOM) / fps - (end - start)
  if missing <= 0:
    return start, end
  return max(start - missing / 2, 0.0), min(end + missing / 2, num_frames / fps)


def _file(video, encoder):
  """What a table of labels calls a whole video."""
  return f"{clip_table.stem_of(video)}.npz" if encoder == "features" else video


def truth(
  path: pathlib.Path | None, rows: Iterable[clip_table.Row], encoder: str
) -> dict[str, list[Label]]:
  """All signs of a corpus, where they are known.

  Args:
    path: CSV file with the columns video, start, end and word; None for none.
    rows: of the clips, each a whole video, which tell the splits.
    encoder: a key of `spotted_clips.AROUND`.

  Returns:
    {split: labels}; {} without a table.

  Raises:
    UserError: names the line of what is wrong, or a clip that is not a whole video.
  """
  if path is None:
    return {}
  for row in rows:
    if row.name != clip_table.stem_of(row.video):
      raise UserError(
        f"{row.name} is not all of {row.video}: a table of truth ({path}) needs clips that are "
        "whole videos, called as these are"
      )
  split_of = {row.video: row.split for row in rows}
  found = {split: [] for split in splits.SPLITS}
  for line, row in csv_table.read(path, TRUTH):
    if split := split_of.get(row["video"]):
      start, end = clip_table.times(row, f"{path}, line {line}")
      file = _file(row["video"], encoder)
      found[split].append(_in_corpus(Label(file, start, end, 0, 1.0, entry(row["word"]))))
  return found


def classes(labels: Iterable[Label]) -> list[str]:
  """The words of labels, sorted: the class list."""
  return sorted({label.gloss for label in labels})


def numbered(labels: Iterable[Label], names: Sequence[str]) -> list[Label]:
  """The labels of the listed words, with the numbers of their classes."""
  numbers = {name: number for number, name in enumerate(names)}
  return [x._replace(label=numbers[x.gloss]) for x in labels if x.gloss in numbers]


def write(
  path: pathlib.Path, train: Iterable[Label], exemplars: Iterable[Label],
  held_out: Mapping[str, Sequence[Label]], names: Sequence[str],
) -> None:
  """Writes the table that an encoder is trained on.

  Args:
    path: of the table.
    train: the annotations of the corpus; those of unlisted words are left out.
    exemplars: of lexicons.
    held_out: {split: labels} to measure by; none of the split validation leaves the annotations of
      about a tenth of the videos for it, which then measures how well annotations are predicted.
    names: the class list.

  Raises:
    UserError: there is nothing to train on.
  """
  train = numbered(train, names)
  if len(train) < 2:
    raise UserError(f"there are no annotations for {path}: look at mouthings and lexicons")
  others = {split: numbered(labels, names) for split, labels in held_out.items()}
  if not others.get("validation"):
    kept = [label_table.is_held_out(x.video) for x in train]
    if all(kept) or not any(kept):
      kept = [number == 0 for number in range(len(train))]
    others |= {"validation": [x for x, away in zip(train, kept, strict=True) if away]}
    train = [x for x, away in zip(train, kept, strict=True) if not away]
  label_table.write_all(path, {"train": [*train, *numbered(exemplars, names)], **others})
