"""Clips of a data set's isolated signs, as the task of isolated recognition reads them."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import ml_collections
import numpy as np
from jaxtyping import Float, Int

from sign_jax.data import records, sign_batches, watchdog
from sign_jax.data.cache import FeatureCache
from sign_jax.data.sign_clips import SignClips
from sign_jax.data.splits import SPLITS
from sign_jax.errors import UserError
from sign_jax.files import existing_folder
from sign_jax.metrics import classification
from sign_jax.protocols import Batch
from sign_jax.tasks import isolated_report, linear_baseline


class SignReader:
  """Clips of `data.frames` frames of the data set `data.name`.

  Attributes:
    unit: what a batch counts, in the plural.
    crops: clips of each sign in evaluation.
    source: the data set's NAME[/CONFIG]:VERSION.
    classes: of the data set.
    names: list of str, the classes'; None where they have none.
    facts: see `protocols.Recognizer.resident`.
  """

  unit = "signs"

  def __init__(
      self, config: ml_collections.ConfigDict, fields: Sequence[str],
      splits: Mapping[str, SignClips] | None = None,
  ) -> None:
    """Opens one split.

    Args:
      config: the whole configuration, after `run.checks.check`.
      fields: of the batches: "video", "keypoints" or both.
      splits: {name: `data.sign_clips.SignClips`} in place of the data set's own (tests).

    Raises:
      UserError: no such data set, or it lacks what is to be read.
    """
    self._config, self._data, self._fields = config, config.data, tuple(fields)
    self._splits, self._given = dict(splits or {}), tuple(splits or ())
    self._cache = FeatureCache(int(self._data.cache_gib * 2**30))
    if self._data.videos:
      existing_folder(self._data.videos, "--config.data.videos", "pass the folder of the videos")
    self.crops = self._data.crops
    first = self.split(self.measured_splits[-1])
    self.source, self.classes, self.names = first.label, first.num_classes, first.names
    self.facts = {
        "names": self.names, "classes": self.classes, "gloss_vectors": first.gloss_vectors,
    }

  @functools.cached_property
  def measured_splits(self) -> tuple[str, ...]:
    """Those of "validation" and "test" that there are.

    Raises:
      UserError: there is neither.
    """
    data = self._data
    return records.measured_splits(data.name, data.data_dir or None, self._given)

  def split(self, name: str) -> SignClips:
    """The clips of a split, opened once."""
    if name not in self._splits:
      self._splits[name] = self._open(name, self._fields)
    return self._splits[name]

  def _open(self, name, fields):
    data = self._data
    return SignClips(
        data.name, name, data.data_dir or None, fields=fields, size=data.size_stored,
        videos=data.videos, margin=data.margin, boxes=data.boxes, cache=self._cache,
    )

  @functools.cached_property
  def fingerprint(self) -> str:
    """Of the data set on disk."""
    return records.fingerprint(self._data.name, self._data.data_dir or None)

  def check(self) -> None:
    """Raises UserError where a split that training needs is empty or not there."""
    for name in SPLITS[:2]:
      if not len(self.split(name)):
        raise UserError(f"{self.source} has no signs in {name}: build it again with some")

  def size(self, split: str) -> int:
    """The number of clips of a split."""
    return len(self.split(split))

  def name(self, split: str, index: int) -> str:
    """What a user calls a clip."""
    return self.split(split).clips[index].name

  def train_batches(self, start_step: int) -> Iterator[Batch]:
    """Batches of `sign_batches.train_batches` from that step on."""
    # A split that is missing must not be noticed after hours of training.
    for name in self.measured_splits:
      self.split(name)
    return sign_batches.train_batches(
        self.split("train"), batch_size=self._config.batch_size, seed=self._config.seed,
        start_step=start_step, num_workers=self._data.num_workers, **self._shared(),
    )

  def train_examples(self, step: int) -> list[int]:
    """Indices of the clips of the global batch of a step, which counts from 0."""
    return sign_batches.train_examples(
        self.split("train"), batch_size=self._config.batch_size, seed=self._config.seed, step=step
    )

  def eval_batches(self, split: str) -> Iterator[Batch]:
    """Batches of `sign_batches.eval_batches`."""
    return sign_batches.eval_batches(
        self.split(split), batch_size=self._config.eval_batch_size, crops=self.crops,
        **self._shared(),
    )

  def _shared(self):
    return {
        "frames": self._data.frames,
        "reader_timeout": self._data.get("reader_timeout", watchdog.SECONDS),
        "shard_index": jax.process_index(), "shard_count": jax.process_count(),
    }

  def told(self, splits: Sequence[str]) -> dict[str, Any]:
    """Data set, crops, and how many of the listed videos each split has."""
    found = {"data": self.source, "crops": self.crops}
    for name in splits:
      clips = self.split(name)
      found |= {
          f"{name}/signs": len(clips), f"{name}/listed": clips.listed,
          f"{name}/missing": clips.missing,
      }
    return found

  def further(
      self, split: str, scores: Float[np.ndarray, "N C"], labels: Int[np.ndarray, " N"]
  ) -> dict[str, float]:
    """Accuracies on look-alikes and on all other signs, and of the linear baseline."""
    numbers = self._apart(split, scores, labels)
    if self._data.linear_baseline and split == self.measured_splits[-1]:
      found = classification.accuracies(self._linear_scores(split), labels)
      numbers |= {f"linear/{name}": value for name, value in found.items()}
    return numbers

  def _apart(self, split, scores, labels):
    """{"related/top1": percent, "unrelated/top1", "others/top1"}, {} without look-alikes."""
    pairs = self.split(split).lookalikes
    kinds = {
        kind: {label for a, b, related in pairs if related == is_related for label in (a, b)}
        for kind, is_related in (("related", True), ("unrelated", False))
    }
    rows = {kind: np.isin(labels, list(members)) for kind, members in kinds.items()}
    rows["others"] = ~np.logical_or(rows["related"], rows["unrelated"])
    return {
        f"{kind}/top1": classification.accuracies(scores[chosen], labels[chosen])["top1"]
        for kind, chosen in rows.items() if pairs and chosen.any()
    }

  @functools.lru_cache(maxsize=1)  # noqa: B019 - lives as long as the task
  def _linear_scores(self, split):
    clips = {name: self._open(name, ("keypoints",)) for name in ("train", split)}
    inputs = {name: linear_baseline.inputs_of(found) for name, found in clips.items()}
    return linear_baseline.fit(inputs["train"], clips["train"].labels, self.classes)(inputs[split])

  def table(self, results: Mapping[str, float], split: str) -> str:
    """Accuracies by kind, a line each."""
    clips = self.split(split)
    title = f"{self.source}, {split}: {len(clips)} signs of {self.classes} classes"
    if clips.missing or clips.listed != len(clips):
      title += f", on {len(clips)} of {clips.listed} listed videos ({clips.missing} missing)"
    return isolated_report.table(results, title, split)
