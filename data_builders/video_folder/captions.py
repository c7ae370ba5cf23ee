"""The table of a user's own videos: which videos, sentences and splits there are."""

import zlib
from typing import NamedTuple

from sign_jax.data import csv_table
from sign_jax.data import splits as split_names
from sign_jax.data.tokenizer import clean
from sign_jax.errors import UserError

TEST_SHARE = VALIDATION_SHARE = 10  # percent of the sentences, of a split by hash


class Clip(NamedTuple):
  """One row of the table."""

  line: int
  video: str  # path relative to the folder of the videos
  sentence: str  # with single spaces
  sentence_id: str  # the same for sentences that the tokenizer does not tell apart
  signer: str  # "" where the table does not say
  split: str | None  # None where the table has no column for it

  @property
  def video_id(self):
    """The video's path without its extension."""
    return _without_extension(self.video)


def read(path):
  """Reads the table.

  Args:
    path: CSV file with columns `video` and `sentence`, perhaps `split` and `signer`.

  Returns:
    [`Clip`], in the order of the table.

  Raises:
    UserError: names the line: no such file, missing columns, no rows, a sentence without
      text, an unknown split, a path that leaves the folder, a video that has two rows.
  """
  clips, numbers, lines = [], {}, {}
  for line, row in csv_table.read(path, ["video", "sentence"]):
    where = f"{path}, line {line}"
    csv_table.check_inside(row["video"], where)
    sentence = " ".join(row["sentence"].split())
    cleaned = clean(sentence)
    if not cleaned:  # "&nbsp;" too has nothing to read
      raise UserError(f"{where}: {row['video']} has no sentence, write one or remove the row")
    sentence_id = f"sentence_{numbers.setdefault(cleaned, len(numbers)):05d}"
    split = split_names.parse(row["split"], where) if "split" in row else None
    clip = Clip(line, row["video"], sentence, sentence_id, row.get("signer", ""), split)
    first = lines.setdefault(clip.video_id, line)
    if first != line:
      raise UserError(f"{where}: {clip.video} has a row in line {first} already, remove one")
    clips.append(clip)
  if not clips:
    raise UserError(f"{path} has no rows, write one for each video")
  return clips


def by_split(clips):
  """{split: clips} as the table says; without a column `split`, all clips in all three splits.

  Raises:
    UserError: a split without rows.
  """
  if clips[0].split is None:
    return dict.fromkeys(split_names.SPLITS, clips)
  splits = {split: [clip for clip in clips if clip.split == split] for split in split_names.SPLITS}
  if empty := _empty(splits):
    raise UserError(
      f"the column split has no rows for {empty}, and training needs all three splits: add rows, "
      "leave out the column, or build video_folder/hash_split"
    )
  return splits


def count_leaks(splits):
  """How many sentences of validation and test are sentences of train too."""
  train = {clip.sentence_id for clip in splits["train"]}
  others = (clip.sentence_id for split in split_names.SPLITS[1:] for clip in splits[split])
  return len(train.intersection(others))


def by_hash(clips):
  """{split: clips}, about 80, 10 and 10 % of the sentences, whatever the table says.

  A sentence is in one split only, and stays there when other rows come or go.

  Raises:
    UserError: too few sentences to fill the three splits.
  """
  splits = {split: [] for split in split_names.SPLITS}
  for clip in clips:
    bucket = zlib.crc32(clean(clip.sentence).encode()) % 100
    is_test, is_validation = bucket < TEST_SHARE, bucket < TEST_SHARE + VALIDATION_SHARE
    splits["test" if is_test else "validation" if is_validation else "train"].append(clip)
  if empty := _empty(splits):
    raise UserError(
      f"{len(clips)} rows are too few for hash_split (nothing is left for {empty}), add rows, or "
      "write a column split"
    )
  return splits


def _empty(splits):
  return " and ".join(split for split, members in splits.items() if not members)


def _without_extension(video):
  folder, slash, name = video.rpartition("/")
  return folder + slash + (name.rpartition(".")[0] or name)
