"""The command line of the training program: a configuration, a folder, a mode."""

import sys

from absl import flags
from ml_collections import config_flags

from sign_jax.errors import UserError, did_you_mean
from sign_jax.files import existing_file, user_path
from sign_jax.run import config_paths, settings

EXAMPLE = "python -m sign_jax.main --config configs/upret.py --workdir runs/upret"

FLAGS = flags.FLAGS
config_flags.DEFINE_config_file("config", None, "The settings: FILE.py or FILE.py:DATASET.")
flags.DEFINE_string("workdir", None, "The folder of the run.")
flags.DEFINE_enum("mode", "train", ("train", "evaluate"), "What to do with it.")


def options():
  """The flags and what they mean, as text."""
  _, listed = FLAGS.module_help(sys.modules[__name__]).split(":\n", 1)  # after the module's name
  return f"\nOptions, beside --config.KEY=VALUE:\n{listed}"


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
  return FLAGS.config, user_path(FLAGS.workdir), FLAGS.mode


def for_stages(argv, own=()):
  """What a program of several runs reads of its command line.

  Args:
    argv: the command line.
    own: names of its own flags, which do not go on.

  Returns:
    (configuration, folder, the configuration as it was given, flags that go on to every run, all
    written --config.KEY=VALUE).

  Raises:
    UserError: --mode evaluate, a flag that its runs would not get, or as `parse`.
  """
  config, root, mode = parse(argv)
  if mode != "train":
    raise UserError(f"--mode {mode} is for sign_jax.main: leave it out")
  passed = []
  for name, value in _flags(argv[1:]):
    if name.startswith("config."):
      passed.append(f"--{name}={value}")
    elif name not in ("config", "workdir", "mode", *own):
      raise UserError(f"--{name} does not go on to the runs of this program: leave it out")
  return config, root, with_config_file(argv)[1], passed


def _flags(words):
  """(name, value as it was written) of each flag of a command line that `parse` has read."""
  words = iter(words)
  for word in words:
    name, equals, value = word.lstrip("-").partition("=")
    if equals:
      yield name, value
    elif name.startswith("noconfig."):
      yield name.removeprefix("no"), "False"
    elif name in FLAGS and FLAGS[name].boolean:
      yield name, "True"
    else:
      yield name, next(words, "")
