"""Training steps of a golden case: those of `train.step`, with more of them in sight.

The loss, the switches, the optimiser and its schedule are the task's and its configuration's own.
"""

import contextlib
import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float32
from ml_collections import ConfigDict

from sign_jax.protocols import Batch, Task, Variables
from sign_jax.train.state import TrainState
from sign_jax.train.step import WHOLE, begin, rule_of, train_step

NOISE = "noise"  # key of a batch: what the model would draw


class Step(NamedTuple):
  """What one training step computed.

  Attributes:
    loss: () float32.
    terms: {name: number} that the task logs.
    outputs: what the model returned.
    gradients: nested dict as the parameters, before they are clipped.
    model_state: the collections beside the parameters, after the step.
    gradient_norm: () float32, of the gradients; of a step that is taken alone.
  """

  loss: Float32[Array, ""]
  terms: dict[str, Any]
  outputs: Any
  gradients: Any
  model_state: Variables
  gradient_norm: Float32[Array, ""] | None = None


@contextlib.contextmanager
def observed(*methods: str, **arguments: Any) -> Iterator[dict[str, Any]]:
  """Notes what methods of a model return while it runs.

  Args:
    methods: their names, with "MODULE/" in front where they are not the outermost module's.
    arguments: given to the first of them, in place of its own.

  Yields:
    {name: what the method's last call returned}.
  """
  seen = {}

  def watch(call, args, kwargs, context):
    bound = context.module.scope is not None  # a loss is called on the module as it is
    name = "/".join((*context.module.path, context.method_name)) if bound else None
    if name not in methods:
      return call(*args, **kwargs)
    seen[name] = call(*args, **(kwargs | (arguments if name == methods[0] else {})))
    return seen[name]

  with nn.intercept_methods(watch):
    yield seen


class Case:
  """A task that begins with the weights of its file and shows what its model returns."""

  def __init__(self, task: Task) -> None:
    self._task = task

  def __getattr__(self, name):
    return getattr(self._task, name)

  def init(self, key: Any) -> Variables:
    """The file's variables; nothing is drawn."""
    return self._task.load(jax.eval_shape(self._task.init, key))

  def loss(self, variables: Variables, batch: Batch, key: Any, step: Any) -> tuple:
    """The task's own; a batch may hold the model's noise."""
    given = {NOISE: batch[NOISE]} if NOISE in batch else {}
    batch = {name: value for name, value in batch.items() if name != NOISE}
    with observed("__call__", **given) as seen:
      loss, (terms, model_state) = self._task.loss(variables, batch, key, step)
    return loss, ({"terms": terms, "outputs": seen["__call__"]}, model_state)


class _Kept(NamedTuple):
  """State of an optimiser, and the gradients that it saw last."""

  gradients: Any
  state: Any


def _keeping_gradients(optimizer):
  def init(params):
    return _Kept(jax.tree.map(jnp.zeros_like, params), optimizer.init(params))

  def update(gradients, kept, params):
    updates, state = optimizer.update(gradients, kept.state, params)
    return updates, _Kept(gradients, state)

  return optax.GradientTransformation(init, update)


class Steps:
  """`train.step.train_step` of a task, compiled once for all steps of a case."""

  def __init__(self, task: Task, config: ConfigDict) -> None:
    rule = rule_of(task, config)
    self._case, self._seed = Case(task), config.seed
    self._rule = rule._replace(optimizer=_keeping_gradients(rule.optimizer))
    step = functools.partial(train_step, self._case, self._rule, config.seed, WHOLE, resident={})
    self._take = jax.jit(lambda state, batch: _sorted(*step(state, batch), with_norm=True))
    # What nobody asks for, such as the optimiser's work, is not compiled.
    self._look = jax.jit(lambda state, batch: _sorted(*step(state, batch))[1])

  def first(self) -> TrainState:
    """The `train.state.TrainState` with the weights of the task's file."""
    variables = self._case.init(jax.random.key(self._seed))
    rule = self._rule
    begun = functools.partial(begin, optimizer=rule.optimizer, settle=rule.settle)
    return jax.jit(begun)(variables)  # one program, in place of one for each shape

  def take(self, state: TrainState, batch: Batch) -> tuple[TrainState, Step]:
    """(state after the step, `Step`)."""
    return self._take(state, batch)

  def look(self, state: TrainState, batch: Batch) -> Step:
    """The `Step` alone: for cases of one step, faster to compile."""
    return self._look(state, batch)


def _sorted(state, metrics, with_norm=False):
  return state, Step(
      metrics["loss"], metrics["terms"], metrics["outputs"], state.opt_state.gradients,
      state.model_state, metrics["gradient_norm"] if with_norm else None,
  )
