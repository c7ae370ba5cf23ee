"""Trains or evaluates a system.

    python -m sign_jax.main --config configs/upret.py --workdir runs/upret

Run again in the same --workdir, it goes on where it stopped.
"""

import contextlib
import fcntl
import json
import pathlib
import sys

from absl import flags
from ml_collections import config_flags

from sign_jax.errors import UserError, did_you_mean, one_sentence
from sign_jax.tasks.retrieval import Retrieval
from sign_jax.train import cache, loop, report

TASKS = {"retrieval": Retrieval}

FLAGS = flags.FLAGS
config_flags.DEFINE_config_file("config", None, "A file of configs/, or FILE:DATASET.")
flags.DEFINE_string("workdir", None, "Where checkpoints, metrics and results go.")
flags.DEFINE_enum("mode", "train", ("train", "evaluate"), "What to do.")

# Where the data lie and how often to look may change between two starts of a run.
FREE_KEYS = ("data.data_dir", "data.num_workers", "log_every")


def _flat(config):
  """Nested dict -> {dotted name: value}."""
  flat = {}
  for key, value in config.items():
    if isinstance(value, dict):
      flat |= {f"{key}.{name}": v for name, v in _flat(value).items()}
    else:
      flat[key] = value
  return flat


def _unknown_key(argv):
  """The sentence about the first --config.KEY that the configuration does not have."""
  config = FLAGS["config"].value
  flat = _flat(config.to_dict()) if config is not None else {}
  for argument in argv[1:]:
    key = argument.lstrip("-").removeprefix("config.").split("=")[0]
    if argument.lstrip("-").startswith("config.") and key not in flat:
      return f"the configuration has no key {key!r}" + did_you_mean(key, flat)
  return "the configuration cannot be read"


def parse(argv):
  """(config, workdir, mode) of a command line; raises UserError on a mistake in it."""
  try:
    rest = FLAGS(argv)
  except flags.Error as error:
    raise UserError(" ".join(str(error).split())) from error
  except (AttributeError, KeyError) as error:
    raise UserError(_unknown_key(argv)) from error
  example = "python -m sign_jax.main --config configs/upret.py --workdir runs/upret"
  if len(rest) > 1:
    raise UserError(f"{rest[1]!r} is not a flag: write --config.KEY=VALUE")
  try:
    config = FLAGS.config
  except OSError as error:
    raise UserError(f"there is no configuration file {FLAGS['config'].config_filename}") from error
  for name, value in (("config", config), ("workdir", FLAGS.workdir)):
    if not value:
      raise UserError(f"--{name} is missing: for example {example}")
  return config, pathlib.Path(FLAGS.workdir), FLAGS.mode


def remember_config(config, workdir):
  """Writes config.json, or compares with the one of an earlier start.

  Raises:
    UserError: when the run was started with other settings.
  """
  path = workdir / "config.json"
  now = _flat(json.loads(config.to_json()))
  if path.exists():
    before = _flat(json.loads(path.read_text()))
    keys = sorted((before.keys() | now.keys()) - set(FREE_KEYS))
    changed = [f"{k}={before.get(k)}" for k in keys if before.get(k) != now.get(k)]
    if changed:
      raise UserError(
          f"{workdir} was started with {', '.join(changed)}: use the same settings or a new "
          "--workdir"
      )
  report.write_json(path, json.loads(config.to_json()))


@contextlib.contextmanager
def claim(workdir):
  """Keeps a second program out of `workdir`; the system frees the claim of a killed one.

  Raises:
    UserError: when another program is at work there.
  """
  workdir.mkdir(parents=True, exist_ok=True)
  with open(workdir / ".lock", "w") as lock:
    try:
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
      raise UserError(
          f"another run is at work in {workdir}: wait for it or use another --workdir"
      ) from error
    yield


def main(argv):
  """Runs the mode that the flags ask for; returns the results."""
  config, workdir, mode = parse(argv)
  cache.enable()
  task = TASKS[config.task](config)
  with claim(workdir):
    if mode == "evaluate":
      return loop.evaluate(task, config, workdir)
    remember_config(config, workdir)
    return loop.train(task, config, workdir)


if __name__ == "__main__":
  with one_sentence():
    main(sys.argv)
