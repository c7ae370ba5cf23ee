"""Clips of a data set's isolated signs, as the task of isolated recognition reads them."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import ml_collections
import numpy as np
from jaxtyping import Float, Int

from sign_jax.data import sign_batches, watchdog
from sign_jax.data.sign_clips import SignClips
from sign_jax.metrics import classification
from sign_jax.protocols import Batch
from sign_jax.tasks import isolated_report, linear_baseline
from sign_jax.tasks.split_reader import SplitReader


class SignReader(SplitReader):
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
    super().__init__(config.data, splits)
    self._config, self._fields = config, tuple(fields)
    self.crops = self._data.crops
    first = self.split(self.measured_splits[-1])
    self.source, self.classes, self.names = first.label, first.num_classes, first.names
    self.facts = {
        "names": self.names, "classes": self.classes, "gloss_vectors": first.gloss_vectors,
    }

  def _open(self, name):
    return self._opened(name, self._fields)

  def _opened(self, name, fields, left_out=False):
    data = self._data
    return SignClips(
        data.name, name, data.data_dir or None, fields=fields, size=data.size_stored,
        videos=data.videos, margin=data.margin, boxes=data.boxes, cache=self._cache,
        left_out=left_out,
    )

  def with_left_out(self, name: str) -> SignClips:
    """A split with the signs of its sentences that are no classes, see `SignClips`."""
    return self._opened(name, self._fields, left_out=True)

  def name(self, split: str, index: int) -> str:
    """What a user calls a clip."""
    return self.split(split).clips[index].name

  def train_batches(self, start_step: int) -> Iterator[Batch]:
    """Batches of `sign_batches.train_batches` from that step on."""
    self.open_measured()
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
    clips = {name: self._opened(name, ("keypoints",)) for name in ("train", split)}
    inputs = {name: linear_baseline.inputs_of(found) for name, found in clips.items()}
    return linear_baseline.fit(inputs["train"], clips["train"].labels, self.classes)(inputs[split])

  def table(self, results: Mapping[str, float], split: str) -> str:
    """Accuracies by kind, a line each."""
    clips = self.split(split)
    title = f"{self.source}, {split}: {len(clips)} signs of {self.classes} classes"
    if clips.missing or clips.listed != len(clips):
      title += f", on {len(clips)} of {clips.listed} listed videos ({clips.missing} missing)"
    return isolated_report.table(results, title, split)
