"""Trains or evaluates a system.

    python -m sign_jax.main --config configs/upret.py --workdir runs/upret

Run again in the same --workdir, it goes on where it stopped.
"""

import contextlib
import errno
import fcntl
import json
import sys

from absl import flags
from ml_collections import config_flags

from sign_jax.errors import UserError, crash_status, did_you_mean, one_sentence
from sign_jax.files import existing_file, user_path
from sign_jax.run import compile_cache, config_paths, host_memory, limits, settings
from sign_jax.tasks.isolated import Recognition
from sign_jax.tasks.retrieval import Retrieval
from sign_jax.train import distributed, loop, report

TASKS = {"retrieval": Retrieval, "recognition": Recognition}
EXAMPLE = "python -m sign_jax.main --config configs/upret.py --workdir runs/upret"

FLAGS = flags.FLAGS
config_flags.DEFINE_config_file("config", None, "A file of configs/, or FILE:DATASET.")
flags.DEFINE_string("workdir", None, "Where checkpoints, metrics and results go.")
flags.DEFINE_enum("mode", "train", ("train", "evaluate"), "What to do.")

# How a file system says that it has no locks (some network and FUSE ones).
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL)


def with_config_file(argv):
  """A command line with `~` and variables of --config filled in, and that FILE or FILE:DATASET.

  Raises:
    UserError: there is no such file, or it is no Python file.
  """
  for place, (argument, following) in enumerate(zip(argv, [*argv[1:], ""], strict=True)):
    flag, equals, value = argument.partition("=")
    if flag in ("-config", "--config") and (value or following):
      file, colon, dataset = (value if equals else following).partition(":")
      path = existing_file(user_path(file), "--config", "name a file of configs/")
      # It is run as Python, whatever its name: settings in JSON are data and never code.
      if path.suffix != ".py":
        raise UserError(f"--config: {path} is no Python file, name a file of configs/")
      given = f"{path}{colon}{dataset}"
      rest = argv[place + (1 if equals else 2) :]
      return [*argv[:place], f"--config={given}", *rest], given
  raise UserError(f"--config is missing: for example {EXAMPLE}")


def _unknown_key(argv, given):
  """The sentence about the first --config.KEY that the configuration does not have."""
  try:
    flat = settings.flat(FLAGS["config"].parser.parse(given).to_dict())
  except (AttributeError, KeyError) as error:
    return f"{given} cannot be read: {' '.join(str(error).split())}"
  for argument in argv[1:]:
    key = argument.lstrip("-").removeprefix("config.").split("=")[0]
    if argument.lstrip("-").startswith("config.") and key not in flat:
      return f"the configuration has no key {key!r}" + did_you_mean(key, flat)
  return f"{given} cannot be read"


def parse(argv):
  """(config, workdir, mode) of a command line; raises UserError on a mistake in it."""
  argv, given = with_config_file(argv)
  try:
    rest = FLAGS(argv)
  except flags.Error as error:
    raise UserError(" ".join(str(error).split())) from error
  except (AttributeError, KeyError) as error:
    raise UserError(_unknown_key(argv, given)) from error
  if len(rest) > 1:
    raise UserError(f"{rest[1]!r} is not a flag: write --config.KEY=VALUE")
  if not FLAGS.workdir:
    raise UserError(f"--workdir is missing: for example {EXAMPLE}")
  values = config_paths.expanded(settings.flat(FLAGS.config.to_dict()))
  FLAGS.config.update_from_flattened_dict(values)
  limits.check(values)
  return FLAGS.config, user_path(FLAGS.workdir), FLAGS.mode


@contextlib.contextmanager
def claim(workdir):
  """Keeps a second program out of `workdir`; the system frees the claim of a killed one.

  Process 0 claims for all.

  Raises:
    UserError: when another program is at work there, or nothing can be written there.
  """
  with contextlib.ExitStack() as held:
    distributed.on_first(lambda: held.enter_context(_lock(workdir)))
    yield


@contextlib.contextmanager
def _lock(workdir):
  try:
    workdir.mkdir(parents=True, exist_ok=True)
    lock = open(workdir / ".lock", "w")
  except OSError as error:
    raise UserError(f"--workdir {workdir} cannot be written to: {error.strerror}") from error
  with lock:
    try:
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
      raise UserError(
          f"another run is at work in {workdir}: wait for it or use another --workdir"
      ) from error
    except OSError as error:
      if error.errno not in NO_LOCKS:
        raise
      print(
          f"{workdir} is on a file system without locks ({error.strerror}): see that no second run "
          "is at work there", file=sys.stderr,
      )
    yield


def main(argv):
  """Runs the mode that the flags ask for; returns the results."""
  if {"-h", "--help"} & set(argv[1:]):
    print(__doc__ + FLAGS.main_module_help())
    return {}
  config, workdir, mode = parse(argv)
  if config.task not in TASKS:
    raise UserError(f"task={config.task!r} is not one of {', '.join(TASKS)}")
  distributed.start()
  changed = ()
  if mode == "evaluate":
    config, changed = settings.for_evaluation(config, workdir, argv)
    limits.check(settings.flat(config.to_dict()))
  distributed.check_same(f"{mode} {config.to_json()}", "the mode or the configuration")
  compile_cache.enable()
  task = TASKS[config.task](config)
  with distributed.together(), claim(workdir):
    if mode == "evaluate":
      return loop.evaluate(task, config, workdir, changed)
    distributed.on_first(lambda: _begin(config, workdir))
    return loop.train(task, config, workdir)


def _begin(config, workdir):
  """Compares with an earlier start's configuration and writes this one's down."""
  settings.check(config, workdir)
  report.write_json(workdir / settings.FILE, json.loads(config.to_json()))


if __name__ == "__main__":
  host_memory.keep_freed()
  with crash_status(), one_sentence():
    main(sys.argv)
