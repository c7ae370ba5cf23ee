"""Builds a data set: `python -m data_builders.build NAME [--data_dir DIR] ...`."""

import argparse
import contextlib
import fcntl
import io
import pathlib
import shutil

import tensorflow_datasets as tfds
from absl import logging

from data_builders.attachments import scaling
from data_builders.attachments.poses import described, described_size
from data_builders.attachments.scaling import UNSTATED
from data_builders.corpus.findings import ON_ERROR
from data_builders.isolated import videos
from data_builders.loading import find, load_builder, names
from data_builders.writing import array_records, buckets, exchange, schema, skipped
from data_builders.writing.dtypes import FEATURE_DTYPES
from sign_jax.data import description, digest, posed, source
from sign_jax.data import splits as split_names
from sign_jax.data.folder import DEFAULT_FILE, default_data_dir
from sign_jax.data.records import SplitSource
from sign_jax.errors import UserError, one_sentence, printable
from sign_jax.files import path_argument, replacing, user_path

_MB = 1e6
_SOURCE = "source.txt"  # beside the records: the digest of the user's files that they came from


def is_complete(builder):
  """Whether the data set is there, whole, and made from the user's files as they are now.

  It has the splits that the builder is to build, and no others.

  Raises:
    OSError: a disk, a network or a permission does not let it be seen.
  """
  folder = pathlib.Path(builder.data_dir)
  if not _is_whole(folder) or _splits_in(folder) != tuple(builder.wanted):
    return False
  return (folder / _SOURCE).read_bytes() == builder.source_digest().encode()


def _is_whole(folder):
  """Whether a build has ended in `folder`, and its files are there and hang together.

  Nothing is imported or looked for that they name, see `description`.
  """
  if not (folder / _SOURCE).is_file():
    return False
  try:
    for split in description.read(folder).splits:
      SplitSource(folder, split)
  except UserError:  # a file is missing, damaged or of another format
    return False
  return True


def _splits_in(folder):
  """Names of the splits of a whole data set, in the order of `SPLITS`."""
  found = description.read(folder).splits
  return tuple(split for split in split_names.SPLITS if split in found)


def _folder(name, config, data_dir):
  """Where a data set goes; a builder would read, and stumble over, what lies there."""
  builder, config = find(name, config)
  root = user_path(data_dir or default_data_dir())
  config = config or builder.DEFAULT_BUILDER_CONFIG_NAME or ""
  return root / builder.name / config / str(builder.VERSION)


def _complete(folder, load, splits):
  """The builder of the complete data set in `folder`, or None.

  One that has more splits than are asked for is complete too, if all of them are as they would be
  built now: asking for a part does not throw the rest away.

  Raises:
    OSError: as `is_complete`; what cannot be seen may well be complete.
  """
  if not _is_whole(folder):  # before a builder reads what lies there
    return None
  there = _splits_in(folder)
  if splits and set(splits) < set(there):
    with contextlib.suppress(UserError):  # the files of the others are gone
      if builder := _as_it_would_be(folder, load, there):
        return builder
  return _as_it_would_be(folder, load, splits)


def _as_it_would_be(folder, load, splits, **changes):
  """The builder of these splits if `folder` holds what it would build now, or None."""
  try:
    builder = load(splits=splits, **changes)
    count = skipped.count_skipped(folder)
    complete = is_complete(builder)
  except (UserError, OSError):
    raise
  except Exception:  # what TFDS raises over a damaged description; one of ours comes again
    return None
  if complete and count and builder.findings.on_error == "stop":
    raise UserError(
      f"{count} damaged videos were left out of what is built in {builder.data_dir} (they are in "
      f"its {skipped.SKIPPED}), pass --on_error skip to accept that, or correct their files"
    )
  return builder if complete else None


@contextlib.contextmanager
def _alone(folder):
  """Lets one process at a time build in `folder`; the system frees the lock of a killed one.

  Gives False where the file system has no locks, as some network file systems.
  """
  folder.mkdir(parents=True, exist_ok=True)
  with open(folder / ".lock", "w") as lock:
    try:
      fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError:
      yield False
    else:
      yield True


def _build(builder, manual_dir, source):
  tfds.disable_progress_bar()  # the builders show their own, which knows the total
  config = tfds.download.DownloadConfig(manual_dir=manual_dir, try_download_gcs=False)
  with (
    contextlib.redirect_stdout(io.StringIO()),
    array_records.used_by_tfds(builder.COMPRESSED),
    buckets.used_by_tfds(),
  ):
    builder.download_and_prepare(download_config=config)
  builder.note_counts()
  digest.write(description.read(builder.data_dir))
  skipped.write_skipped(builder)
  # The last file: without it, a build counts as killed.
  (pathlib.Path(builder.data_dir) / _SOURCE).write_text(source)


def prepare(
  name, config=None, data_dir=None, manual_dir=None, on_error="stop", poses=UNSTATED, splits=None,
  feature_dtype=FEATURE_DTYPES[0],
):  # fmt: skip
  """Builds a data set unless it is complete.

  Takes the arguments of `load_builder`. Another build of the same data set, of other splits or in
  another dtype, is replaced, but not by a part of it in another dtype.

  Returns:
    The builder (its `data_dir` is the folder of the records), and whether it was built now.

  Raises:
    UserError: what the builder raises.
  """
  def load(data_dir=data_dir, splits=splits, feature_dtype=feature_dtype):
    return load_builder(
      name, config, data_dir, manual_dir, on_error, poses, splits, feature_dtype
    )

  folder = _folder(name, config, data_dir)
  if builder := _complete(folder, load, splits):
    return builder, False
  with _alone(folder.parent) as alone:
    if alone:
      exchange.remove_remains(folder)
    if builder := _complete(folder, load, splits):  # another process has built it meanwhile
      return builder, False
    _check_keeps_more(folder, load, splits, feature_dtype)
    return _build_anew(folder, load, manual_dir), True


