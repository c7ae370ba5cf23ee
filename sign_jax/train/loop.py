"""The training loop, the same for every task."""

import contextlib
import itertools
import json
import pathlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

import jax
from ml_collections import ConfigDict

from sign_jax.errors import Stopped, UserError
from sign_jax.files import replacing
from sign_jax.protocols import Batch, Task, Variables
from sign_jax.train import (
  checkpoint,
  digest,
  distributed,
  nonfinite,
  prefetch,
  profiling,
  progress,
  report,
)
from sign_jax.train.interruption import Interruption
from sign_jax.train.state import TrainState
from sign_jax.train.step import Evaluator, Trainer, total_steps

Results = dict[str, Any]  # JSON values


def _resume(
    trainer: Trainer, checkpoints: checkpoint.Checkpoints, task: Task
) -> tuple[TrainState, checkpoint.Record, int]:
  """(state, record, step): the newest checkpoint's, or a fresh start."""
  distributed.check_same(task.fingerprint, "the data set")
  restored = checkpoints.restore_last(trainer.target)
  settings = json.loads(trainer.config.to_json())
  if restored is None:
    fresh = {
        "fingerprint": task.fingerprint, "best_step": None, "best": None, "config": settings,
        "inputs": task.inputs, "higher_is_better": task.selection.higher_is_better,
    }
    return trainer.create(), fresh, 0
  state, record = restored
  if record["fingerprint"] != task.fingerprint:
    raise UserError(
        "the data set has changed since this run began: start again with a new --workdir"
    )
  step = int(state.step)
  if record["best_step"] == step:
    checkpoints.ensure_best(step, state.variables, record)
  record = {**record, "config": settings, "inputs": task.inputs}
  record = checkpoints.keep_best(record, *_to_evaluate(trainer))
  distributed.say(f"resuming at step {step}")
  return state, record, step


def train(task: Task, config: ConfigDict, workdir: pathlib.Path) -> Results:
  """Trains, resuming where `workdir` says, then evaluates the best checkpoint.

  Args:
    task: see `protocols.Task`.
    config: the whole configuration.
    workdir: pathlib.Path of the run, the same folder for all processes.

  Returns:
    results {name: number}, as written to results.json.

  Raises:
    UserError: on a loss that is not finite, unreadable checkpoints or changed data.
    Stopped: when a signal asked for it; the state is saved.
  """
  began = time.perf_counter()
  trainer, total = Trainer(task, config), total_steps(task, config)
  # Closed on errors too: a checkpoint on its way to the disk must arrive there.
  with contextlib.closing(checkpoint.Checkpoints(workdir / "checkpoints")) as checkpoints:
    state, record, start = _resume(trainer, checkpoints, task)
    warning = getattr(task, "training_warning", None)
    if warning and not start:
      distributed.say(f"warning: {warning}")
    if start < total:
      steps = range(start + 1, total + 1)
      with (
          contextlib.closing(report.metrics_writer(workdir, start)) as writer,
          contextlib.closing(task.train_batches(start)) as batches,
          profiling.Profile(workdir / "profile", steps, config.get("profile")) as profile,
      ):
        log = progress.Log(writer, task.unit, task.batch_size, steps, began)
        try:
          state, record = _train_steps(
              trainer, checkpoints, log, profile, batches, state, record, steps
          )
        except nonfinite.NotFinite as error:
          del state
          raise nonfinite.explained(error, trainer, checkpoints, workdir) from error
    if int(state.step) < total:
      raise Stopped(f"stopped at step {int(state.step)}: the same command goes on from there")
    del state
    results = _evaluate_best(trainer, checkpoints, workdir, record)
    distributed.on_first(lambda: report.write_json(workdir / report.RESULTS, results))
  distributed.on_first(lambda: report.draw_curves(workdir, task.selection.name, config.title))
  return results


def _train_steps(
    trainer: Trainer,
    checkpoints: checkpoint.Checkpoints,
    log: progress.Log,
    profile: profiling.Profile,
    batches: Iterator[Batch],
    state: TrainState,
    record: checkpoint.Record,
    steps: range,
) -> tuple[TrainState, checkpoint.Record]:
  """Trains, logs, evaluates and saves; (state, record) after the last step or an interruption."""
  config, total = trainer.config, steps[-1]
  batches = prefetch.to_devices(itertools.islice(batches, len(steps)), trainer.place)
  distributed.say("compiling: the first step can take half a minute, on CPU sometimes minutes")
  with contextlib.closing(log), Interruption() as interruption:
    step = steps[0] - 1

    def save():
      if step >= steps[0] and jax.process_count() == 1:  # several would wait for each other
        log.write(step)
        checkpoints.save_last(step, state, {**record, "score": None})

    for step, batch in zip(steps, prefetch.saving(batches, save), strict=True):
      profile.before(step, state)
      with profile.naming(step):
        state, metrics = trainer.step(state, batch)
      log.add(metrics)
      profile.after(step, state)
      at_evaluation = step % config.eval_every == 0 or step == total
      logged = step % config.log_every == 0 or at_evaluation
      asking = interruption.due(metrics)
      stop = interruption.agreed(logged or asking)
      if logged or stop:
        log.write(step)
      if at_evaluation:
        record = _evaluate_and_save(trainer, checkpoints, log.writer, state, record, step)
        log.restart_clock()
        stop = interruption.agreed(True)  # it may have been asked for meanwhile
      elif stop:
        checkpoints.save_last(step, state, {**record, "score": None})
      if stop:
        break
  return state, record


