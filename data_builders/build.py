"""Prepares a data set: `python -m data_builders.build NAME [--data_dir DIR] ...`."""

import argparse
import contextlib
import fcntl
import importlib
import io
import os
import pathlib
import shutil

import tensorflow_datasets as tfds
from absl import logging

from sign_jax.errors import UserError, did_you_mean, one_sentence

_MB = 1e6
_SOURCE = "source.txt"  # beside the records: the digest of the user's files that they came from


def names():
  """The data sets that can be built: folders with a builder module, sorted."""
  root = pathlib.Path(__file__).parent
  return sorted(path.parent.name for path in root.glob("*/*_dataset_builder.py")
                if path.stem == f"{path.parent.name}_dataset_builder")


def default_data_dir():
  """`TFDS_DATA_DIR` if it is set, else `~/tensorflow_datasets`."""
  return os.environ.get("TFDS_DATA_DIR") or os.path.expanduser("~/tensorflow_datasets")


def load_builder(name, config=None, data_dir=None, manual_dir=None):
  """The TFDS builder of a data set.

  Args:
    name: a name of `names()`, or "name/config".
    config: name of a builder config; None means the builder's default.
    data_dir: where prepared data sets live; None means `default_data_dir()`.
    manual_dir: the user's own files, for builders that read some.

  Raises:
    UserError: there is no such data set or config.
  """
  name, _, in_name = name.partition("/")
  config = config or in_name or None
  if name not in names():
    raise UserError(f"There is no data set {name!r}{did_you_mean(name, names())}; choose one of "
                    f"{', '.join(names())}.")
  builder = importlib.import_module(f"data_builders.{name}.{name}_dataset_builder").Builder
  configs = [known.name for known in builder.BUILDER_CONFIGS]
  if config is not None and config not in configs:
    raise UserError(f"{name} has no config {config!r}{did_you_mean(config, configs)}; choose one "
                    f"of {', '.join(configs) or 'none: leave it out'}.")
  return builder(data_dir=data_dir or default_data_dir(), config=config, manual_dir=manual_dir)


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


def _remove_remains(builder):
  """Deletes what a build that was killed has left behind."""
  folder = pathlib.Path(builder.data_dir)
  for path in (folder, *folder.parent.glob(f"incomplete.*_{folder.name}")):
    shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _alone(builder):
  """Lets one process at a time build a data set; the system frees the lock of a killed one."""
  folder = pathlib.Path(builder.data_dir).parent
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
  (pathlib.Path(builder.data_dir) / _SOURCE).write_text(builder.source_digest())


def prepare(name, config=None, data_dir=None, manual_dir=None):
  """Builds a data set unless it is complete.

  Takes the arguments of `load_builder`.

  Returns:
    The builder (its `data_dir` is the folder of the records), and whether it was built now.
  """
  def load():
    return load_builder(name, config, data_dir, manual_dir)

  if is_complete(builder := load()):
    return builder, False
  with _alone(builder):
    if is_complete(builder := load()):  # another process has built it meanwhile
      return builder, False
    _remove_remains(builder)
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
