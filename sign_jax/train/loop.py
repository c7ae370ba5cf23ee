"""The training loop, the same for every task."""

import contextlib
import functools
import signal
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from sign_jax.errors import UserError
from sign_jax.train import checkpoint, optim, report, sharding
from sign_jax.train.state import TrainState


def total_steps(task, config):
  """Updates of the whole run: `config.steps` where set, else whole epochs."""
  per_epoch = task.steps_per_epoch  # raises early when the data do not fill a batch
  return config.steps or config.epochs * per_epoch


def create_state(task, optimizer, seed):
  """A fresh TrainState; a pure function, to be jitted with shardings."""
  variables = dict(task.init(jax.random.key(seed)))
  params = variables.pop("params")
  return TrainState(jnp.zeros([], jnp.int32), params, variables, optimizer.init(params))


def train_step(task, optimizer, schedule, seed, state, batch):
  """One update; a pure function of state and batch.

  Randomness depends on the seed and the step alone, so a resumed run draws what it would have.
  """
  key = jax.random.fold_in(jax.random.key(seed), state.step)

  def loss(params):
    return task.loss({"params": params, **state.model_state}, batch, key)

  (value, (metrics, model_state)), grads = jax.value_and_grad(loss, has_aux=True)(state.params)
  updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
  params = jax.tree.map(lambda p, u: p + u, state.params, updates)
  metrics = {
      "loss": value,
      "learning_rate": jnp.float32(schedule(state.step)),
      "gradient_norm": optim.global_norm(grads),
      **metrics,
  }
  state = TrainState(state.step + 1, task.constrain(params), model_state, opt_state)
  return state, metrics


class Trainer:
  """A task on a mesh: jitted step, where the state lives, evaluation."""

  def __init__(self, task, config):
    self.task, self.config = task, config
    self.mesh = sharding.make_mesh(config.mesh.fsdp, config.mesh.tensor)
    sharding.check_batch(task.batch_size, self.mesh)
    sharding.check_batch(config.eval_batch_size, self.mesh, "eval_batch_size")
    optimizer, schedule = optim.from_config(config.optim, total_steps(task, config))
    self._create = functools.partial(create_state, task, optimizer, config.seed)
    shapes = jax.eval_shape(self._create)
    shardings = sharding.tree_shardings(shapes, self.mesh)
    self.target = jax.tree.map(
        lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), shapes, shardings
    )
    self._shardings = shardings
    step = functools.partial(train_step, task, optimizer, schedule, config.seed)
    self._step = jax.jit(step, donate_argnums=0, out_shardings=(shardings, None))
    self.place = functools.partial(sharding.place_batch, self.mesh)

  def create(self):
    """A fresh state, placed on the mesh, with the weights of the files that the task loads."""
    with jax.set_mesh(self.mesh):
      state = jax.jit(self._create, out_shardings=self._shardings)()
      # Outside jit: files are no constants of a program.
      loaded = self.task.load(state.variables)
      variables = dict(jax.device_put(loaded, self._shardings.variables))
      return state.replace(params=variables.pop("params"), model_state=variables)

  @functools.cached_property
  def _resident(self):
    """What the task keeps on the devices; not loaded where nothing is trained."""
    load = getattr(self.task, "resident", lambda place: {})
    return load(functools.partial(sharding.replicate, self.mesh))

  def step(self, state, batch):
    """(state, metrics) after one update on a host batch; `state` is given up."""
    with jax.set_mesh(self.mesh):
      return self._step(state, {**self._resident, **self.place(batch)})

  def evaluate(self, variables, split):
    """{"split/name": number} of a split."""
    with jax.set_mesh(self.mesh):
      numbers = self.task.evaluate(variables, split, self.place)
    return {f"{split}/{name}": value for name, value in numbers.items()}


class Interruption:
  """Turns SIGTERM and the first Ctrl-C into a flag that the loop polls."""

  def __enter__(self):
    self.asked = False
    self._before = {s: signal.signal(s, self._ask) for s in (signal.SIGTERM, signal.SIGINT)}
    return self

  def _ask(self, number, frame):
    del frame
    self.asked = True
    signal.signal(number, self._before[number])  # a second one ends the program at once

  def __exit__(self, *error):
    for number, handler in self._before.items():
      signal.signal(number, handler)


def _resume(trainer, checkpoints, task):
  """(state, record, step): the newest checkpoint's, or a fresh start."""
  restored = checkpoints.restore_last(trainer.target)
  if restored is None:
    fresh = {"fingerprint": task.fingerprint, "best_step": None, "best": None}
    return trainer.create(), fresh, 0
  state, record = restored
  if record["fingerprint"] != task.fingerprint:
    raise UserError(
        "the data set has changed since this run began: start again with a new --workdir"
    )
  step = int(state.step)
  if record["best_step"] == step:
    checkpoints.ensure_best(step, state.variables, record)
  tqdm.write(f"resuming at step {step}", file=sys.stderr)
  return state, record, step