def _check_keeps_more(folder, load, splits, dtype):
  """Raises UserError where a part of a data set would take the place of the whole in another dtype.

  Runs were trained on the whole, and could not go on.
  """
  if not splits or not _is_whole(folder) or not set(splits) < set(there := _splits_in(folder)):
    return
  for other in FEATURE_DTYPES:
    with contextlib.suppress(UserError):  # what is there is not as it would be built now
      if other != dtype and _as_it_would_be(folder, load, there, feature_dtype=other):
        break
  else:
    return
  raise UserError(
    f"{folder} holds {', '.join(there)} in {other}: build all of them in {dtype}, without "
    "--splits, or build in another place with --data_dir"
  )


def _build_anew(folder, load, manual_dir):
  """Builds beside `folder`; what lies in it is replaced when the new one is whole, not before."""
  with exchange.beside(folder) as root:
    builder = load(data_dir=root)
    # Before they are read: files that change meanwhile call for a new build.
    _build(builder, manual_dir, builder.source_digest())
    _take_default(pathlib.Path(builder.data_dir), folder)
    exchange.take_place(pathlib.Path(builder.data_dir), folder)
  return load()


def _take_default(built, folder):
  """Copies TFDS's note of the builder's default config, which lies beside all configs."""
  note = built.parent.parent / DEFAULT_FILE
  if note.is_file():
    target = folder.parent.parent / DEFAULT_FILE
    target.parent.mkdir(exist_ok=True)
    with replacing(target) as partial:
      shutil.copyfile(note, partial)


def _report(builder, built):
  splits = ", ".join(f"{name} {split.num_examples}" for name, split in builder.info.splits.items())
  folder = pathlib.Path(builder.data_dir)
  size = sum(path.stat().st_size for path in folder.iterdir()) / _MB
  lines = [
    f"{builder.info.full_name} {'built' if built else 'already built'} in {folder}",
    f"examples: {splits}; {size:.1f} MB" + _said_of_streams(builder.info.features),
    skipped.describe(folder),
    *_said_of_splits(builder),
    *_said_of_poses(builder.info.metadata),
    *_said_of_videos(builder.info.metadata),
  ]
  return "\n".join(printable(line) for line in lines if line)


def _said_of_streams(features):
  streams = source.named_streams(features)
  return f"; feature streams: {', '.join(streams)}" if streams else ""


def _said_of_splits(builder):
  # What the records were built with; the builder's own metadata is of what it would build.
  noted = description.read_metadata(builder.data_dir)
  origins = noted.get("origins")
  for split, origin in origins.items() if isinstance(origins, dict) else ():
    yield f"{split}: {origin}"
  if builder.IN_ORDER and schema.ORDER not in noted:
    yield (
      "its records are not in the order of the annotations, in which ties=released counts as the "
      "released programs do: an earlier version built it; delete its folder and build it again"
    )


def _said_of_poses(metadata):
  noted = (metadata or {}).get("pose")
  if not isinstance(noted, dict):
    return []
  counts = noted.get("counts")
  said = [*described_size(noted), *(described(counts) if isinstance(counts, dict) else ())]
  if any(isinstance(x, dict) and posed.ROWS in x for x in metadata.values()):
    said.append("the features have a row for each window that is kept of the poses, as SEDS "
                "releases them")
  return said


def _said_of_videos(metadata):
  noted = (metadata or {}).get("video")
  counts = noted.get("counts") if isinstance(noted, dict) else None
  if isinstance(counts, dict):
    yield from videos.described(counts)
  isolated = (metadata or {}).get("isolated")
  missing = isolated.get("missing") if isinstance(isolated, dict) else None
  if isinstance(missing, dict) and any(missing.values()):
    splits = [f"{name} {count} of {isolated['listed'][name]}" for name, count in missing.items()]
    yield f"listed videos that are missing: {', '.join(splits)}"


def main(argv=None):
  """The command line."""
  parser = argparse.ArgumentParser(prog="python -m data_builders.build", description=__doc__)
  parser.add_argument("name", help=f"NAME or NAME/CONFIG; one of {', '.join(names())}")
  parser.add_argument("--config", help="another way to write NAME/CONFIG")
  parser.add_argument("--data_dir", type=path_argument,
                      help="default: $TFDS_DATA_DIR or ~/tensorflow_datasets")
  parser.add_argument("--manual_dir", type=path_argument,
                      help="folder with your files, if the data set is made of any")
  parser.add_argument("--on_error", choices=ON_ERROR, default="stop",
                      help="on a damaged or missing file: stop, or skip the video and list it")
  parser.add_argument("--splits", metavar="SPLIT,...",
                      help="the splits to build, such as test or train,validation; default: all")
  parser.add_argument("--feature_dtype", choices=FEATURE_DTYPES, default=FEATURE_DTYPES[0],
                      help="of the stored features; float32 takes twice the room")
  scaling.add_options(parser)
  parser.add_argument("--shard", help=argparse.SUPPRESS)  # of earlier versions
  args = parser.parse_args(argv)
  logging.set_verbosity(logging.ERROR)
  with one_sentence():
    if args.shard is not None:
      raise UserError("a data set is built in one piece, leave out --shard")
    splits = None if args.splits is None else split_names.parse_list(args.splits)
    print(_report(*prepare(args.name, args.config, args.data_dir, args.manual_dir, args.on_error,
                           scaling.stated(args), splits, args.feature_dtype)))


if __name__ == "__main__":
  main()
