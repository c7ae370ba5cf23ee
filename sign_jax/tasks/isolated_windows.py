"""Labelled segments, as the task of isolated recognition reads them: windows, or their features."""

import functools
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import ml_collections

from sign_jax.data import feature_segments, label_table, segment_windows, watchdog
from sign_jax.data.cache import FeatureCache
from sign_jax.data.splits import SPLITS
from sign_jax.errors import UserError
from sign_jax.files import existing_file, existing_folder
from sign_jax.protocols import Batch
from sign_jax.tasks import isolated_report


class WindowReader:
  """Windows of 16 frames of the segments of a `data.label_table`.

  Attributes:
    unit: what a batch counts, in the plural.
    crops: windows of each segment in evaluation.
    source: the table's path.
    measured_splits: "validation" and "test".
    classes: the number of classes that its labels need.
    names: None: `run.class_names` reads the table.
    facts: see `protocols.Recognizer.resident`.
  """

  unit, crops, names = "segments", 1, None
  measured_splits = SPLITS[1:]

  def __init__(
      self, config: ml_collections.ConfigDict, fields: Sequence[str],
      labels: Mapping[str, Sequence[label_table.Label]] | None = None,
  ) -> None:
    """Reads the labels.

    Args:
      config: the whole configuration, after `run.checks.check`.
      fields: of the batches, ("video",).
      labels: {split: [`label_table.Label`]} in place of the table's (tests).

    Raises:
      UserError: no or wrong labels, no videos.
    """
    del fields
    self._config, self._data = config, config.data
    self._labels = labels or label_table.read(
        _given(self._data, "labels", "a labels.csv", existing_file)
    )
    _given(self._data, "videos", "the folder of the videos", existing_folder)
    cache = FeatureCache(int(self._data.cache_gib * 2**30))
    self._segments = {
        split: self._open(members, cache) for split, members in self._labels.items()
    }
    self.source = self._data.labels
    self.classes = 1 + max(x.label for members in self._labels.values() for x in members)
    self.facts = {"names": None, "classes": self.classes, "gloss_vectors": None}

  def _open(self, members, cache):
    return segment_windows.Segments(self._data.videos, members, self._data.size, cache)

  def _augmentation(self):
    data = self._data
    return segment_windows.Augmentation(
        data.scale, data.jitter, data.flip, data.get("augment_per", "window")
    )

  @functools.cached_property
  def fingerprint(self) -> str:
    """Of the labels, but for their provenance; without boxes it is what it was before these."""
    rows = {
        split: [x[:-1] if x.box else x[:-2] for x in members]
        for split, members in self._labels.items()
    }
    facts = json.dumps(rows, sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()

  def check(self) -> None:
    """Raises UserError where a split that training needs is empty."""
    for split in ("train", "validation"):
      if not self._labels[split]:
        raise UserError(f"{self.source} has no labels for {split}: add some")

  def size(self, split: str) -> int:
    """The number of segments of a split."""
    return len(self._labels[split])

  def name(self, split: str, index: int) -> str:
    """What a user calls a segment."""
    label = self._labels[split][index]
    return f"{label.video} from {label.start:g} s"

  def train_batches(self, start_step: int) -> Iterator[Batch]:
    """Batches of `segment_windows.train_batches` from that step on."""
    return segment_windows.train_batches(
        self._segments["train"],
        batch_size=self._config.batch_size,
        seed=self._config.seed,
        augment=self._augmentation(),
        start_step=start_step,
        num_workers=self._data.num_workers,
        **self._shared(),
    )

  def train_examples(self, step: int) -> list[int]:
    """Indices of the segments of the global batch of a step, which counts from 0."""
    return segment_windows.train_examples(
        self._segments["train"], batch_size=self._config.batch_size, seed=self._config.seed,
        step=step,
    )

  def eval_batches(self, split: str) -> Iterator[Batch]:
    """Batches of `segment_windows.eval_batches`."""
    return segment_windows.eval_batches(
        self._segments[split], batch_size=self._config.eval_batch_size, **self._shared()
    )

  def _shared(self):
    return {
        "reader_timeout": self._data.get("reader_timeout", watchdog.SECONDS),
        "shard_index": jax.process_index(), "shard_count": jax.process_count(),
    }

  def told(self, splits: Sequence[str]) -> dict[str, Any]:
    """The label table, and how many segments each split has."""
    sizes = {f"{split}/segments": self.size(split) for split in splits}
    return {"data": str(self.source), **sizes}

  def further(self, split: str, scores: Any, labels: Any) -> dict[str, float]:
    """No numbers beside the accuracies."""
    return {}

  def table(self, results: Mapping[str, float], split: str) -> str:
    """One line of accuracies."""
    return isolated_report.line(
        results, f"{self.source}, {split}: {self.size(split)} segments", split, self.size(split)
    )


class FeatureReader(WindowReader):
  """The features of windows, in the place of their frames; `data.videos` is their folder."""

  def _open(self, members, cache):
    return feature_segments.FeatureSegments(self._data.videos, members, self._data.dim, cache)

  def _augmentation(self):
    return segment_windows.Augmentation()  # of frames


def _given(data, key, what, existing):
  if not data[key]:
    raise UserError(f"--config.data.{key} is missing: pass {what}")
  return existing(data[key], f"--config.data.{key}", f"pass {what}")
