"""Training that is killed at a chosen point: `python -m tests.dying POINT STEP WORKDIR`.

The small task of `tests.train.test_loop` is trained on in that folder. Nobody can time a signal to
hit a file half written; here the program sends it to itself.
"""

import os
import pathlib
import signal
import sys
import threading

from sign_jax.errors import one_sentence
from sign_jax.train import loop, report
from sign_jax.train.checkpoint import Checkpoints
from tests.train.test_loop import Regression, config


def die(*_, **__):
  os.kill(os.getpid(), signal.SIGKILL)


def at_step(function, step, action, position):
  """`function` with `action` before the call whose argument at `position` is `step`."""

  def wrapped(*args):
    if args[position] == step:
      action(*args)
    return function(*args)

  return wrapped


def during_compilation(step):
  """While the training step is traced for the compiler."""
  del step
  Regression.loss = die


def during_write(step):
  """While the last checkpoint is written: its folder still has its temporary name."""

  def watch(checkpoints, *_):
    folder = checkpoints._last.directory

    def look():
      while not list(folder.glob("*.orbax-checkpoint-tmp")):
        pass
      die()

    threading.Thread(target=look, daemon=True).start()

  Checkpoints.save_last = at_step(Checkpoints.save_last, step, watch, 1)


def between_checkpoints(step):
  """When the last checkpoint is complete and the best one not begun."""

  def finish(checkpoints, *_):
    checkpoints._last.wait_until_finished()
    die()

  Checkpoints.ensure_best = at_step(Checkpoints.ensure_best, step, finish, 1)


def during_evaluation(step):
  """In the evaluation at that step, whose training metrics are written already."""

  def arm(*_):
    Regression.evaluate = die

  loop._evaluate_and_save = at_step(loop._evaluate_and_save, step, arm, -1)


def during_results(step):
  """When half of results.json is written."""
  del step

  def half(path, content):
    if path.name == "results.json":
      path.with_name("results.json.partial").write_text("{")
      die()
    write(path, content)

  write, report.write_json = report.write_json, half


def termination(step):
  """SIGTERM, as a cluster's scheduler sends it, before that step."""
  calls, take = [], loop.Trainer.step

  def stepping(trainer, state, batch):
    calls.append(0)
    if int(state.step) + 1 == step:
      os.kill(os.getpid(), signal.SIGTERM)
    return take(trainer, state, batch)

  loop.Trainer.step = stepping


POINTS = {
    "compilation": during_compilation, "write": during_write, "between": between_checkpoints,
    "evaluation": during_evaluation, "results": during_results, "termination": termination,
}


if __name__ == "__main__":
  point, step, folder = sys.argv[1:]
  POINTS[point](int(step))
  with one_sentence():
    loop.train(Regression(), config(), pathlib.Path(folder))
