"""A validation split where none is released: some of the sentences of train, with all their videos.

CiCo, UPRet and SEDS release `train.pkl` and `test.pkl` of How2Sign and CSL-Daily, and no `dev.pkl`.
What is held out is no published split, so whoever reads a number of it is told so.
"""

import hashlib

from data_builders.corpus import released_pickles
from sign_jax.data.tokenizer import clean
from sign_jax.errors import UserError

ORIGIN = "held out of train by sentence, not a published split"


def divide(clips, share):
  """Divides the clips of train.

  A sentence is held out or not by what it says alone: neither the order of the clips nor what other
  clips there are matters. So all its videos stay together, and all sentences of the same text.

  Args:
    clips: [`Clip`] of train.
    share: of the sentences that is held out, between 0 and 1; about as many are.

  Returns:
    Two lists, in the order of `clips`: what is left of train, and validation.

  Raises:
    UserError: all clips are of one sentence.
  """
  places = {text: _place(text) for text in {clean(clip.text) for clip in clips}}
  held = {text for text, place in places.items() if place < share} or {min(places, key=places.get)}
  if len(held) == len(places):
    raise UserError(
      f"the {len(clips)} videos of train show one sentence, and none is left to validate on: put a "
      "dev.pkl beside train.pkl, or build with --splits test"
    )
  kept, validation = [], []
  for clip in clips:
    (validation if clean(clip.text) in held else kept).append(clip)
  return kept, validation


def _place(text):
  """A number in [0, 1) that a text has everywhere."""
  return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64


def complete(splits, folder, wanted, share, findings):
  """The splits that are asked for, of those that `released_pickles.to_read` says to read.

  Args:
    splits: {split: [`Clip`]} as collected; without a dev.pkl, "train" holds validation too.
    folder: of the pickles.
    wanted: names of the splits that are asked for.
    share: as in `divide`.
    findings: `Findings`; counts its entries anew, and notes where the validation split comes from.

  Returns:
    {split: [`Clip`]} of `wanted`.

  Raises:
    UserError: as `divide`.
  """
  if "train" not in splits or released_pickles.is_there(folder, "validation"):
    return splits
  train, validation = divide(splits["train"], share)
  sentences = len({clip.sentence_id for clip in validation})
  findings.notes.append(
    f"{folder} has no dev.pkl: {len(validation)} videos of {sentences} sentences of train are held "
    "out as the validation split, which is no published one"
  )
  return assign(splits, (train, validation), wanted, ORIGIN, findings)


def assign(splits, parts, wanted, origin, findings):
  """The splits that are asked for, where validation is a part of train.

  Args:
    splits: {split: clips} as collected.
    parts: clips of train that are left, and those of validation.
    wanted: names of the splits that are asked for.
    origin: what results say of the validation split.
    findings: `Findings`; counts its entries anew.

  Returns:
    {split: clips} of `wanted`.
  """
  train, validation = parts
  findings.origins["validation"] = origin
  findings.entries["train"] -= len(validation)
  findings.entries["validation"] = len(validation)
  found = {**splits, "train": train, "validation": validation}
  findings.forget(found.keys() - set(wanted))
  return {split: found[split] for split in wanted}
