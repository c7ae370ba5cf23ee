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

from sign_jax import config_paths, host_memory, limits
from sign_jax.errors import UserError, crash_status, did_you_mean, one_sentence
from sign_jax.files import existing_file, user_path
from sign_jax.tasks.recognition import Recognition
from sign_jax.tasks.retrieval import Retrieval
from sign_jax.train import cache, checkpoint, distributed, loop, report

TASKS = {"retrieval": Retrieval, "recognition": Recognition}
EXAMPLE = "python -m sign_jax.main --config configs/upret.py --workdir runs/upret"

FLAGS = flags.FLAGS
config_flags.DEFINE_config_file("config", None, "A file of configs/, or FILE:DATASET.")
flags.DEFINE_string("workdir", None, "Where checkpoints, metrics and results go.")
flags.DEFINE_enum("mode", "train", ("train", "evaluate"), "What to do.")

# What may change between two starts of a run: where the data lie, how often to look, and how the
# work is cut into pieces.
FREE_KEYS = (
    "data.data_dir", "data.num_workers", "data.reader_timeout", "data.placement", "data.cache_gib",
    "data.videos", "data.labels",
    "log_every", "eval_batch_size", "mesh.fsdp", "mesh.tensor",
    "model.max_elements", "model.ot.max_elements", "model.pose.max_windows",
    "model.remat", "model.attention", "gradient_cache.chunks", "profile",
)
EVALUATION_KEYS = (*FREE_KEYS, "ties")
# How a file system says that it has no locks (some network and FUSE ones).
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL)


def _flat(config):
  """Nested dict -> {dotted name: value}."""
  flat = {}
  for key, value in config.items():
    if isinstance(value, dict):
      flat |= {f"{key}.{name}": v for name, v in _flat(value).items()}
    else:
      flat[key] = value
  return flat


def _with_config_file(argv):
  """A command line with `~` and variables of --config filled in, and that FILE or FILE:DATASET.

  Raises:
    UserError: there is no such file.
  """
  for place, (argument, following) in enumerate(zip(argv, [*argv[1:], ""], strict=True)):
    flag, equals, value = argument.partition("=")
    if flag in ("-config", "--config") and (value or following):
      file, colon, dataset = (value if equals else following).partition(":")
      path = existing_file(user_path(file), "--config", "name a file of configs/")
      given = f"{path}{colon}{dataset}"
      rest = argv[place + (1 if equals else 2) :]
      return [*argv[:place], f"--config={given}", *rest], given
  raise UserError(f"--config is missing: for example {EXAMPLE}")


def _unknown_key(argv, given):
  """The sentence about the first --config.KEY that the configuration does not have."""
  try:
    flat = _flat(FLAGS["config"].parser.parse(given).to_dict())
  except (AttributeError, KeyError) as error:
    return f"{given} cannot be read: {' '.join(str(error).split())}"
  for argument in argv[1:]:
    key = argument.lstrip("-").removeprefix("config.").split("=")[0]
    if argument.lstrip("-").startswith("config.") and key not in flat:
      return f"the configuration has no key {key!r}" + did_you_mean(key, flat)
  return f"{given} cannot be read"


def parse(argv):
  """(config, workdir, mode) of a command line; raises UserError on a mistake in it."""
  argv, given = _with_config_file(argv)
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
  FLAGS.config.update_from_flattened_dict(config_paths.expanded(_flat(FLAGS.config.to_dict())))
  limits.check(_flat(FLAGS.config.to_dict()))
  return FLAGS.config, user_path(FLAGS.workdir), FLAGS.mode


def check_config(config, workdir):
  """Compares with the config.json of an earlier start that left a checkpoint.

  Raises:
    UserError: when the run was started with other settings, FREE_KEYS apart.
  """
  path = workdir / "config.json"
  # A start that ended before its first checkpoint, perhaps for a wrong setting, binds nobody.
  if not path.exists() or not checkpoint.exists(workdir / "checkpoints"):
    return
  before, now = (
      config_paths.expanded(_flat(x)) for x in (_read_config(path), json.loads(config.to_json()))
  )
  keys = sorted((before.keys() | now.keys()) - set(FREE_KEYS))
  changed = [f"{k}={before.get(k)}" for k in keys if before.get(k) != now.get(k)]
  if changed:
    raise UserError(
        f"{workdir} was started with {', '.join(changed)}: use the same settings or a new --workdir"
    )


def config_of_run(config, workdir, argv):
  """The configuration that a run was trained with, and what a command line says of free keys.

  Raises:
    UserError: when there is no run in `workdir`, or the command line contradicts its settings.
  """
  path = workdir / "config.json"
  if not path.exists() or not checkpoint.exists(workdir / "checkpoints"):
    raise UserError(f"there is no trained run in {workdir}: train first, with --mode train")
  now, trained = _flat(config.to_dict()), config_paths.expanded(_flat(_read_config(path)))
  flags_given = (a.lstrip("-") for a in argv[1:])
  given = {
      flag.removeprefix("config.").split("=")[0] for flag in flags_given if "config." in flag[:7]
  }
  free = {key: now[key] for key in given & set(EVALUATION_KEYS)}
  config.update_from_flattened_dict({k: v for k, v in trained.items() if k in now} | free)
  wrong = sorted(key for key in given & now.keys() if now[key] != _flat(config.to_dict())[key])
  if wrong:
    raise UserError(
        f"{workdir} was trained with {', '.join(f'{k}={trained[k]}' for k in wrong)}: evaluate it "
        "without these flags"
    )
  return config


def _read_config(path):
  try:
    return json.loads(path.read_text())
  except ValueError as error:
    raise UserError(f"{path} is damaged: start again with a new --workdir") from error


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
  if mode == "evaluate":
    config = config_of_run(config, workdir, argv)
  distributed.check_same(f"{mode} {config.to_json()}", "the mode or the configuration")
  cache.enable()
  task = TASKS[config.task](config)
  with claim(workdir):
    if mode == "evaluate":
      return loop.evaluate(task, config, workdir)
    distributed.on_first(lambda: _begin(config, workdir))
    return loop.train(task, config, workdir)


def _begin(config, workdir):
  """Compares with an earlier start's configuration and writes this one's down."""
  check_config(config, workdir)
  report.write_json(workdir / "config.json", json.loads(config.to_json()))


if __name__ == "__main__":
  host_memory.keep_freed()
  with crash_status(), one_sentence():
    main(sys.argv)
