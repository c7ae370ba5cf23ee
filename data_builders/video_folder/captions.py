"""The table of a user's own videos: which videos, sentences and splits there are."""

import zlib

from sign_jax.data import clip_table
from sign_jax.data import splits as split_names
from sign_jax.data.tokenizer import clean
from sign_jax.errors import UserError

TEST_SHARE = VALIDATION_SHARE = 10  # percent of the sentences, of a split by hash


def read(path):
  """Reads the table.

  Args:
    path: table of `clip_table.read` with the columns `video` and `sentence`.

  Returns:
    `clip_table.Table`; the functions below take its rows as clips.

  Raises:
    UserError: as `clip_table.read`; no rows.
  """
  table = clip_table.read(path, ("video", "sentence"))
  if not table.rows:
    raise UserError(f"{path} has no rows, write one for each video")
  return table


def sentence_ids(clips):
  """{clip's name: id}, the same for sentences that the tokenizer does not tell apart."""
  numbers = {}
  found = {clip.name: numbers.setdefault(clean(clip.sentence), len(numbers)) for clip in clips}
  return {name: f"sentence_{number:05d}" for name, number in found.items()}


def by_split(clips, wanted=split_names.SPLITS):
  """{split: clips} as the table says; without a column `split`, all clips in all splits.

  Args:
    clips: rows of the table.
    wanted: names of the splits to give.

  Raises:
    UserError: a split without rows.
  """
  if not clips[0].split:
    return dict.fromkeys(wanted, clips)
  splits = {split: [clip for clip in clips if clip.split == split] for split in wanted}
  if empty := _empty(splits):
    raise UserError(
      f"the column split has no rows for {empty}, and training needs all three splits: add rows, "
      "leave out the column, build video_folder/hash_split, or name the splits that are there with "
      "--splits"
    )
  return splits


def count_leaks(splits):
  """How many sentences of validation and test are sentences of train too, where all are there."""
  train = {clean(clip.sentence) for clip in splits.get("train", ())}
  others = (
    clean(clip.sentence) for split in split_names.SPLITS[1:] for clip in splits.get(split, ())
  )
  return len(train.intersection(others))


def by_hash(clips, wanted=split_names.SPLITS):
  """{split: clips}, about 80, 10 and 10 % of the sentences, whatever the table says.

  A sentence is in one split only, and stays there when other rows come or go.

  Args:
    clips, wanted: as in `by_split`.

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
  return {split: splits[split] for split in wanted}


def _empty(splits):
  return " and ".join(split for split, members in splits.items() if not members)
