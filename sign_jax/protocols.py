"""What the training loop knows of a task."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

Batch = dict[str, Any]  # host arrays (B, ...) of one step
Variables = dict[str, Any]  # {"params": ..., further collections}
Place = Callable[[Batch], Batch]  # host arrays -> device arrays, batches sharded over the mesh


class Task(Protocol):
  """A system to train: pure functions of variables and batches, and where its data come from.

  Attributes:
    batch_size: examples in a global batch.
    steps_per_epoch: full batches in one pass over the training split.
    selection: name of the number, higher is better, that chooses the best checkpoint; one of
      those that `evaluate` returns.
    fingerprint: changes when the data set changes; a run does not resume on other data.
    can_cache_gradients: True where the task has `encode` and `compare`, see
      `train.gradient_cache`; a task without it cannot.
  """

  batch_size: int
  steps_per_epoch: int
  selection: str
  fingerprint: str

  def train_batches(self, start_step: int) -> Iterator[Batch]:
    """Endless batches from `start_step` on, functions of the seed and the step; has `close()`."""

  def resident(self, place: Place) -> Batch:
    """Arrays that stay on the devices for a whole run; `loss` finds them in each batch.

    Called once, before the first step, with a `place` that puts a copy on every device. A task
    without such arrays may leave this method out.
    """
    return {}

  def init(self, key) -> Variables:
    """Fresh variables from a PRNG key."""

  def load(self, variables: Variables) -> Variables:
    """Fresh variables with weights from the files that the configuration names; outside jit."""

  def loss(self, variables: Variables, batch: Batch, key):
    """(scalar loss, (named scalars to log, updated collections beside "params"))."""

  def encode(self, variables: Variables, batch: Batch):
    """Representations (B, ...) of examples, each a function of its own example; draws nothing."""

  def compare(self, variables: Variables, encoded, key):
    """What `loss` returns, from the representations of all its examples."""

  def name_examples(self, step: int, rows: list[int]) -> list[str]:
    """What a user calls some rows of the global batch of a step, which counts from 1.

    A task may leave this method out.
    """

  def advice(self, finding) -> str | None:
    """What is known about a `train.nonfinite.Finding`; None leaves it to general advice.

    A task may leave this method out.
    """

  def constrain(self, params):
    """Parameters after an update, moved back to where they may be."""

  def facts(self) -> dict[str, Any]:
    """What `evaluate` measures, in JSON values: the data set's name, sizes of splits, protocol.

    They stand in results.json beside the numbers. A task may leave this method out.
    """
    return {}

  def evaluate(self, variables: Variables, split: str, place: Place) -> dict[str, float]:
    """Named numbers of a split ("validation" or "test")."""

  def table(self, results: dict[str, float], split: str) -> str:
    """What a user sees of `results`, whose names begin with the split's."""