def _fetch(pending, step):
  """Means of the metrics of the steps since the last call; raises UserError on a bad loss."""
  rows = jax.device_get(pending)
  for number, row in enumerate(rows, step - len(rows) + 1):
    for name in ("loss", "gradient_norm"):  # either ruins the parameters
      if not np.isfinite(row[name]):
        raise UserError(
            f"the {name.replace('_', ' ')} is {row[name]} at step {number}: lower "
            "--config.optim.lr or look for bad values in the data; the last checkpoint before it "
            "is kept"
        )
  return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def train(task, config, workdir):
  """Trains, resuming where `workdir` says, then evaluates the best checkpoint.

  Args:
    task: see `tasks.base.Task`.
    config: the whole configuration.
    workdir: pathlib.Path of the run.

  Returns:
    results {name: number}, as written to results.json.

  Raises:
    UserError: on a loss that is not finite, unreadable checkpoints or changed data.
  """
  trainer, total = Trainer(task, config), total_steps(task, config)
  # Closed on errors too: a checkpoint on its way to the disk must arrive there.
  with contextlib.closing(checkpoint.Checkpoints(workdir / "checkpoints")) as checkpoints:
    state, record, start = _resume(trainer, checkpoints, task)
    if start < total:
      with (
          contextlib.closing(report.MetricsWriter(workdir, start)) as writer,
          contextlib.closing(task.train_batches(start)) as batches,
      ):
        state, record = _train_steps(
            trainer, checkpoints, writer, batches, state, record, range(start + 1, total + 1)
        )
    if int(state.step) < total:
      raise UserError(f"stopped at step {int(state.step)}: the same command goes on from there")
    del state
    results = evaluate_best(trainer, checkpoints, workdir, record["best_step"])
  report.draw_curves(workdir, task.selection, config.title)
  return results


def _train_steps(trainer, checkpoints, writer, batches, state, record, steps):
  """Trains, logs, evaluates and saves; (state, record) after the last step or an interruption."""
  task, config, total = trainer.task, trainer.config, steps[-1]
  pending, clock = [], time.perf_counter()
  bar = tqdm(
      total=total, initial=steps[0] - 1, unit="step", dynamic_ncols=True, smoothing=0.2
  )
  tqdm.write("compiling: the first step can take half a minute", file=sys.stderr)
  with bar, Interruption() as interruption:
    for step in steps:
      state, metrics = trainer.step(state, next(batches))
      pending.append(metrics)
      bar.update()
      at_evaluation = step % config.eval_every == 0 or step == total
      if step % config.log_every == 0 or at_evaluation or interruption.asked:
        numbers = _fetch(pending, step)
        seconds = time.perf_counter() - clock
        numbers["pairs_per_second"] = len(pending) * task.batch_size / seconds
        writer.write(step, numbers)
        bar.set_postfix_str(
            f"loss {numbers['loss']:.3f}, {numbers['pairs_per_second']:.0f} pairs/s"
        )
        pending, clock = [], time.perf_counter()
      if at_evaluation:
        record = _evaluate_and_save(trainer, checkpoints, writer, state, record, step)
        clock = time.perf_counter()
      elif interruption.asked:
        checkpoints.save_last(step, state, record)
      if interruption.asked:
        break
  return state, record


def _evaluate_and_save(trainer, checkpoints, writer, state, record, step):
  """Validation, then both checkpoints; returns the new record."""
  numbers = trainer.evaluate(state.variables, "validation")
  writer.write(step, numbers)
  score = numbers[f"validation/{trainer.task.selection}"]
  tqdm.write(f"step {step}: validation {trainer.task.selection} {score:.1f}", file=sys.stderr)
  if record["best"] is None or score > record["best"]:
    record = {**record, "best": score, "best_step": step}
  checkpoints.save_last(step, state, record)
  if record["best_step"] == step:
    checkpoints.ensure_best(step, state.variables, record)
  return record


def evaluate_best(trainer, checkpoints, workdir, best_step=None):
  """Evaluates the best checkpoint on validation and test, prints tables, writes results.json.

  Returns:
    {name: number}: "split/..." for both splits, "best_step" and "seed".
  """
  target = TrainState(
      None, trainer.target.params, trainer.target.model_state, None
  ).variables
  variables, record = checkpoints.restore_best(best_step, target)
  results = {"best_step": record["best_step"], "seed": trainer.config.seed}
  for split in ("validation", "test"):
    numbers = trainer.evaluate(variables, split)
    results.update(numbers)
    print(trainer.task.table(numbers, split))
  report.write_json(workdir / "results.json", results)
  return results


def evaluate(task, config, workdir):
  """Evaluates the best checkpoint in `workdir` without training; returns the results."""
  trainer = Trainer(task, config)
  with contextlib.closing(checkpoint.Checkpoints(workdir / "checkpoints")) as checkpoints:
    return evaluate_best(trainer, checkpoints, workdir)
