"""Which of the listed videos are there: these corpora are known for the videos that are missing."""

from typing import NamedTuple

from data_builders.corpus.findings import named
from sign_jax.errors import UserError


class Presence(NamedTuple):
  """What is there of a corpus.

  Attributes:
    listed: {split: how many clips the annotations list}, damaged entries among them.
    there, missing: {split: [`SignClip`]}, whose video is there, and whose is not.
    places: {video_id: `videos.Location`} of those that are there.
  """

  listed: dict
  there: dict
  missing: dict
  places: dict


def find(splits, videos, findings):
  """`Presence` of {split: [`SignClip`]}.

  Args:
    splits: as the annotations were read.
    videos: `Videos`.
    findings: `Findings` of reading them; clips with two videos are damaged.
  """
  listed = {split: findings.entries[split] for split in splits}
  there, missing, places = {}, {}, {}
  for split, clips in splits.items():
    there[split], missing[split] = [], []
    for clip in clips:
      with findings.guard(split, clip.video_id):
        location = videos.find(clip)
        if location:
          places[clip.video_id] = location
        (there if location else missing)[split].append(clip)
  return Presence(listed, there, missing, places)


def check_none_empty(found, folder, where):
  """Checks that some videos of each split are there.

  Args:
    found: `Presence`.
    folder: the manual_dir.
    where: what videos are called in it, for the error.

  Raises:
    UserError: all of a split are missing.
  """
  for split, clips in found.there.items():
    if not clips and found.missing[split]:
      raise UserError(
        f"none of the {len(found.missing[split])} videos of {split} is in {folder}: get them from "
        f"the corpus's owner and put them there as {where}, or name the splits whose videos are "
        "there with --splits"
      )


def described(found):
  """Sentences on what is missing, one for each split."""
  for split, clips in found.missing.items():
    if clips:
      names = named([clip.video_id for clip in clips])
      yield f"{len(clips)} of {found.listed[split]} videos of {split} are missing: {names}"
