"""A run that is killed and started again ends as one that never was."""

import signal
import time

import numpy as np

from sign_jax.errors import Stopped
from sign_jax.train import loop
from sign_jax.train.checkpoint import Checkpoints
from tests import program
from tests.train import test_loop

RUNNING = None  # what `poll` says
EVERY = test_loop.config().eval_every


def trajectory(workdir):
  """Everything that metrics.jsonl says but the speed."""
  return [
      {name: value for name, value in row.items() if "second" not in name}
      for row in program.metrics(workdir)
  ]


def steps(workdir, kind):
  """Steps of the complete checkpoints of a kind."""
  folder = workdir / "checkpoints" / kind
  return sorted(int(path.name) for path in folder.glob("*") if path.name.isdigit())


def kill_after(child, path, lines):
  """kill -9 as soon as a file has so many lines."""
  while child.poll() is RUNNING:
    if path.exists() and path.read_text().count("\n") >= lines:
      child.kill()
    time.sleep(0.002)
  return child.communicate()


def die(point, step, *args):
  """What training that is killed there has said."""
  status, out, error = program.run("tests.dying", point, step, *args)
  assert status == -signal.SIGKILL, f"{point} {step}: {status} {out} {error}"
  return error


def test_a_run_killed_everywhere_ends_as_one_that_never_was(tmp_path):
  workdir, whole = tmp_path / "run", tmp_path / "whole"
  die("compilation", 0, workdir)
  assert not steps(workdir, "last")
  die("write", EVERY, workdir)
  assert list((workdir / "checkpoints" / "last").glob("*-tmp*"))
  assert not steps(workdir, "last")
  die("between", EVERY, workdir)
  assert (steps(workdir, "last"), steps(workdir, "best")) == ([EVERY], [])

  stop = EVERY + 2
  status, _, error = program.run("tests.dying", "termination", stop, workdir)
  last_line = error.splitlines()[-1]
  assert status == Stopped.status and "Traceback" not in error
  assert last_line == f"error: stopped at step {stop}: the same command goes on from there"
  assert (steps(workdir, "last"), steps(workdir, "best")) == ([EVERY, stop], [EVERY])

  assert f"resuming at step {stop}" in die("evaluation", 2 * EVERY, workdir)
  assert steps(workdir, "last")[-1] == stop
  assert program.metrics(workdir)[-1]["step"] == 2 * EVERY
  assert "resuming at step" in die("results", 0, workdir)
  assert not (workdir / "results.json").exists()
  for folder in (workdir, whole):
    loop.train(test_loop.Regression(), test_loop.config(), folder)
  assert (workdir / "results.json").read_bytes() == (whole / "results.json").read_bytes()
  assert trajectory(workdir) == trajectory(whole)


def test_the_program_that_is_killed_ends_as_one_that_never_was(finished, data_dir, tmp_path):
  workdir = tmp_path / "run"
  args = program.arguments(workdir, data_dir)
  child = program.start("sign_jax.main", *args)
  every = program.SMALL["eval_every"]
  kill_after(child, workdir / "metrics.jsonl", lines=int(1.5 * every))
  assert (workdir / "config.json").exists() and steps(workdir, "last") == [every]
  status, _, error = program.train(args)
  assert status == 0 and "resuming at step" in error, error
  whole, _ = finished
  assert (workdir / "results.json").read_bytes() == (whole / "results.json").read_bytes()
  assert trajectory(workdir) == trajectory(whole)


def test_the_best_checkpoint_is_complete_before_a_later_state(tmp_path):
  # Else a kill could leave a later state whose best checkpoint is lost.
  large = {"w": np.random.default_rng(0).standard_normal(2**23)}
  checkpoints = Checkpoints(tmp_path)
  checkpoints.save_last(1, {"w": np.zeros(1)}, {"best_step": 1})
  checkpoints.ensure_best(1, large, {"best_step": 1})
  checkpoints.save_last(2, {"w": np.zeros(1)}, {"best_step": 1})
  complete = (tmp_path / "best" / "1").is_dir()
  checkpoints.close()
  assert complete
