"""Recognition of isolated signs: windows of labelled segments, or clips of a data set."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree

from sign_jax.data import segment_windows, sign_batches, specs
from sign_jax.errors import UserError
from sign_jax.metrics import classification
from sign_jax.protocols import (
  Batch,
  Inputs,
  Outcome,
  Place,
  Recognizer,
  Selection,
  System,
  Task,
  Variables,
)
from sign_jax.tasks import (
  finite,
  isolated_scores,
  isolated_signs,
  isolated_windows,
  window_recognizer,
)
from sign_jax.train import compilation
from sign_jax.train.step import total_steps
from sign_jax.weights import initial

_EMBEDDING = "model.embedding"
READERS = {
    "windows": isolated_windows.WindowReader, "features": isolated_windows.FeatureReader,
    "signs": isolated_signs.SignReader,
}


class Recognition(Task):
  """A system that recognises isolated signs, as a `protocols.Task`.

  What it reads is a reader's matter, see `READERS`; what its model makes of it the system's
  `protocols.Recognizer`.
  """

  selection = Selection("top1")
  CHOICES = {
      "init.classifier": initial.CLASSIFIERS, "data.augment_per": segment_windows.PER,
      "data.crops": sign_batches.CROPS,
  }

  def __init__(
      self, config: ml_collections.ConfigDict, system: System,
      source: Mapping[str, Any] | None = None,
  ) -> None:
    """Reads the labels and the names of the weights.

    Args:
      config: the whole configuration, after `run.checks.check`.
      system: `protocols.System`.
      source: {split: what the reader reads} in place of the configuration's own (tests).

    Raises:
      UserError: no or wrong labels, weights that cannot be read, classes that do not fit.
    """
    self._config, self._system = config, system
    self.batch_size = config.batch_size
    self._recognizer = recognizer_of(system)
    self._fields = self._recognizer.fields(config)
    self.reader = READERS[self._recognizer.reads](config, self._fields, source)
    self.unit = self.reader.unit
    self._initial = initial.of_recognizer(config.init, system)
    classes = self._num_classes()
    self._resident = self._recognizer.resident(config, {**self.reader.facts, "classes": classes})
    self.inputs = self._recognizer.inputs(config, classes, self._resident)
    self._model = system.build(config.model, self.inputs)
    self._scores = jax.jit(self.scores, compiler_options=compilation.options(config))

  def scores(
      self, variables: Variables, batch: Batch
  ) -> dict[str, Float[Array, "B classes"]]:
    """Scores of all classes of a batch, see `protocols.Recognizer.scores`; not compiled."""
    inputs = self._recognizer.eval_inputs(self._config, batch)
    return self._recognizer.scores(self._config, self._model.apply(variables, inputs))

  @staticmethod
  def inputs_of(
      config: ml_collections.ConfigDict, system: System, shapes: Mapping[str, tuple]
  ) -> Inputs | None:
    """As `tasks.retrieval.Retrieval.inputs_of`."""
    told = system.sizes(shapes) if system.sizes else {}
    classes = config.model.num_classes or told.get("model.num_classes")
    if told.get(_EMBEDDING) and not config.model.embedding:  # of a run, whose data told it
      config = config.copy_and_resolve_references()
      config.model.embedding = told[_EMBEDDING]
    return recognizer_of(system).inputs(config, classes, {}) if classes else None

  def _num_classes(self):
    used = self.reader.classes
    classes = self._config.model.num_classes or self._initial.num_classes or used
    if used > classes:
      raise UserError(
          f"{self.reader.source} has labels up to {used - 1}, and the model has only {classes} "
          "classes: pass labels of the same classes, or --config.init.classifier=fresh"
      )
    return classes

  @property
  def measured_splits(self) -> tuple[str, ...]:
    """Those of "validation" and "test" that the reader has."""
    return self.reader.measured_splits

  @property
  def class_names(self) -> list[str] | None:
    """The classes' names, which a run notes; None where the data have none."""
    return self.reader.names

  @property
  def fingerprint(self) -> str:
    """Of what the reader reads."""
    return self.reader.fingerprint

  @property
  def steps_per_epoch(self) -> int:
    """A training example is a segment or a clip; an incomplete batch is dropped."""
    self.reader.check()
    count = self.reader.size("train")
    if not count // self.batch_size:
      raise UserError(
          f"batch_size {self.batch_size} exceeds the {count} training {self.unit}: lower "
          "--config.batch_size"
      )
    return count // self.batch_size

  def train_batches(self, start_step: int) -> Iterator[Batch]:
    """The reader's batches from that step on."""
    return self.reader.train_batches(start_step)

  def resident(self, place: Place) -> Batch:
    """The arrays of `protocols.Recognizer.resident` on the devices."""
    return place(dict(self._resident)) if self._resident else {}

  def init(self, key: PRNGKeyArray) -> Variables:
    """Seeded random variables."""
    return self.init_of(self._system, self._model, self.inputs, key)

  @staticmethod
  def init_of(system: System, model: Any, inputs: Inputs, key: PRNGKeyArray) -> Variables:
    """The same of any module of a system."""
    if system.init:
      return system.init(model, inputs, key)
    zeros = specs.zeros(inputs, 1)
    return model.init(key, recognizer_of(system).eval_inputs(ml_collections.ConfigDict(), zeros))

  def load(self, variables: Variables) -> Variables:
    """Fresh variables with the weights of the section `init` in them.

    Raises:
      UserError: when a file does not fit the model.
    """
    return self._initial.load(variables)

  def loss(
      self, variables: Variables, batch: Batch, key: PRNGKeyArray, step: Int[ArrayLike, ""]
  ) -> Outcome:
    """The system's loss; updates the running statistics of BatchNorm over the global batch."""
    recognizer, config = self._recognizer, self._config
    resident = {name: batch[name] for name in self._resident}
    inputs, targets = recognizer.train_inputs(config, batch, jax.random.fold_in(key, 1))
    out, updates = self._model.apply(
        variables, inputs, train=True, rngs={"dropout": key}, mutable=["batch_stats"], **resident
    )
    if self._system.loss:
      loss, terms = self._system.loss(out, batch["label"], step)
    else:
      loss, terms = recognizer.loss(config, out, targets, resident, self._progress(step))
    logged = {f"loss_{name}": term for name, term in terms.items()}
    best = recognizer.scores(config, out)[""].argmax(-1)
    logged["top1"] = 100 * jnp.mean(best == batch["label"])
    return loss, (logged, updates)

  def _progress(self, updates) -> Float[Array, ""]:
    """The whole epochs in so many updates, as a share of the run's."""
    per_epoch, total = self._length
    return jnp.float32(updates // per_epoch * per_epoch) / total

  @functools.cached_property
  def _length(self):
    return self.steps_per_epoch, total_steps(self, self._config)

  def name_examples(self, step: int, rows: list[int]) -> list[str]:
    """Names of some rows of the global batch of a step, which counts from 1."""
    chosen = self.reader.train_examples(step - 1)
    return [self.reader.name("train", chosen[row]) for row in rows]

  def constrain(self, params: PyTree, step: Int[ArrayLike, ""]) -> PyTree:
    """As the system and its recognizer say, see `protocols`."""
    params = self._system.constrain(params, step, self._config)
    return self._recognizer.constrain(params, self._progress(step), self._config)

  def facts(self, splits: Sequence[str] = ("validation", "test")) -> dict[str, Any]:
    """What the reader says of the data."""
    return self.reader.told(splits)

  def evaluate(self, variables: Variables, split: str, place: Place) -> dict[str, float]:
    """{"top1": percent, ...}; see `metrics.classification`; {} for an empty split.

    Raises:
      UserError: when scores are not finite, or a clip cannot be read.
    """
    if not self.reader.size(split):
      return {}
    run = functools.partial(self._scores, variables)
    batches = self.reader.eval_batches(split)
    scores, labels = isolated_scores.collect(run, batches, self._fields, place)
    scores, labels = isolated_scores.averaged(scores, labels, self.reader.crops)
    self._check_finite(scores, split, variables)
    numbers = {
        (f"{name}/" if name else "") + key: value
        for name, found in scores.items()
        for key, value in classification.accuracies(found, labels).items()
    }
    return numbers | self.reader.further(split, scores[""], labels)

  def _check_finite(self, scores, split, variables):
    bad = isolated_scores.not_finite(scores)
    if len(bad):
      raise UserError(
          f"the scores of {len(bad)} of the {self.reader.size(split)} {self.unit} of the {split} "
          f"split are not finite, the first: {self.reader.name(split, bad[0])}: "
          + (finite.bad_weights(variables) or "lower --config.optim.lr or look for bad weights")
      )

  def table(self, results: dict[str, float], split: str) -> str:
    """The accuracies as a text."""
    return self.reader.table(results, split)


def recognizer_of(system: System) -> Recognizer:
  """That of a system's card, or the one of windows."""
  return system.recognizer or window_recognizer.WindowRecognizer()
