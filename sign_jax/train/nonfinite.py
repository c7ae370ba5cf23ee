"""Where a loss that is not finite comes from: the examples, the first tensor, a dump.

A run notices some steps late, when the state is ruined. Steps are functions of the seed, the step
and the state alone, so the steps since the last checkpoint are done again, and the bad one is
looked into tensor by tensor.
"""

import contextlib
import json
import pathlib
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.core import tracers
from jax.typing import ArrayLike
from ml_collections import ConfigDict

from sign_jax.errors import UserError
from sign_jax.files import replacing
from sign_jax.protocols import Batch, Task, Trainer
from sign_jax.train import distributed
from sign_jax.train.checkpoint import Checkpoints
from sign_jax.train.state import TrainState

_NAMED = 5  # examples in a sentence
FORMAT, _FILE = 1, "nonfinite_step_{}.npz"  # of a dump


class NotFinite(UserError):
  """A step whose loss or gradient is not finite; its parameters are ruined."""

  def __init__(self, name: str, value: ArrayLike, step: int) -> None:
    super().__init__(f"the {name} is {value} at step {step}")
    self.step = step


class Finding(NamedTuple):
  """The first thing of a step, in the order of computation, that is not finite."""

  kind: str  # "input", "weight", "tensor", "loss", "gradient" or "nothing"
  name: str  # of the array, the parameter or the module's output
  rows: list[int]  # of the batch, where it can be told
  values: tuple[int, ...] = ()  # (number of NaN, of infinities, of all)

  def __str__(self) -> str:
    if self.kind == "nothing":
      return "computed again, everything is finite"
    nan, infinite, size = self.values
    return f"the first {self.kind} that is not finite is {self.name} ({nan} NaN, {infinite} " + (
        f"infinite of {size})"
    )


def explained(
    error: NotFinite, trainer: Trainer, checkpoints: Checkpoints, workdir: pathlib.Path
) -> UserError:
  """The `UserError` that a `NotFinite` becomes once its step is done again.

  Args:
    error: the `NotFinite`.
    trainer: `step.Trainer`.
    checkpoints: `checkpoint.Checkpoints` of the run.
    workdir: pathlib.Path that receives the dump.
  """
  kept = "the last checkpoint before it is kept"
  if jax.process_count() > 1:  # the others may have failed in other ways
    return UserError(
        f"{error}: lower --config.optim.lr or look for bad values in the data and the weights; "
        f"{kept}, and one process alone says where it begins"
    )
  traceback.clear_frames(error.__traceback__)  # they hold the ruined state
  try:
    return UserError(f"{error}: {_look(error, trainer, checkpoints, workdir)}; {kept}")
  except Exception as reason:  # whatever it is, the error itself is to be told
    return UserError(
        f"{error}: lower --config.optim.lr or look for bad values in the data and the weights "
        f"(where it begins was not found: {reason}); {kept}"
    )


def _look(
    error: NotFinite, trainer: Trainer, checkpoints: Checkpoints, workdir: pathlib.Path
) -> str:
  state, batch = _before(error.step, trainer, checkpoints)
  with jax.set_mesh(trainer.mesh):
    finding = examine(trainer.task, state, batch, trainer.config.seed, trainer.resident)
  text, path = sentence(trainer.task, finding, error.step), workdir / _FILE.format(error.step)
  try:
    write(path, state, batch, trainer.config)
  except OSError as reason:  # a full disk costs the dump and not what was found
    return f"{text}; {path} cannot be written ({reason.strerror})"
  return f"{text}; `python -m sign_jax.diagnose {path}` computes that step again"


def sentence(task: Task, finding: Finding, step: int) -> str:
  """What a finding means, with the examples' names and what to do about it."""
  named = ""
  if finding.rows:
    rows = finding.rows[:_NAMED]
    names = getattr(task, "name_examples", lambda step, rows: None)
    listed = names(step, rows) or [f"row {row}" for row in rows]
    more = len(finding.rows) - len(listed)
    named = f", of {', '.join(listed)}" + (f" and {more} more" if more else "")
  advise = getattr(task, "advice", _advice)
  return f"{finding}{named}: {advise(finding) or _advice(finding)}"


def _advice(finding: Finding) -> str:
  if finding.kind == "input":
    return "mend these data"
  if finding.kind == "weight":
    return "the weights that training began with are bad, or an update before ruined them"
  return "lower --config.optim.lr"


def _before(step: int, trainer: Trainer, checkpoints: Checkpoints) -> tuple[TrainState, Batch]:
  """(state, host batch) that a step began with."""
  restored = checkpoints.restore_last(trainer.target)
  state = restored[0] if restored else trainer.create()
  first = int(state.step)
  if first < step - 1:
    distributed.say(f"doing steps {first + 1} to {step} again to see where it begins")
  with contextlib.closing(trainer.task.train_batches(first)) as batches:
    for _ in range(first, step - 1):
      state, _ = trainer.step(state, next(batches))
    return state, next(batches)


