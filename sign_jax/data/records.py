"""Built TFDS data sets, read from ArrayRecord without TensorFlow."""

import functools
import hashlib
import json
import pathlib
import zlib

import numpy as np
import tensorflow_datasets as tfds
from array_record.python import array_record_data_source

from sign_jax.data import chunks, description, digest
from sign_jax.data import folder as folders
from sign_jax.data.splits import SPLITS
from sign_jax.data.tf_example import bytes_values
from sign_jax.errors import UserError, did_you_mean
from sign_jax.untrusted import budget


class SplitSource:
  """Random access to the examples of one split; may be pickled and shared between threads.

  Attributes:
    folder, split: as given.
    feature_specs: `tfds.features.FeaturesDict`.
    description: `description.Description` of the data set.
  """

  def __init__(self, folder, split):
    """Opens `split` of the data set in `folder`; errors as in `open_split`."""
    self.folder, self.split = pathlib.Path(folder), split
    self.description = description.read(self.folder)
    self.feature_specs = self.description.features
    self._check_split(self.description.splits)
    shards = self.description.shards(split)
    for path in self.description.paths(split):
      with description.damage_told(self.folder):
        chunks.check(path, shards[path])
    instructions = self.description.splits[split].file_instructions
    self._records = (
      array_record_data_source.ArrayRecordDataSource(instructions) if instructions else ()
    )
    self._decoder = functools.cache(self._make_decoder)

  @property
  def label(self):
    """NAME[/CONFIG]:VERSION, for messages."""
    return self.description.label

  @property
  def metadata(self):
    """What the builder has noted beside the records; {} where it has not, or not in JSON."""
    return description.read_metadata(self.folder)

  def __len__(self):
    return len(self._records)

  @property
  def text_fields(self):
    """Names of the features that are texts."""
    return [name for name, spec in self.feature_specs.items() if type(spec) is tfds.features.Text]

  def read(self, indices, fields):
    """Decodes some fields of some examples.

    One record at a time: its memory, which stays in the processor's cache, serves the next one.

    Args:
      indices: ints in [0, len(self)).
      fields: names of features; the others are not decoded.

    Yields:
      {field: value}: arrays and numpy scalars, texts as str. Arrays may be read-only views of
      their record.

    Raises:
      UserError: the records are damaged.
    """
    for index in indices:
      with description.damage_told(self.folder):
        example = self._decoder(tuple(fields))(self._records[int(index)])
      yield example

  def _make_decoder(self, fields):
    """A function from a record to {field: value}."""
    specs = {field: self.feature_specs[field] for field in fields}
    raw = {field: _raw_decoder(spec) for field, spec in specs.items()}
    if all(raw.values()):
      return lambda record: {
        field: raw[field](value) for field, value in bytes_values(record, fields).items()
      }
    # TFDS refuses PartialDecoding in data sources; a FeaturesDict of the wanted fields does it.
    decode = tfds.features.FeaturesDict(specs).deserialize_example_np
    return lambda record: {field: _text(value) for field, value in decode(record).items()}

  def _check_split(self, splits):
    name = self.split.partition("[")[0]
    if name not in splits:
      raise UserError(
        f"data set {self.label!r} has no split {self.split!r}{did_you_mean(self.split, splits)}: "
        f"it has {', '.join(sorted(splits))}; data_builders.build without --splits builds all"
      )
    try:
      splits[self.split]  # parses it
    except (ValueError, AssertionError) as error:
      raise UserError(
        f"{self.split!r} is no part of a split: write {name}, {name}[:10%] or {name}[5:20]"
      ) from error

  def __getstate__(self):
    return {"folder": self.folder, "split": self.split}

  def __setstate__(self, state):
    self.__init__(**state)


def open_split(name, split, data_dir=None):
  """Opens a split of a built data set.

  Args:
    name: "NAME", "NAME/CONFIG" or "NAME/CONFIG:VERSION", see `folder.find`.
    split: "train", "validation", "test", ..., or a part in TFDS's notation, "train[:10%]".
    data_dir: by default the environment's TFDS_DATA_DIR, or ~/tensorflow_datasets.

  Returns:
    A `SplitSource`.

  Raises:
    UserError: not built, half built, damaged, no such split.
  """
  return SplitSource(folders.find(name, data_dir), split)


def split_names(name, data_dir=None):
  """Names of the splits of a built data set, sorted; arguments and errors as in `open_split`."""
  return sorted(description.read(folders.find(name, data_dir)).splits)


def measured_splits(name, data_dir=None, given=()):
  """Those of "validation" and "test" that a data set has.

  Args:
    name, data_dir: as in `open_split`.
    given: names of splits that are held already, and then are all there are.

  Returns:
    tuple of str.

  Raises:
    UserError: it has neither, or as in `open_split`.
  """
  there = given or split_names(name, data_dir)
  found = tuple(split for split in SPLITS[1:] if split in there)
  if not found:
    raise UserError(
      f"data set {name!r} has no split to measure, neither validation nor test: build it with "
      f"--splits {','.join(SPLITS)}"
    )
  return found


def fingerprint(name, data_dir=None):
  """Digest of a built data set, equal for equal builds wherever they lie.

  Covers name, configuration, version, features, and the content of all records: whatever is noted
  beside them is compared with them first, see `digest`.

  Returns:
    str of 64 hexadecimal digits.

  Raises:
    UserError: as `folder.find`, or damaged.
  """
  known = description.read(folders.find(name, data_dir))
  facts = {
    # The rest of the file (module name, description) may differ between equal builds.
    "info": {key: known.info.get(key) for key in ("name", "configName", "version", "splits")},
    "features": known.features_json,
    "records": digest.read(known),
  }
  return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _raw_decoder(spec):
  """A function from bytes to the value, for features that are stored as raw bytes; else None."""
  if type(spec) is tfds.features.Text:
    return lambda value: str(value, "utf-8")
  if type(spec) is not tfds.features.Tensor or spec.shape.count(None) > 1:
    return None
  encoding = spec.to_json_content().encoding
  if encoding not in ("bytes", "zlib"):
    return None
  shape = tuple(-1 if size is None else size for size in spec.shape)
  unpacked = _unzip if encoding == "zlib" else lambda value: value
  return lambda value: np.frombuffer(unpacked(value), spec.np_dtype).reshape(shape)


def _unzip(value):
  unzip = zlib.decompressobj()
  content = unzip.decompress(value, budget.Budget(len(value)).unpacked)
  if not unzip.eof:
    raise ValueError("a feature is cut short, or unpacks to far more than its size warrants")
  return content


def _text(value):
  return value.decode("utf-8") if isinstance(value, bytes) else value
