"""Prepares a data set: `python -m data_builders.build NAME [--data_dir DIR] ...`.

With --shard K/N it makes one part of N, and the last part to be there joins them.
"""

import argparse
import contextlib
import fcntl
import io
import pathlib
import shutil
import tempfile

import tensorflow_datasets as tfds
from absl import logging

from data_builders import array_records, parts, skipped
from data_builders.findings import ON_ERROR, named
from data_builders.loading import find, load_builder, names
from sign_jax.data import digest, shares
from sign_jax.data.folder import default_data_dir
from sign_jax.errors import UserError, one_sentence
from sign_jax.files import path_argument, user_path

_MB = 1e6
_SOURCE = "source.txt"  # beside the records: the digest of the user's files that they came from


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
  builder, config = find(name, config)
  root = user_path(data_dir or default_data_dir())
  config = config or builder.DEFAULT_BUILDER_CONFIG_NAME or ""
  return root / builder.name / config / str(builder.VERSION)


def _complete(load):
  """The builder, or None where there is no complete data set."""
  try:
    builder = load()
    if not is_complete(builder):
      return None
    tfds.builder_from_directory(builder.data_dir)  # reads files that a builder does not look at
    count = skipped.count_skipped(builder.data_dir)
    if count and builder.findings.on_error == "stop":
      raise UserError(
        f"{count} damaged videos were left out of what is built in {builder.data_dir} (they are in "
        f"its {skipped.SKIPPED}), pass --on_error skip to accept that, or correct their files"
      )
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
def _alone(folder, name=".lock"):
  """Lets one process at a time build in `folder`; the system frees the lock of a killed one."""
  folder.mkdir(parents=True, exist_ok=True)
  with open(folder / name, "w") as lock:
    with contextlib.suppress(OSError):  # some network file systems have no locks
      fcntl.flock(lock, fcntl.LOCK_EX)
    yield


def _build(builder, manual_dir, source):
  tfds.disable_progress_bar()  # the builders show their own, which knows the total
  config = tfds.download.DownloadConfig(manual_dir=manual_dir, try_download_gcs=False)
  with (
    contextlib.redirect_stdout(io.StringIO()),
    array_records.used_by_tfds(builder.COMPRESSED),
  ):
    builder.download_and_prepare(download_config=config)
  digest.write(builder.data_dir)
  skipped.write_skipped(builder)
  # The last file: without it, a build counts as killed.
  (pathlib.Path(builder.data_dir) / _SOURCE).write_text(source)


def prepare(name, config=None, data_dir=None, manual_dir=None, on_error="stop"):
  """Builds a data set unless it is complete; joins its parts where all are there.

  Takes the arguments of `load_builder`.

  Returns:
    The builder (its `data_dir` is the folder of the records), and whether it was built now.

  Raises:
    UserError: what the builder raises; some parts are there and others are missing.
  """
  def load(data_dir=data_dir):
    return load_builder(name, config, data_dir, manual_dir, on_error)

  if builder := _complete(load):
    return builder, False
  folder = _folder(name, config, data_dir)
  with _alone(folder.parent):
    if builder := _complete(load):  # another process has built it meanwhile
      return builder, False
    count = _count_of_parts(folder, load)
    return _build_anew(folder, load, manual_dir, count), True


def prepare_part(part, name, config=None, data_dir=None, manual_dir=None, on_error="stop"):
  """Builds a part of a data set unless it is there; joins the parts when none is missing.

  Args:
    part: (k, n) for the k-th of n parts.
    name, config, data_dir, manual_dir, on_error: as in `load_builder`.

  Returns:
    The builder or None, and which parts are missing; it is None as long as some are.
  """
  def load(data_dir=data_dir, part=(1, 1)):
    return load_builder(name, config, data_dir, manual_dir, on_error, part)

  if builder := _complete(load):
    return builder, []
  folder = _folder(name, config, data_dir)
  path = parts.place(folder, part)
  with _alone(path.parent, f".lock_{part[0]}"), tempfile.TemporaryDirectory() as elsewhere:
    builder = load(elsewhere, part)  # elsewhere: the remains may describe another state
    source = builder.source_digest()
    if not parts.is_complete(path, source):
      parts.write(builder, path, source)
  with _alone(folder.parent):
    if builder := _complete(load):
      shutil.rmtree(path, ignore_errors=True)
      return builder, []
    if missing := parts.missing(folder, part[1], source):
      return None, missing
    return _build_anew(folder, load, manual_dir, part[1]), []


def _count_of_parts(folder, load):
  """How many parts are there to be joined, 0 without any."""
  if not (counts := parts.started(folder)):
    return 0
  with tempfile.TemporaryDirectory() as elsewhere:
    source = load(elsewhere).source_digest()
  missing = {count: parts.missing(folder, count, source) for count in counts}
  if whole := [count for count, lacking in missing.items() if not lacking]:
    return whole[0]
  lacking = named([f"{k}/{counts[-1]}" for k in missing[counts[-1]]])
  raise UserError(
    f"somebody builds {folder} in parts, of which {lacking} are missing: build them with --shard, "
    f"or delete {parts.place(folder, (1, 1)).parent.parent} to build in one piece"
  )


def _build_anew(folder, load, manual_dir, count):
  """Builds in `folder`, from `count` parts or, where that is 0, from the user's files."""
  _remove_remains(folder)
  builder = load()  # anew: the remains may have described another state
  # Before they are read: files that change meanwhile call for a new build.
  source = parts.join(builder, folder, count) if count else builder.source_digest()
  if count:
    if builder.findings.on_error == "stop" and (skips := builder.findings.skips):
      raise UserError(
        f"the parts of {folder} leave out {len(skips)} damaged videos (first: {skips[0].reason}), "
        "pass --on_error skip to accept that, or correct their files"
      )
  _build(builder, manual_dir, source)
  if count:
    parts.remove(folder)
  return builder


def _report(builder, built):
  splits = ", ".join(f"{name} {split.num_examples}" for name, split in builder.info.splits.items())
  folder = pathlib.Path(builder.data_dir)
  size = sum(path.stat().st_size for path in folder.iterdir()) / _MB
  lines = [
    f"{builder.info.full_name} {'built' if built else 'already built'} in {folder}",
    f"examples: {splits}; {size:.1f} MB",
    skipped.describe(folder),
  ]
  return "\n".join(line for line in lines if line)


def main(argv=None):
  """The command line."""
  parser = argparse.ArgumentParser(prog="python -m data_builders.build", description=__doc__)
  parser.add_argument("name", help=f"NAME or NAME/CONFIG; one of {', '.join(names())}")
  parser.add_argument("--config", help="the builder's config; default: the builder's own")
  parser.add_argument("--data_dir", type=path_argument,
                      help="default: $TFDS_DATA_DIR or ~/tensorflow_datasets")
  parser.add_argument("--manual_dir", type=path_argument,
                      help="your own files, for builders that read some")
  parser.add_argument("--on_error", choices=ON_ERROR, default="stop",
                      help="at a damaged or missing file: stop, or skip the video and note it")
  parser.add_argument("--shard", metavar="K/N", help="build only this part of N, e.g. 1/3")
  args = parser.parse_args(argv)
  logging.set_verbosity(logging.ERROR)
  what = (args.name, args.config, args.data_dir, args.manual_dir, args.on_error)
  with one_sentence():
    if not args.shard:
      print(_report(*prepare(*what)))
      return
    builder, missing = prepare_part(shares.parse(args.shard), *what)
    print(_report(builder, True) if builder else
          f"part {args.shard} is there, missing: {', '.join(map(str, missing))}")


if __name__ == "__main__":
  main()
