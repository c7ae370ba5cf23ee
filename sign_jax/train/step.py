"""A training step as a pure function, and a task on a mesh that takes it."""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike
from jaxtyping import PRNGKeyArray, PyTree, UInt32
from ml_collections import ConfigDict

from sign_jax.protocols import NO_KINDS, Batch, Outcome, Task, Variables
from sign_jax.train import accumulation, compilation, gradient_cache, optim, schedules, sharding
from sign_jax.train.state import TrainState

Metrics = dict[str, PyTree]  # of a step: scalars, beside what a golden case compares


def total_steps(task: Task, config: ConfigDict) -> int:
  """Updates of the whole run: `config.steps` where set, else whole epochs."""
  per_epoch = task.steps_per_epoch  # raises early when the data do not fill a batch
  return config.steps or config.epochs * per_epoch


class Rule(NamedTuple):
  """How parameters change.

  Attributes:
    optimizer: gradients -> what is added to the parameters.
    schedule: step (from 0) -> the rate that is logged.
    settle: parameters, fresh or after an update -> those that they are to be.
    norm: gradients -> their L2 norm, all together.
  """

  optimizer: optax.GradientTransformation
  schedule: optax.Schedule
  settle: Callable[[PyTree], PyTree]
  norm: Callable[[PyTree], jax.Array]


def rule_of(task: Task, config: ConfigDict, steps: int | None = None) -> Rule:
  """The `Rule` of a configuration's `optim` section for a task.

  `steps`: updates of the whole run, by default `total_steps`.
  """
  kinds = getattr(task, "parameter_kinds", NO_KINDS)
  # Asked for where it matters alone: it opens the data that are trained on.
  by_epochs = schedules.schedule_of(config.optim) in schedules.BY_EPOCHS
  epoch = task.steps_per_epoch if by_epochs else 0
  optimizer, schedule = optim.from_config(
      config.optim, steps or total_steps(task, config), kinds, epoch
  )
  settle, norm = optim.settling(config.optim, kinds), optim.norm_of(config.optim)
  return Rule(optimizer, schedule, settle, norm)


def create_state(
    task: Task, optimizer: optax.GradientTransformation, seed: int | UInt32[ArrayLike, ""]
) -> TrainState:
  """A fresh TrainState; a pure function."""
  return begin(task.init(jax.random.key(seed)), optimizer)


def begin(
    variables: Variables, optimizer: optax.GradientTransformation,
    settle: Callable[[PyTree], PyTree] = optim.keep,
) -> TrainState:
  """The TrainState that training of these variables begins with; a pure function, to be jitted.

  `settle`: see `Rule`.
  """
  state = dict(variables)
  params = settle(state.pop("params"))
  return TrainState(jnp.zeros([], jnp.int32), params, state, optimizer.init(params))


def _gradients(
    task: Task, state: TrainState, batch: Batch, resident: Batch, key: PRNGKeyArray
) -> tuple[Outcome, PyTree]:
  """((loss, (metrics, new model_state)), gradients) of one batch."""

  def loss(params):
    variables = {"params": params, **state.model_state}
    return task.loss(variables, {**resident, **batch}, key, state.step)

  return jax.value_and_grad(loss, has_aux=True)(state.params)


class Pieces(NamedTuple):
  """What a batch is cut into, to save memory.

  Attributes:
    chunks: above 0, gradients are cached, see `gradient_cache`.
    parts: above 1, gradients of parts are summed, see `accumulation`.
  """

  chunks: int = 0
  parts: int = 1


WHOLE = Pieces()


def train_step(
    task: Task,
    rule: Rule,
    seed: int | UInt32[ArrayLike, ""],
    pieces: Pieces,
    state: TrainState,
    batch: Batch,
    resident: Batch,
) -> tuple[TrainState, Metrics]:
  """One update; a pure function of state, batch and what stays on the devices.

  Randomness depends on the seed and the step alone, so a resumed run draws what it would have.
  """
  key = jax.random.fold_in(jax.random.key(seed), state.step)
  if pieces.chunks:
    result = gradient_cache.gradients(task, state, batch, resident, key, pieces.chunks)
  elif pieces.parts > 1:
    one = lambda state, part, key: _gradients(task, state, part, resident, key)
    result = accumulation.gradients(one, state, batch, key, pieces.parts)
  else:
    result = _gradients(task, state, batch, resident, key)
  (value, (metrics, model_state)), grads = result
  updates, opt_state = rule.optimizer.update(grads, state.opt_state, state.params)
  params = rule.settle(jax.tree.map(lambda p, u: p + u, state.params, updates))
  metrics = {
      "loss": value,
      "learning_rate": jnp.float32(rule.schedule(state.step)),
      "gradient_norm": rule.norm(grads),
      **metrics,
  }
  state = TrainState(state.step + 1, task.constrain(params, state.step), model_state, opt_state)
  return state, metrics


