"""Built TFDS data sets, read from ArrayRecord without TensorFlow."""

import contextlib
import functools
import hashlib
import json
import pathlib

import numpy as np
import tensorflow_datasets as tfds

from sign_jax.data import digest
from sign_jax.data import folder as folders
from sign_jax.data.tf_example import bytes_values
from sign_jax.errors import UserError, did_you_mean

_METADATA = "metadata.json"  # where TFDS keeps what a builder notes


class SplitSource:
  """Random access to the examples of one split; may be pickled and shared between threads."""

  def __init__(self, folder, split):
    """Opens `split` of the data set in `folder`; errors as in `open_split`."""
    self.folder, self.split = pathlib.Path(folder), split
    with _damage_told(self.folder):
      builder = tfds.builder_from_directory(str(folder))
      self.feature_specs = builder.info.features
    self._check_files(builder, self._shards(builder.info.splits))
    with _damage_told(self.folder):
      self._records = builder.as_data_source(
        split, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES
      )
    self._decoder = functools.cache(self._make_decoder)

  @property
  def label(self):
    """NAME[/CONFIG]:VERSION, for messages."""
    info = json.loads((self.folder / folders.INFO_FILE).read_text())
    config = f"/{info['configName']}" if info.get("configName") else ""
    return f"{info['name']}{config}:{info['version']}"

  @property
  def metadata(self):
    """What the builder has noted beside the records; {} where it has not, or not in JSON."""
    try:
      metadata = json.loads((self.folder / _METADATA).read_text())
    except (OSError, ValueError, RecursionError):
      return {}
    return metadata if isinstance(metadata, dict) else {}

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
      with _damage_told(self.folder):
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

  def _shards(self, splits):
    name = self.split.partition("[")[0]
    if name not in splits:
      raise UserError(
        f"data set {self.label!r} has no split {self.split!r}{did_you_mean(self.split, splits)}: "
        f"it has {', '.join(sorted(splits))}"
      )
    try:
      return splits[self.split].filepaths
    except (ValueError, AssertionError) as error:
      raise UserError(
        f"{self.split!r} is no part of a split: write {name}, {name}[:10%] or {name}[5:20]"
      ) from error

  def _check_files(self, builder, shards):
    format_ = builder.info.file_format
    if format_ is None or format_.value != "array_record":
      raise UserError(
        f"data set {self.label!r} is not stored as array_record: delete {self.folder} and build "
        "it with data_builders.build"
      )
    for path in shards:
      if not path.exists():
        raise UserError(
          f"data set {self.label!r} lacks its file {path}: delete {self.folder} and build it again"
        )

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


def fingerprint(name, data_dir=None):
  """Digest of a built data set, equal for equal builds wherever they lie.

  Covers name, configuration, version, features, and the content of all records.

  Returns:
    str of 64 hexadecimal digits.

  Raises:
    UserError: as `folder.find`, or damaged.
  """
  folder = folders.find(name, data_dir)
  with _damage_told(folder):
    info = json.loads((folder / folders.INFO_FILE).read_text())
    facts = {
      # The rest of the file (module name, description) may differ between equal builds.
      "info": {key: info.get(key) for key in ("name", "configName", "version", "splits")},
      "features": json.loads((folder / folders.FEATURES_FILE).read_text()),
      "records": digest.read(folder),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@contextlib.contextmanager
def _damage_told(folder):
  """Makes one sentence of what TFDS, protobuf and ArrayRecord raise over broken files."""
  try:
    yield
  except (UserError, OSError):
    raise
  except Exception as error:  # their kinds of errors are many, and stated nowhere
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    raise UserError(
      f"the data set in {folder} is damaged ({reason}): delete this folder and build it again"
    ) from error


def _raw_decoder(spec):
  """A function from bytes to the value, for features that are stored as raw bytes; else None."""
  if type(spec) is tfds.features.Text:
    return lambda value: str(value, "utf-8")
  if type(spec) is not tfds.features.Tensor or spec.shape.count(None) > 1:
    return None
  if spec.to_json_content().encoding != "bytes":
    return None
  shape = tuple(-1 if size is None else size for size in spec.shape)
  return lambda value: np.frombuffer(value, spec.np_dtype).reshape(shape)


def _text(value):
  return value.decode("utf-8") if isinstance(value, bytes) else value
