"""What is wrong in a corpus: the first damage stops, or each is noted and left out."""

import collections
import contextlib
from typing import NamedTuple

from data_builders.corpus import clips
from sign_jax.data import splits as split_names
from sign_jax.data.tokenizer import clean
from sign_jax.errors import UserError, did_you_mean

ON_ERROR = ("stop", "skip")
_NAMED = 20  # things that a message names


def named(names):
  """The first of some names for a message: "a, b and 3 more"."""
  more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
  return ", ".join(names[:_NAMED]) + more


class Skip(NamedTuple):
  """A video that is left out."""

  split: str
  name: str
  reason: str


class Findings:
  """What readers and builders find.

  Attributes:
    on_error: "stop" raises at the first damage, "skip" notes it in `skips`.
    skips: list of `Skip`.
    notes: list of sentences on what is unusual and no damage.
    entries: {split: number of videos that the annotations list}; what is built plus what is
      skipped.
    origins: {split: where it comes from}, of splits that are not as they were released.
  """

  def __init__(self, on_error="stop"):
    if on_error not in ON_ERROR:
      raise UserError(f"on_error is {on_error!r}{did_you_mean(on_error, ON_ERROR)}, choose stop "
                      "or skip")
    self.on_error = on_error
    self.skips, self.notes, self.entries = [], [], collections.Counter()
    self.origins = {}

  @contextlib.contextmanager
  def guard(self, split, name):
    """Notes a `UserError` about one video instead of raising it, where damage is skipped."""
    try:
      yield
    except UserError as error:
      if self.on_error == "stop":
        raise
      self.skip(split, name, str(error))

  def skip(self, split, name, reason):
    """Notes a video that is left out."""
    # An id from a damaged file can be anything; a name that is one stays as it is.
    self.skips.append(Skip(split, name if _is_plain(name) else clips.shown(name), reason))

  def forget(self, splits):
    """Takes back what was noted of splits that are read for the sake of others."""
    self.skips = [skip for skip in self.skips if skip.split not in splits]
    for split in splits:
      self.entries.pop(split, None)
      self.origins.pop(split, None)


class Collector:
  """Gathers the clips of a corpus while its annotations are read.

  Attributes:
    splits: {split: [`Clip`]} of those that are read.
  """

  def __init__(self, findings, splits=split_names.SPLITS):
    self.splits = {split: [] for split in splits}
    self._findings = findings
    self._places, self._texts = {}, {}

  @contextlib.contextmanager
  def entry(self, split, name):
    """Surrounds the reading of one entry of the annotations: counts it, and guards against it."""
    self._findings.entries[split] += 1
    with self._findings.guard(split, name):
      yield

  def add(self, split, clip, where):
    """Adds a clip.

    Raises:
      UserError: as `clips.check`; a video that is there already; a sentence with another text.
    """
    clips.check(clip, where)
    self._check_new(clip, where)
    text = self._texts.setdefault((split, clip.sentence_id), clip.text)
    if text != clip.text and clean(text) != clean(clip.text):
      raise UserError(
        f"{where} has another text than other videos of sentence {clip.sentence_id!r}, correct one"
      )
    self.keep(split, clip, where)

  def keep(self, split, clip, where):
    """Adds a clip that is checked already.

    Raises:
      UserError: a video that is there already.
    """
    self._check_new(clip, where)
    self._places[clip.video_id] = where
    self.splits[split].append(clip)

  def _check_new(self, clip, where):
    if clip.video_id in self._places:
      raise UserError(
        f"{where} is listed a second time, first in {self._places[clip.video_id]}, remove one"
      )

  def result(self):
    """`splits`.

    Raises:
      UserError: a split without any clip.
    """
    for split, members in self.splits.items():
      if not members:
        reasons = [skip.reason for skip in self._findings.skips if skip.split == split]
        cause = f"all {len(reasons)} are damaged, first: {reasons[0]}" if reasons else "none listed"
        raise UserError(f"the split {split} has no videos ({cause})")
    return self.splits


def _is_plain(name):
  try:
    clips.check_name(name, "")
  except UserError:
    return False
  return True
