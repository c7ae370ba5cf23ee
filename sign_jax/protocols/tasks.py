"""What the training loop asks of a task, and a task of what trains it."""

from collections.abc import Iterator
from typing import Any, Protocol

from jax.typing import ArrayLike
from jaxtyping import Array, Int, PRNGKeyArray, PyTree
from ml_collections import ConfigDict

from sign_jax.protocols.kinds import Batch, Inputs, Outcome, Place, Selection, Variables


class Task(Protocol):
  """A system to train: pure functions of variables and batches, and where its data come from.

  Attributes:
    batch_size: examples in a global batch.
    steps_per_epoch: full batches in one pass over the training split.
    selection: the number that chooses the best checkpoint; one of those that `evaluate` returns.
    unit: what a batch counts, in the plural; the speed is told in these.
    inputs: what the model is built for; a run notes it, so that the model can be built without the
      data set.
    fingerprint: changes when the data set changes; a run does not resume on other data.
    measured_splits: those of "validation" and "test" that can be evaluated; both where a task does
      not say.
    can_cache_gradients: True where the task has `encode` and `compare`, see
      `train.gradient_cache`; a task without it cannot.
    parameter_kinds: `ParameterKinds`; a task may leave it out, and no optimiser then does what
      depends on them.
    training_warning: a sentence about settings with which training may fail, or None; a task may
      leave it out.
  """

  batch_size: int
  steps_per_epoch: int
  selection: Selection
  unit: str
  inputs: Inputs
  fingerprint: str

  def train_batches(self, start_step: int) -> Iterator[Batch]:
    """Endless batches from `start_step` on, functions of the seed and the step; has `close()`."""

  def resident(self, place: Place) -> Batch:
    """Arrays that stay on the devices for a whole run; `loss` finds them in each batch.

    Called once, before the first step, with a `place` that puts a copy on every device. A task
    without such arrays may leave this method out.
    """
    return {}

  def init(self, key: PRNGKeyArray) -> Variables:
    """Fresh variables from a PRNG key."""

  def load(self, variables: Variables) -> Variables:
    """Fresh variables with weights from the files that the configuration names; outside jit.

    They may be shapes alone (`jax.ShapeDtypeStruct`): then what no file holds is to stay one, and
    is drawn afterwards.
    """

  def loss(
    self, variables: Variables, batch: Batch, key: PRNGKeyArray, step: Int[ArrayLike, ""]
  ) -> Outcome:
    """(scalar loss, (named scalars to log, updated collections beside "params")).

    `step` is () int32, the number of updates before this one.
    """

  def encode(self, variables: Variables, batch: Batch) -> PyTree[Array]:
    """Representations (B, ...) of examples, each a function of its own example; draws nothing."""

  def compare(
    self, variables: Variables, encoded: PyTree[Array], key: PRNGKeyArray, step: Int[ArrayLike, ""]
  ) -> Outcome:
    """What `loss` returns, from the representations of all its examples."""

  def name_examples(self, step: int, rows: list[int]) -> list[str]:
    """What a user calls some rows of the global batch of a step, which counts from 1.

    A task may leave this method out.
    """

  def advice(self, finding: Any) -> str | None:
    """What is known about a `train.nonfinite.Finding`; None leaves it to general advice.

    A task may leave this method out.
    """

  def constrain(self, params: PyTree, step: Int[ArrayLike, ""]) -> PyTree:
    """Parameters after the update number `step`, counted from 0, moved to where they may be."""

  def facts(self, splits: tuple[str, ...] = ("validation", "test")) -> dict[str, Any]:
    """What `evaluate` measures on these splits, in JSON values: the data set, sizes, protocol.

    They stand in results.json beside the numbers. A task may leave this method out.
    """
    return {}

  def evaluate(self, variables: Variables, split: str, place: Place) -> dict[str, float]:
    """Named numbers of a split ("validation" or "test")."""

  def table(self, results: dict[str, float], split: str) -> str:
    """What a user sees of `results`, whose names begin with the split's."""

  def texts(self, split: str) -> dict[str, str]:
    """{name of a file: its content} that go beside the results of the split evaluated last.

    A task may leave this method out.
    """
    return {}


class Trainer(Protocol):
  """What looks into a step knows of the trainer that took it; `train.step.Trainer` is one.

  Attributes:
    task, config: what is trained, and the whole configuration.
    mesh: jax.sharding.Mesh.
    target: a training state of jax.ShapeDtypeStructs with shardings.
    resident: what the task keeps on the devices.
  """

  task: Task
  config: ConfigDict
  mesh: Any
  target: PyTree
  resident: Batch

  def create(self) -> PyTree:
    """A fresh training state."""

  def step(self, state: PyTree, batch: Batch) -> tuple[PyTree, dict[str, Array]]:
    """(state, metrics) after one update."""
