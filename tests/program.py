"""Runs of the training program, small enough for tests."""

import contextlib
import json
import os
import signal
import subprocess
import sys

import jax
from absl import flags

from launch import local
from sign_jax import main as program
from sign_jax.errors import one_sentence
from sign_jax.run import checks
from sign_jax.run import command_line as run_command_line
from sign_jax.train import loop
from tests import forked

ROOT = forked.ROOT

SMALL_MODEL = {
    "model.embed_dim": 32,
    "model.video.width": 32, "model.video.layers": 1, "model.video.heads": 2,
    "model.text.width": 32, "model.text.layers": 1, "model.text.heads": 2,
    "model.dtype": "float32",
}
# Of SEDS beside those; its poses have 24 frames.
SMALL_SEDS = {
    "model.pose.width": 4, "model.fusion.heads": 2, "data.max_frames": 24, "data.video_length": 6,
}
SMALL = {
    **SMALL_MODEL,
    "data.name": "signing_sim/tiny", "data.video_length": 16, "data.text_length": 12,
    "batch_size": 8, "eval_batch_size": 8, "steps": 60, "eval_every": 12, "log_every": 1,
}


def arguments(workdir, data_dir, system="upret", **settings):
  """A command line for a small run; `settings` with "__" for dots."""
  settings = {key.replace("__", "."): value for key, value in settings.items()}
  settings = {**SMALL, "data.data_dir": data_dir, **settings}
  return [
      f"--config=configs/{system}.py", f"--workdir={workdir}",
      *(f"--config.{key}={value}" for key, value in settings.items()),
  ]


def add_xla_flags(*names):
  """Adds to $XLA_FLAGS flags that other versions of XLA, which then end at once, may not know."""
  flags = " ".join([os.environ.get("XLA_FLAGS", ""), *names]).strip()
  command = [sys.executable, "-c", "import jax; jax.devices()"]
  environment = {**os.environ, "XLA_FLAGS": flags}
  if not subprocess.run(command, env=environment, capture_output=True, check=False).returncode:
    os.environ["XLA_FLAGS"] = flags


def environment(devices=1):
  """Of a child process: CPU devices, quick to compile for."""
  count = f"--xla_force_host_platform_device_count={devices}"
  return {
      **os.environ,
      "JAX_PLATFORMS": "cpu",
      "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
      "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {count}".strip(),
      **local.threads(devices),
  }


def start(*args, devices=1):
  """`python -m ARGS` as a child process; see `forked`."""
  return forked.start(*map(str, args), environment=environment(devices))


def run(*args, devices=1, fresh=False):
  """(exit status, stdout, stderr) of `python -m ARGS`; `fresh`: of an interpreter of its own."""
  if fresh:
    done = subprocess.run(
        [sys.executable, "-m", *map(str, args)], cwd=ROOT, env=environment(devices), text=True,
        capture_output=True, check=False,
    )
    return done.returncode, done.stdout, done.stderr
  child = start(*args, devices=devices)
  out, error = child.communicate()
  return child.returncode, out, error


def train(args, devices=1, fresh=False):
  """`run` of the training program."""
  return run("sign_jax.main", *args, devices=devices, fresh=fresh)


@contextlib.contextmanager
def command_line(monkeypatch, *args):
  """Yields argv; afterwards puts back the flags that were parsed from it."""
  argv = ["sign_jax.main", *map(str, args)]
  monkeypatch.setattr(sys, "argv", argv)  # ml_collections looks for overrides there
  monkeypatch.chdir(ROOT)
  was_parsed = flags.FLAGS.is_parsed()
  try:
    yield argv
  finally:
    for name in list(flags.FLAGS):
      if name.startswith("config."):
        delattr(flags.FLAGS, name)
      elif name in ("config", "workdir", "mode"):
        flags.FLAGS[name].unparse()
    if not was_parsed:
      flags.FLAGS.unparse_flags()


def call(monkeypatch, *args):
  """The program in this process; returns its results."""
  with command_line(monkeypatch, *args) as argv, one_sentence():
    return program.main(argv)


def stop_at(step, monkeypatch):
  """Sends the program SIGTERM, as a scheduler does, before the step after this one."""
  take = loop.Trainer.step

  def stepping(trainer, state, batch):
    if int(state.step) == step:
      os.kill(os.getpid(), signal.SIGTERM)
    return take(trainer, state, batch)

  monkeypatch.setattr(loop.Trainer, "step", stepping)


def share_compiled(monkeypatch):
  """Runs of one configuration in this process compile a single time.

  A later one takes the compiled functions of the first; its data and its state are its own.
  """
  first, begin, compiled = {}, loop.Trainer.__init__, type(jax.jit(lambda: 0))

  def shared(trainer, task, config, **kwargs):
    key = config.to_json(), str(kwargs)
    if key not in first:
      first[key] = trainer, task
      return begin(trainer, task, config, **kwargs)
    of_first, its_task = first[key]
    vars(trainer).update({**vars(of_first), "task": task})
    vars(task).update({k: x for k, x in vars(its_task).items() if isinstance(x, compiled)})

  monkeypatch.setattr(loop.Trainer, "__init__", shared)


def parse(monkeypatch, *args):
  """The configuration that a command line describes, checked."""
  with command_line(monkeypatch, "--workdir=unused", *args) as argv:
    config = run_command_line.parse(argv)[0]
  checks.check(config)
  return config


def metrics(workdir):
  """The objects of metrics.jsonl."""
  return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