class Evaluator:
  """A task on a mesh, to be evaluated."""

  def __init__(
      self, task: Task, config: ConfigDict, devices: Sequence[jax.Device] | None = None
  ) -> None:
    self.task, self.config = task, config
    self.mesh = sharding.make_mesh(config.mesh.fsdp, config.mesh.tensor, devices)
    sharding.check_batch(config.eval_batch_size, self.mesh, "eval_batch_size")
    self.place = functools.partial(sharding.place_batch, self.mesh)
    # An argument of the programs and no constant: other seeds find them compiled in the cache.
    self._seed = np.uint32(config.seed)

    # One function for shapes and numbers, and the mesh below for both, so that it is traced once.
    def fresh(seed):
      return task.init(jax.random.key(seed))

    self._fresh = jax.jit(fresh)

  @property
  def splits(self) -> tuple[str, ...]:
    """The splits that there are to evaluate."""
    return getattr(self.task, "measured_splits", ("validation", "test"))

  def loaded(self) -> Variables:
    """Variables on the mesh: those of the files that the task loads, and fresh where they end.

    Drawing takes longer to compile than the rest of an evaluation, so nothing is drawn but what no
    file holds.
    """
    with jax.set_mesh(self.mesh):
      shapes = jax.eval_shape(self._fresh, self._seed)
      shardings = sharding.tree_shardings(shapes, self.mesh)
      loaded = self.task.load(shapes)  # outside jit: files are no constants of a program
      leaves, tree = jax.tree.flatten(loaded)
      missing = [n for n, x in enumerate(leaves) if isinstance(x, jax.ShapeDtypeStruct)]
      if missing:
        places = jax.tree.leaves(shardings)

        def draw(seed):
          fresh = jax.tree.leaves(self._fresh(seed))
          return [fresh[n] for n in missing]

        drawn = jax.jit(draw, out_shardings=[places[n] for n in missing])(self._seed)
        for n, x in zip(missing, drawn, strict=True):
          leaves[n] = x
      return jax.device_put(tree.unflatten(leaves), shardings)

  def evaluate(self, variables: Variables, split: str) -> dict[str, float]:
    """{"split/name": number} of a split."""
    with jax.set_mesh(self.mesh):
      numbers = self.task.evaluate(variables, split, self.place)
    return {f"{split}/{name}": value for name, value in numbers.items()}


class Trainer(Evaluator):
  """A task on a mesh: jitted step, where the state lives, evaluation."""

  def __init__(
      self, task: Task, config: ConfigDict, devices: Sequence[jax.Device] | None = None,
      steps: int | None = None,
  ) -> None:
    """`steps`: updates of the whole run, by default `total_steps`, which opens what is trained on.
    """
    super().__init__(task, config, devices)
    sharding.check_batch(task.batch_size, self.mesh)
    self._rule = rule_of(task, config, steps)
    with jax.set_mesh(self.mesh):
      shapes = jax.eval_shape(self._fresh_state, self._seed)
    shardings = sharding.tree_shardings(shapes, self.mesh)
    self.target = jax.tree.map(
        lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), shapes, shardings
    )
    self._shardings = shardings
    sharing = self.mesh.shape["data"] * self.mesh.shape["fsdp"]
    parts = accumulation.parts_of(config, task.batch_size, sharing)
    pieces = Pieces(gradient_cache.check(task, config, self.mesh), parts)

    def step(seed, state, batch, resident):
      return train_step(task, self._rule, seed, pieces, state, batch, resident)

    self._jit = functools.partial(jax.jit, compiler_options=compilation.options(config))
    self._step = self._jit(step, donate_argnums=1, out_shardings=(shardings, None))

  def _fresh_state(self, seed):
    return begin(self._fresh(seed), self._rule.optimizer)

  def create(self) -> TrainState:
    """A fresh state, placed on the mesh, with the weights of the files that the task loads."""
    rule = self._rule
    begun = functools.partial(begin, optimizer=rule.optimizer, settle=rule.settle)
    with jax.set_mesh(self.mesh):
      return self._jit(begun, out_shardings=self._shardings)(self.loaded())

  @functools.cached_property
  def resident(self) -> Batch:
    """What the task keeps on the devices; not loaded where nothing is trained."""
    load = getattr(self.task, "resident", lambda place: {})
    return load(functools.partial(sharding.replicate, self.mesh))

  def step(self, state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
    """(state, metrics) after one update on a batch, placed or not; `state` is given up."""
    with jax.set_mesh(self.mesh):
      return self._step(self._seed, state, self.place(batch), self.resident)

  def trace_step(self, batch: Batch) -> jax.stages.Traced:
    """The program of a step (`jax.stages.Traced`) on a global batch of such shapes and dtypes."""
    shapes = sharding.batch_shapes(self.mesh, batch)
    with jax.set_mesh(self.mesh):
      return self._step.trace(self._seed, self.target, shapes, self.resident)
