"""What a built data set says of itself: `dataset_info.json` and `features.json`.

Both are read here and not by TFDS, which would import modules, look for files and ask for paths
that they name. What they can choose is the number of records in each split, and features of TFDS:
the records lie in the data set's own folder, under the names that TFDS gives them.
"""

import contextlib
import pathlib
import re
from typing import Any, NamedTuple

from tensorflow_datasets.core import splits as tfds_splits
from tensorflow_datasets.core.naming import DEFAULT_FILENAME_TEMPLATE, ShardedFileTemplate

from sign_jax.data import feature_classes
from sign_jax.data import folder as folders
from sign_jax.errors import UserError, first_line, sentences, shown
from sign_jax.untrusted import budget

_FORMAT = "array_record"
_MAX_BYTES = 2 << 20  # real ones have a few thousand
_NAME = re.compile(r"\w+")
_SPLIT = re.compile(r"\w[\w.\-]*")


class Description(NamedTuple):
  """A data set in a folder.

  Attributes:
    folder: pathlib.Path.
    info, features_json: what the two files hold.
    features: `tfds.features.FeaturesDict`.
    splits: `SplitDict` from the name of a split, or of a part ("train[:10%]"), to what lies where.
  """

  folder: pathlib.Path
  info: dict
  features_json: dict
  features: Any
  splits: Any

  @property
  def label(self):
    """NAME[/CONFIG]:VERSION, for messages."""
    return _label(self.info)

  def shards(self, part=None):
    """{path: number of records} of the files of records, sorted by name.

    Args:
      part: the name of a split, or of a part of one; by default all splits.
    """
    wanted = set(self.splits[part].filepaths) if part else None
    found = {
      path: length
      for split in self.splits.values()
      for path, length in zip(split.filepaths, split.shard_lengths, strict=True)
      if wanted is None or path in wanted
    }
    return {pathlib.Path(path): found[path] for path in sorted(found)}

  def paths(self, part=None):
    """The files of records, as `shards`.

    Raises:
      UserError: one is missing.
    """
    paths = list(self.shards(part))
    for path in paths:
      if not path.is_file():
        raise UserError(
          f"data set {self.label!r} lacks its file {path}: delete {self.folder} and build it again"
        )
    return paths


def read(folder):
  """Reads the description of the data set in `folder`.

  Returns:
    `Description`.

  Raises:
    UserError: a file is missing, damaged, or names what is not read: a class that is none of TFDS's
      features, files elsewhere, another format.
  """
  folder = pathlib.Path(folder)
  info_path, features_path = folder / folders.INFO_FILE, folder / folders.FEATURES_FILE
  for path in (info_path, features_path):
    if not path.is_file():
      raise UserError(f"{path} is missing: delete {folder} and build the data set again")
  with damage_told(folder):
    info = budget.read_json(info_path, _MAX_BYTES)
    features_json = budget.read_json(features_path, _MAX_BYTES)
    if "features" in info:  # where TFDS looks for them first
      _features(info["features"], info_path)
    return Description(
      folder, info, features_json, _features(features_json, features_path), _splits(info, folder)
    )


def read_metadata(folder):
  """What the builder has noted beside the records; {} where it has not, or not in JSON."""
  try:
    metadata = budget.read_json(pathlib.Path(folder) / folders.METADATA_FILE, _MAX_BYTES)
  except (FileNotFoundError, NotADirectoryError, ValueError):
    return {}
  return metadata if isinstance(metadata, dict) else {}


@contextlib.contextmanager
def damage_told(folder):
  """Makes one sentence of what TFDS, protobuf and ArrayRecord raise over broken files.

  Raises:
    UserError: the data set is damaged.
    OSError: the system fails to read it, and it may well be whole.
  """
  try:
    yield
  except (UserError, OSError):
    raise
  except Exception as error:  # their kinds of errors are many, and stated nowhere
    # ArrayRecord, which is C++, tells a failing disk so.
    if isinstance(error, RuntimeError) and (passing := sentences.as_os_error(error)):
      raise passing from error
    raise UserError(
      f"the data set in {folder} is damaged ({first_line(error)}): delete this folder and build it "
      "again"
    ) from error


def _label(info):
  config = f"/{info['configName']}" if info.get("configName") else ""
  return f"{info['name']}{config}:{info['version']}"


def _features(value, path):
  try:
    return feature_classes.from_json(value)
  except UserError as error:
    raise UserError(f"{path} {error}") from error


def _splits(info, folder):
  """`SplitDict` of files in `folder`."""
  # Bars and messages show the whole label.
  if not _NAME.fullmatch(info["name"]) or not _label(info).isprintable():
    raise UserError(
      f"{folder / folders.INFO_FILE} calls the data set {shown(_label(info))}, which is no name"
    )
  if info.get("fileFormat") != _FORMAT:
    raise UserError(
      f"data set {_label(info)!r} is not stored as {_FORMAT}: delete {folder} and build it with "
      "data_builders.build"
    )
  template = ShardedFileTemplate(
    data_dir=folder, dataset_name=info["name"], filetype_suffix=_FORMAT
  )
  return tfds_splits.SplitDict([_split(x, template) for x in info.get("splits", [])])


def _split(split, template):
  name, pattern = split["name"], split.get("filepathTemplate")
  info_path = template.data_dir / folders.INFO_FILE
  if not _SPLIT.fullmatch(name):
    raise UserError(f"{info_path} calls a split {shown(name)}, which is no name")
  if pattern not in (None, "", DEFAULT_FILENAME_TEMPLATE):
    raise UserError(
      f"{info_path} looks for the files of {name} under names of its own ({shown(pattern)}), which "
      f"are not read: they must be called {DEFAULT_FILENAME_TEMPLATE} and lie beside it"
    )
  lengths = [int(length) for length in split.get("shardLengths", [])]
  if any(length < 0 for length in lengths):
    raise ValueError(f"{name} has less than no records")
  return tfds_splits.SplitInfo(
    name=name, shard_lengths=lengths, num_bytes=0, filename_template=template.replace(split=name)
  )