def examine(
    task: Task, state: TrainState, batch: Batch, seed: int, resident: Batch | None = None
) -> Finding:
  """A `Finding` about one step.

  Args:
    task: see `protocols.Task`.
    state: `TrainState` before the step.
    batch: its host batch.
    seed: of the run.
    resident: what the task keeps on the devices; None asks it.
  """
  rows = task.batch_size
  for kind, tree in (("input", batch), ("weight", state.params), ("weight", state.model_state)):
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
      if found := _finding(kind, _name(path), leaf, rows if kind == "input" else None):
        return found
  if resident is None:
    resident = getattr(task, "resident", lambda place: {})(lambda tree: tree)
  key = jax.random.fold_in(jax.random.key(seed), state.step)
  watch = _Watch(rows)

  def loss(params, model_state, batch):  # arguments, and so no constants of a program
    return task.loss({"params": params, **model_state}, batch, key, state.step)[0]

  given = state.params, state.model_state, {**resident, **batch}
  value, seen = jax.jit(watch.during(loss))(*given)
  if found := watch.first(seen):
    return found
  if found := _finding("loss", "the loss itself", value, None):
    return found
  gradients = jax.jit(jax.grad(loss))(*given)
  for path, leaf in jax.tree_util.tree_leaves_with_path(gradients):
    if found := _finding("gradient", _name(path), leaf, None):
      return found
  return Finding("nothing", "", [])


class _Watch:
  """Looks at what the modules' methods return, the inner ones first, in a compiled program."""

  def __init__(self, rows: int) -> None:
    self._rows, self._names, self._seen, self._trace = rows, [], [], None

  def during(self, function: Callable) -> Callable:
    """A function that returns (what `function` does, what `first` needs); to be jitted."""

    def watched(*args):
      self._names, self._seen = [], []
      self._trace = tracers.current_trace()
      with nn.intercept_methods(self):
        value = function(*args)
      return value, self._seen

    return watched

  def __call__(
      self,
      method: Callable,
      args: tuple,
      kwargs: dict[str, Any],
      context: nn.module.InterceptorContext,
  ) -> Any:
    out = method(*args, **kwargs)
    # What is traced inside, as in the body of a loop, has no single value; a module without a scope
    # has no name, and computes the loss.
    is_ours = context.module.scope is not None and tracers.current_trace() == self._trace
    if is_ours and context.method_name not in ("setup", "__init__"):
      for path, leaf in jax.tree_util.tree_leaves_with_path(out):
        if isinstance(leaf, jax.Array | np.ndarray) and _is_real(leaf):
          where = ".".join((*context.module.path, context.method_name)).removesuffix(".__call__")
          self._names.append((f"{where}: {_name(path)}" if path else where, leaf.size))
          self._seen.append(_Counts.of(jnp, leaf, self._rows))
    return out

  def first(self, seen: list["_Counts"]) -> Finding | None:
    """The `Finding` about the first tensor, given what the function of `during` returned."""
    for (name, size), counts in zip(self._names, seen, strict=True):
      # Masks are minus infinity.
      if counts.nan or counts.positive:
        return counts.finding("tensor", name, size)
    return None


class _Counts(NamedTuple):
  """What is not finite of an array."""

  nan: ArrayLike
  infinite: ArrayLike
  positive: ArrayLike  # of the infinite ones
  rows: ArrayLike  # whether each row has any; empty where the rows are no examples

  @classmethod
  def of(cls, library: ModuleType, array: ArrayLike, rows: int | None) -> "_Counts":
    """`library`: NumPy or JAX's."""
    bad, nan = ~library.isfinite(array), library.isnan(array)
    of_examples = rows and array.shape[:1] == (rows,)
    which = bad.reshape(rows, -1).any(1) if of_examples else library.zeros(0, bool)
    positive = (array == library.inf).sum()
    return cls(nan.sum(), (bad & ~nan).sum(), positive, which)

  def finding(self, kind: str, name: str, size: int) -> Finding:
    rows = np.flatnonzero(self.rows).tolist()
    return Finding(kind, name, rows, (int(self.nan), int(self.infinite), size))


def _is_real(array: ArrayLike) -> bool:
  return jnp.issubdtype(jnp.asarray(array).dtype, jnp.floating)


def _finding(kind: str, name: str, array: ArrayLike, rows: int | None) -> Finding | None:
  """A `Finding` where some number of an array is not finite, else None.

  `rows`: the examples of a batch; an array of so many rows says which are bad.
  """
  if not _is_real(array):
    return None
  array = np.atleast_1d(np.asarray(array).astype(np.float32))  # bfloat16 is none of NumPy's
  counts = _Counts.of(np, array, rows)
  return counts.finding(kind, name, array.size) if counts.nan or counts.infinite else None


def _name(path: tuple) -> str:
  return jax.tree_util.keystr(path, simple=True, separator="/")


def write(path: pathlib.Path, state: TrainState, batch: Batch, config: ConfigDict) -> None:
  """Writes what a step needs to be computed again, for `sign_jax.diagnose`.

  Args:
    path: pathlib.Path of the .npz file.
    state: `TrainState` before the step; the optimiser's is left out.
    batch: its host batch.
    config: the whole configuration.
  """
  arrays = {"facts": np.array(json.dumps({
      "format": FORMAT, "step": int(state.step), "config": json.loads(config.to_json())
  }))}
  parts = {"params": state.params, "model_state": state.model_state, "batch": batch}
  for part, tree in parts.items():
    for place, leaf in jax.tree_util.tree_leaves_with_path(tree):
      array = np.asarray(leaf)
      # NumPy's files know no bfloat16.
      known = array.astype(np.float32) if array.dtype.kind == "V" else array
      arrays[f"{part}/{_name(place)}"] = known
  with replacing(path) as partial, partial.open("wb") as file:
    np.savez(file, **arrays)
