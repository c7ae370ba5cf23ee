"""Prepares a data set: `python -m data_builders.build NAME [--data_dir DIR] ...`."""

import argparse
import contextlib
import fcntl
import importlib
import io
import pathlib
import shutil

import tensorflow_datasets as tfds
from absl import logging

from sign_jax.data import digest
from sign_jax.data.folder import default_data_dir
from sign_jax.errors import UserError, did_you_mean, one_sentence

_MB = 1e6
_SOURCE = "source.txt"  # beside the records: the digest of the user's files that they came from


def names():
  """The data sets that can be built: folders with a builder module, sorted."""
  root = pathlib.Path(__file__).parent
  return sorted(path.parent.name for path in root.glob("*/*_dataset_builder.py")
                if path.stem == f"{path.parent.name}_dataset_builder")


def load_builder(name, config=None, data_dir=None, manual_dir=None):
  """The TFDS builder of a data set.

  Args:
    name: a name of `names()`, or "name/config".
    config: name of a builder config; None means the builder's default.
    data_dir: where prepared data sets live; None means `folder.default_data_dir()`.
    manual_dir: the user's own files, for builders that read some.

  Raises:
    UserError: there is no such data set or config.
  """
  builder, config = _find(name, config)
  return builder(data_dir=str(data_dir or default_data_dir()), config=config,
                 manual_dir=manual_dir)


def _find(name, config):
  """The builder's class, and the name of its config or None."""
  name, _, in_name = name.partition("/")
  config = config or in_name or None
  if name not in names():
    raise UserError(f"there is no data set {name!r}{did_you_mean(name, names())}: choose one of "
                    f"{', '.join(names())}")
  builder = importlib.import_module(f"data_builders.{name}.{name}_dataset_builder").Builder
  configs = [known.name for known in builder.BUILDER_CONFIGS]
  if config is not None and config not in configs:
    raise UserError(f"{name} has no config {config!r}{did_you_mean(config, configs)}: choose one "
                    f"of {', '.join(configs) or 'none, leave it out'}")
  return builder, config


def is_complete(builder):
  """Whether the data set is there, whole, and made from the user's files as they are now."""
  folder = pathlib.Path(builder.data_dir)
  source = folder / _SOURCE
  if not (folder / "dataset_info.json").is_file() or not source.is_file():
    return False
  if source.read_text() != builder.source_digest():
    return False
  splits = builder.info.splits.values()
  return bool(splits) and all(pathlib.Path(path).is_file()
                              for split in splits for path in split.filepaths)


def _folder(name, config, data_dir):
  """Where a data set goes; a builder would read, and stumble over, what lies there."""
  builder, config = _find(name, config)
  root = pathlib.Path(data_dir or default_data_dir()).expanduser()
  config = config or builder.DEFAULT_BUILDER_CONFIG_NAME or ""
  return root / builder.name / config / str(builder.VERSION)


def _complete(load):
  """The builder, or None where there is no complete data set."""
  try:
    builder = load()
    if not is_complete(builder):
      return None
    tfds.builder_from_directory(builder.data_dir)  # reads files that a builder does not look at
    return builder
  except UserError:
    raise
  except Exception:  # what TFDS raises over a damaged description; one of ours comes again
    return None


def _remove_remains(folder):
  """Deletes what a build that was killed, or damage, has left behind."""
  for path in (folder, *folder.parent.glob(f"incomplete.*_{folder.name}")):
    shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _alone(folder):
  """Lets one process at a time build in `folder`; the system frees the lock of a killed one."""
  folder.mkdir(parents=True, exist_ok=True)
  with open(folder / ".lock", "w") as lock:
    with contextlib.suppress(OSError):  # some network file systems have no locks
      fcntl.flock(lock, fcntl.LOCK_EX)
    yield


def _build(builder, manual_dir):
  tfds.disable_progress_bar()  # the builders show their own, which knows the total
  with contextlib.redirect_stdout(io.StringIO()):
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(
      manual_dir=manual_dir, try_download_gcs=False))
  digest.write(builder.data_dir)
  # The last file: without it, a build counts as killed.
  (pathlib.Path(builder.data_dir) / _SOURCE).write_text(builder.source_digest())


def prepare(name, config=None, data_dir=None, manual_dir=None):
  """Builds a data set unless it is complete.

  Takes the arguments of `load_builder`.

  Returns:
    The builder (its `data_dir` is the folder of the records), and whether it was built now.
  """
  def load():
    return load_builder(name, config, data_dir, manual_dir)

  if builder := _complete(load):
    return builder, False
  folder = _folder(name, config, data_dir)
  with _alone(folder.parent):
    if builder := _complete(load):  # another process has built it meanwhile
      return builder, False
    _remove_remains(folder)
    _build(builder := load(), manual_dir)  # anew: the remains may have described another state
  return builder, True


def _report(builder, built):
  splits = ", ".join(f"{name} {split.num_examples}" for name, split in builder.info.splits.items())
  folder = pathlib.Path(builder.data_dir)
  size = sum(path.stat().st_size for path in folder.iterdir()) / _MB
  return (f"{builder.info.full_name} {'built' if built else 'already built'} in {folder}\n"
          f"examples: {splits}; {size:.1f} MB")


def main(argv=None):
  """The command line."""
  parser = argparse.ArgumentParser(prog="python -m data_builders.build", description=__doc__)
  parser.add_argument("name", help=f"NAME or NAME/CONFIG; one of {', '.join(names())}")
  parser.add_argument("--config", help="the builder's config; default: the builder's own")
  parser.add_argument("--data_dir", help="default: $TFDS_DATA_DIR or ~/tensorflow_datasets")
  parser.add_argument("--manual_dir", help="your own files, for builders that read some")
  args = parser.parse_args(argv)
  logging.set_verbosity(logging.ERROR)
  with one_sentence():
    print(_report(*prepare(args.name, args.config, args.data_dir, args.manual_dir)))


if __name__ == "__main__":
  main()
