"""Two processes of two devices train as one process of one device does."""

import json
import os
import signal
import sys
import threading
import time

import jax
import pytest

from launch import local
from sign_jax.errors import Stopped, UserError
from sign_jax.train import loop
from tests import program, several
from tests.train import test_loop

# The rate of the first step is 0, so the third one is the first whose loss tells how the second
# went. What several processes exchange takes them a second a step.
STEPS = 3


def losses(workdir):
  return [row["loss"] for row in program.metrics(workdir) if "loss" in row]


def launch(processes, devices, args):
  """(exit status, stdout, stderr) of the launcher."""
  command = ["--processes", processes, "--devices_per_process", devices, "--", *args]
  return program.run("launch.local", *command)


def parted(results):
  """(the numbers, all else) of results.json."""
  is_number = lambda value: isinstance(value, int | float)
  return (
      {name: value for name, value in results.items() if is_number(value)},
      {name: value for name, value in results.items() if not is_number(value)},
  )


def test_two_processes_of_two_devices_train_as_one_device(data_dir, tmp_path):
  one, two = tmp_path / "one", tmp_path / "two"
  args = lambda workdir: program.arguments(
      workdir, data_dir, system="cico", steps=STEPS, eval_every=STEPS, data__video_length=8,
  )
  status, _, error = program.train(args(one))
  assert status == 0, error
  status, out, error = launch(2, 2, args(two))
  assert status == 0, error
  assert len(losses(one)) == STEPS == len(set(losses(one)))
  assert losses(two) == pytest.approx(losses(one), rel=1e-5)
  results = [json.loads((workdir / "results.json").read_text()) for workdir in (one, two)]
  numbers, facts = zip(*map(parted, results), strict=True)
  assert numbers[0] == pytest.approx(numbers[1], abs=1e-9) and facts[0] == facts[1]
  assert out.count("text to video") == 2  # the tables of one process
  assert error.count("the first step was done") == 1
  assert (two / "curves.png").exists()


@pytest.fixture
def run_small(monkeypatch, tmp_path):
  """Runs `tests.several` in two processes; returns the exit status."""
  monkeypatch.chdir(program.ROOT)
  for name, value in program.environment().items():
    monkeypatch.setenv(name, value)
  command = [sys.executable, "-m", "tests.several", tmp_path]

  def run(number, step):
    group = local.Group([*map(str, command), str(int(number)), str(step)], 2, 2)
    status = group.wait()
    assert all(child.returncode for child in group.children)  # none is left, none succeeded
    return status

  return run


def test_processes_stop_after_the_same_step_and_one_goes_on_alone(
    run_small, tmp_path, monkeypatch, capfd
):
  assert run_small(signal.SIGTERM, 3) == Stopped.status
  folder = tmp_path / "checkpoints" / "last"
  assert [path.name for path in folder.glob("[0-9]*")] == ["4"]  # where they wait for each other
  message = "error: stopped at step 4: the same command goes on from there"
  lines = capfd.readouterr().err.splitlines()
  assert message in lines and f"[1] {message}" in lines
  assert not any("ending the others" in line for line in lines)
  first = jax.devices()[:1]
  monkeypatch.setattr(jax, "devices", lambda *_: first)
  config = test_loop.config(**several.CHANGES)
  found = loop.train(test_loop.Regression(), config, tmp_path)
  expected = loop.train(test_loop.Regression(), config, tmp_path / "whole")
  assert parted(found)[0] == pytest.approx(parted(expected)[0], rel=1e-5)
  assert losses(tmp_path) == pytest.approx(losses(tmp_path / "whole"), rel=1e-5)


WAITING = """
import os, pathlib, signal, time
signal.signal(signal.SIGINT, signal.SIG_DFL)
pathlib.Path(os.environ["SIGN_JAX_PROCESS"]).touch()
time.sleep(600)
"""


@pytest.fixture
def patient(monkeypatch):
  """A launcher that waits for as long as a busy machine may need."""
  monkeypatch.setattr(local, "GRACE_SECONDS", 3600.0)
  monkeypatch.setattr(local, "_STOPPING_SECONDS", 3600.0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_reach_all(number, tmp_path, monkeypatch, patient, capfd):
  monkeypatch.chdir(tmp_path)

  def ask():
    while len(list(tmp_path.iterdir())) < 2:
      time.sleep(0.01)
    os.kill(os.getpid(), number)

  group = local.Group([sys.executable, "-c", WAITING], 2, 1)
  with local.forwarding(group):
    threading.Thread(target=ask).start()
    assert group.wait() == 128 + number
  assert [child.returncode for child in group.children] == [-number] * 2
  assert "ending the others" not in capfd.readouterr().err  # nothing that was not asked for


STOPPING = """
import os, sys, time
time.sleep(0.5 * int(os.environ["SIGN_JAX_PROCESS"]))
sys.exit(75)
"""


def test_processes_that_stop_are_left_to_end_by_themselves(patient, capfd):
  group = local.Group([sys.executable, "-c", STOPPING], 2, 1)
  assert group.wait() == Stopped.status
  assert [child.returncode for child in group.children] == [Stopped.status] * 2
  assert capfd.readouterr().err == ""


FAILING = """
import os, sys, time
if os.environ["SIGN_JAX_PROCESS"] == "1":
  sys.exit("error: no such thing")
time.sleep(600)
"""


def test_one_that_fails_ends_all_with_its_status(patient, capfd):
  group = local.Group([sys.executable, "-c", FAILING], 3, 1)
  assert group.wait() == 1
  assert [child.returncode for child in group.children] == [-signal.SIGTERM, 1, -signal.SIGTERM]
  lines = capfd.readouterr().err.splitlines()
  assert lines.count("[1] error: no such thing") == 1


KILLED = """
import os, pathlib, signal, time
if os.environ["SIGN_JAX_PROCESS"] == "1":
  while not pathlib.Path("deaf").exists():
    time.sleep(0.01)
  os.kill(os.getpid(), signal.SIGKILL)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path("deaf").touch()
time.sleep(600)
"""


def test_one_that_is_killed_ends_all_even_those_that_do_not_listen(tmp_path, monkeypatch, capfd):
  """As those do not that wait for it inside a collective operation."""
  monkeypatch.chdir(tmp_path)
  monkeypatch.setattr(local, "GRACE_SECONDS", 0.1)
  group = local.Group([sys.executable, "-c", KILLED], 2, 1)
  assert group.wait() == 128 + signal.SIGKILL
  assert [child.returncode for child in group.children] == [-signal.SIGKILL] * 2
  assert "process 1 ended with status -9: ending the others" in capfd.readouterr().err


@pytest.mark.parametrize(("argv", "message"), [
    (["--processes", "2"], "put them behind --"),
    (["--processes", "0", "--", "--config=c"], "--processes=0 must be 1 or more"),
])
def test_the_launcher_says_what_is_wrong(argv, message):
  with pytest.raises(UserError, match=message):
    local.main(argv)
