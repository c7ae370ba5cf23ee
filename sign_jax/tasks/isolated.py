"""Recognition of isolated signs by an I3D; fine-tunes the sign encoder on labelled segments."""

import functools
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax
from jax.experimental import multihost_utils
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, Num, PRNGKeyArray, PyTree

from sign_jax.data import label_table, segment_windows, specs, watchdog
from sign_jax.data.cache import FeatureCache
from sign_jax.errors import UserError
from sign_jax.files import existing_file, existing_folder
from sign_jax.metrics import classification
from sign_jax.protocols import (
  Batch,
  Inputs,
  Outcome,
  Place,
  Selection,
  System,
  Task,
  Variables,
)
from sign_jax.tasks import finite
from sign_jax.train import prefetch
from sign_jax.video import frames
from sign_jax.weights import initial

COLUMNS = (("top1", "top-1"), ("top5", "top-5"), ("class_top1", "top-1 per class"))


class Recognition(Task):
  """A system that classifies windows of 16 frames, as a `protocols.Task`."""

  selection = Selection("top1")
  unit = "segments"
  CHOICES = {
      "init.classifier": initial.CLASSIFIERS, "data.augment_per": segment_windows.PER,
  }

  def __init__(
      self, config: ml_collections.ConfigDict, system: System,
      labels: Mapping[str, Sequence[label_table.Label]] | None = None,
  ) -> None:
    """Reads the labels and the names of the weights.

    Args:
      config: the whole configuration, after `run.checks.check`.
      system: `protocols.System` with a `classifier`.
      labels: {split: [`label_table.Label`]} in place of the table's (tests).

    Raises:
      UserError: no or wrong labels, weights that cannot be read, classes that do not fit.
    """
    self._config, self._data = config, config.data
    self.batch_size = config.batch_size
    self._labels = labels or label_table.read(
        _given(self._data, "labels", "a labels.csv", existing_file)
    )
    _given(self._data, "videos", "the folder of the videos", existing_folder)
    self._initial = initial.ClassifierFile(
        config.init[system.name], f"--config.init.{system.name}", config.init.classifier, system
    )
    cache = FeatureCache(int(self._data.cache_gib * 2**30))
    self._segments = {
        split: segment_windows.Segments(self._data.videos, members, self._data.size, cache)
        for split, members in self._labels.items()
    }
    self.inputs = _inputs(self._data.size, self._num_classes())
    self._system, self._model = system, system.build(config.model, self.inputs)
    self._logits = jax.jit(self.logits)

  def logits(
      self, variables: Variables, video: Num[Array, "B 16 S S 3"]
  ) -> Float[Array, "B classes"]:
    """Scores of all classes of windows (B, 16, S, S, 3): (B, classes) float32; not compiled."""
    return self._model.apply(variables, frames.normalize(video))["logits"]

  @staticmethod
  def inputs_of(
      config: ml_collections.ConfigDict, system: System, shapes: Mapping[str, tuple]
  ) -> Inputs | None:
    """As `tasks.retrieval.Retrieval.inputs_of`."""
    told = system.sizes(shapes) if system.sizes else {}
    classes = config.model.num_classes or told.get("model.num_classes")
    return _inputs(config.data.size, classes) if classes else None

  def _num_classes(self):
    used = 1 + max(x.label for members in self._labels.values() for x in members)
    classes = self._config.model.num_classes or self._initial.num_classes or used
    if used > classes:
      raise UserError(
          f"{self._data.labels} has labels up to {used - 1}, and the model has only {classes} "
          "classes: pass labels of the same classes, or --config.init.classifier=fresh"
      )
    return classes

  @functools.cached_property
  def fingerprint(self) -> str:
    """Of the labels; without boxes it is what it was before there were any."""
    rows = {
        split: [x if x.box else x[:-1] for x in members] for split, members in self._labels.items()
    }
    facts = json.dumps(rows, sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()

  @property
  def steps_per_epoch(self) -> int:
    """A training example is a segment; an incomplete batch is dropped."""
    for split in ("train", "validation"):
      if not self._labels[split]:
        raise UserError(f"{self._data.labels} has no labels for {split}: add some")
    steps = len(self._labels["train"]) // self.batch_size
    if not steps:
      raise UserError(
          f"batch_size {self.batch_size} exceeds the {len(self._labels['train'])} training "
          "segments: lower --config.batch_size"
      )
    return steps

  def train_batches(self, start_step: int) -> Iterator[Batch]:
    """Batches of `segment_windows.train_batches` from that step on."""
    data = self._data
    return segment_windows.train_batches(
        self._segments["train"],
        batch_size=self.batch_size,
        seed=self._config.seed,
        augment=segment_windows.Augmentation(
            data.scale, data.jitter, data.flip, data.get("augment_per", "window")
        ),
        start_step=start_step,
        num_workers=data.num_workers,
        reader_timeout=data.get("reader_timeout", watchdog.SECONDS),
        shard_index=jax.process_index(),
        shard_count=jax.process_count(),
    )

  def init(self, key: PRNGKeyArray) -> Variables:
    """Seeded random variables."""
    return self.init_of(self._system, self._model, self.inputs, key)

  @staticmethod
  def init_of(system: System, model: Any, inputs: Inputs, key: PRNGKeyArray) -> Variables:
    """The same of any module of a system."""
    if system.init:
      return system.init(model, inputs, key)
    return model.init(key, frames.normalize(specs.zeros(inputs, 1)["video"]))

  def load(self, variables: Variables) -> Variables:
    """Fresh variables with the weights of `init.i3d` in them.

    Raises:
      UserError: when the file does not fit the model.
    """
    return self._initial.load(variables)

  def loss(
      self, variables: Variables, batch: Batch, key: PRNGKeyArray, step: Int[ArrayLike, ""]
  ) -> Outcome:
    """The system's loss; updates the running statistics of BatchNorm over the global batch."""
    out, updates = self._model.apply(
        variables, frames.normalize(batch["video"]), train=True, rngs={"dropout": key},
        mutable=["batch_stats"],
    )
    loss, terms = (self._system.loss or _cross_entropy)(out, batch["label"], step)
    logged = {f"loss_{name}": term for name, term in terms.items()}
    logged["top1"] = 100 * jnp.mean(out["logits"].argmax(-1) == batch["label"])
    return loss, (logged, updates)

  def name_examples(self, step: int, rows: list[int]) -> list[str]:
    """Names of some rows of the global batch of a step, which counts from 1."""
    chosen = segment_windows.train_examples(
        self._segments["train"], batch_size=self.batch_size, seed=self._config.seed, step=step - 1
    )
    labels = (self._labels["train"][chosen[row]] for row in rows)
    return [f"{label.video} from {label.start:g} s" for label in labels]

  def constrain(self, params: PyTree, step: Int[ArrayLike, ""]) -> PyTree:
    """As the system says, see `protocols.System`."""
    return self._system.constrain(params, step, self._config)

  def facts(self, splits: Sequence[str] = ("validation", "test")) -> dict[str, Any]:
    """The label table, and how many segments each split has."""
    sizes = {f"{split}/segments": len(self._labels[split]) for split in splits}
    return {"data": str(self._data.labels), **sizes}

  def evaluate(self, variables: Variables, split: str, place: Place) -> dict[str, float]:
    """{"top1": percent, ...}; see `metrics.classification`; {} for a split without labels.

    Raises:
      UserError: when scores are not finite, or a video cannot be read.
    """
    if not self._labels[split]:
      return {}
    scores, labels = [], []
    batches = segment_windows.eval_batches(
        self._segments[split], batch_size=self._config.eval_batch_size,
        reader_timeout=self._data.get("reader_timeout", watchdog.SECONDS),
        shard_index=jax.process_index(), shard_count=jax.process_count(),
    )
    found = (
        {"scores": self._logits(variables, batch.pop("video")), **batch}
        for batch in prefetch.to_devices(batches, place)
    )
    fetch = functools.partial(multihost_utils.process_allgather, tiled=True)
    for rows in prefetch.from_devices(found, fetch):
      scores.append(rows["scores"][rows["mask"]])
      labels.append(rows["label"][rows["mask"]])
    scores = np.concatenate(scores)
    bad = np.flatnonzero(~np.isfinite(scores).all(1))
    if len(bad):
      label = self._labels[split][bad[0]]
      raise UserError(
          f"the scores of {len(bad)} of the {len(scores)} segments of the {split} split are not "
          f"finite, the first: {label.video} from {label.start:g} s: "
          + (finite.bad_weights(variables) or "lower --config.optim.lr or look for bad weights")
      )
    return classification.accuracies(scores, np.concatenate(labels))

  def table(self, results: dict[str, float], split: str) -> str:
    """One line of accuracies."""
    count = len(self._labels[split])
    title = f"{self._data.labels}, {split}: {count} segments"
    if not count:
      return title
    numbers = (f"{label} {results[f'{split}/{key}']:.1f}" for key, label in COLUMNS)
    return f"{title}\n{', '.join(numbers)}"


def _cross_entropy(out, labels, step):
  del step
  return optax.softmax_cross_entropy_with_integer_labels(out["logits"], labels).mean(), {}


def _inputs(crop: int, classes: int) -> Inputs:
  return {"video": [[frames.WINDOW, crop, crop, 3], "uint8"], "classes": classes}


def _given(data, key, what, existing):
  if not data[key]:
    raise UserError(f"--config.data.{key} is missing: pass {what}")
  return existing(data[key], f"--config.data.{key}", f"pass {what}")