def _evaluate_and_save(
    trainer: Trainer,
    checkpoints: checkpoint.Checkpoints,
    writer: report.Writer,
    state: TrainState,
    record: checkpoint.Record,
    step: int,
) -> checkpoint.Record:
  """Validation, then both checkpoints; returns the new record."""
  numbers = trainer.evaluate(state.variables, "validation")
  writer.write(step, numbers)
  selection = trainer.task.selection
  score = numbers[f"validation/{selection.name}"]
  distributed.say(f"step {step}: validation {selection.name} {score:.1f}")
  if record["best"] is None or selection.is_better(score, record["best"]):
    record = {**record, "best": score, "best_step": step}
  lost = record.get("lost_best")
  if lost and not selection.is_better(lost["score"], score):
    del record["lost_best"]  # it would not be the best one any more
  record = {**record, "score": score}
  leaves = digest.leaves(state)  # the best variables are a part of the state
  checkpoints.save_last(step, state, record, leaves)
  if record["best_step"] == step:
    checkpoints.ensure_best(step, state.variables, record, leaves.variables)
  return record


def _to_evaluate(trainer: Trainer) -> tuple[Variables, checkpoint.Whole]:
  """What `Checkpoints.restore_best` needs to know of a model's variables and of whole states."""
  whole = trainer.target
  variables = TrainState(None, whole.params, whole.model_state, None).variables
  return variables, (whole, lambda state: state.variables)


def _evaluate_best(
    trainer: Trainer, checkpoints: checkpoint.Checkpoints, workdir: pathlib.Path,
    record: checkpoint.Record | None = None, changed: Sequence[str] = (),
) -> Results:
  """Evaluates the best checkpoint on validation and test and prints tables.

  Args:
    workdir: of the run.
    record: of the newest state of a run that trains; None takes what the checkpoints say.
    changed: the settings that differ from the run's, as "KEY=VALUE".

  Returns:
    {name: value}: "split/..." for both splits, "best_step" and what the numbers were measured on;
    "lost_best_step" where the best checkpoint cannot be read and another one was evaluated.
  """
  named = record["best_step"] if record else None
  best = checkpoints.restore_best(named, *_to_evaluate(trainer))
  checkpoints.mend_best(best)
  measured = report.measured(trainer.task, trainer.config, trainer.splits)
  results = {"best_step": best.record["step"]} | measured
  earlier = (record or best.record).get("lost_best")
  if best.lost is not None or earlier:
    results["lost_best_step"] = earlier["step"] if earlier else best.lost
  if best.record.get("fingerprint") not in (None, trainer.task.fingerprint):
    distributed.say(
        "the data set is not the one that this run was trained on: the numbers are those of "
        "other data"
    )
    results["trained_on"] = best.record["fingerprint"]
  changed = _with_data(changed, results, trainer.task)
  return results | _measure(trainer, best.variables, workdir, changed)


def _with_data(changed: Sequence[str], results: Results, task: Task) -> tuple[str, ...]:
  """What differs from a run, its data too."""
  return (*changed, *[f"data={task.fingerprint[:8]}"] * ("trained_on" in results))


def _measure(
    evaluator: Evaluator, variables: Variables, workdir: pathlib.Path, changed: Sequence[str] = ()
) -> dict[str, float]:
  """Evaluates the splits that there are and prints a table of each; {"split/name": number}.

  What the task has to say of a split in words goes to files in `workdir`, beside those of the run's
  own settings where some have `changed`.
  """
  results, task = {}, evaluator.task
  texts = getattr(task, "texts", lambda split: {})
  for split in evaluator.splits:
    numbers = evaluator.evaluate(variables, split)
    results.update(numbers)
    if distributed.is_first():
      print(task.table(numbers, split))
      for name, text in texts(split).items():
        with replacing(workdir / report.results_name(changed, name)) as partial:
          partial.write_text(text, encoding="utf-8")
  return results


def evaluate_weights(
    task: Task, config: ConfigDict, workdir: pathlib.Path, facts: Results
) -> Results:
  """Evaluates the weights of the files that a configuration names; there is no run.

  Args:
    task, config, workdir: as `train`.
    facts: {name: JSON value}, what the files are.

  Returns:
    the results, as they were written.
  """
  evaluator = Evaluator(task, config)
  results = facts | report.measured(task, config, evaluator.splits)
  results |= _measure(evaluator, evaluator.loaded(), workdir)
  distributed.on_first(lambda: report.write_json(workdir / report.RESULTS, results))
  return results


def evaluate(
    task: Task, config: ConfigDict, workdir: pathlib.Path, changed: Sequence[str] = ()
) -> Results:
  """Evaluates the best checkpoint in `workdir` without training.

  Numbers of other data than the run's, or of other settings, are not its results: they go to a
  file of their own.

  Args:
    task, config, workdir: as `train`.
    changed: the settings that differ from the run's, as "KEY=VALUE".

  Returns:
    the results, as they were written.

  Raises:
    UserError: when no checkpoint can be read.
  """
  trainer = Trainer(task, config, steps=config.steps or 1)  # none is taken
  with contextlib.closing(checkpoint.Checkpoints(workdir / "checkpoints")) as checkpoints:
    results = _evaluate_best(trainer, checkpoints, workdir, changed=changed)
  changed = _with_data(changed, results, task)
  path = workdir / report.results_name(changed)
  if changed:
    distributed.say(f"measured with {', '.join(changed)}: the results are in {path}")
  distributed.on_first(lambda: report.write_json(path, results))
  return results
