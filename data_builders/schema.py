"""What every retrieval data set of this library looks like on disk."""

import numpy as np
import tensorflow_datasets as tfds
from tqdm import tqdm


def rows(dim, dtype=np.float16):
  """Feature for a `(n, *dim)` array of unknown `n`; `dim` is an int or a tuple.

  Raw bytes: the generic encoding of tensors builds about 15 times slower.
  """
  tail = (dim,) if isinstance(dim, int) else tuple(dim)
  return tfds.features.Tensor(shape=(None, *tail), dtype=dtype, encoding="bytes")


def retrieval_features(streams, **extra):
  """The features shared by all retrieval data sets.

  Args:
    streams: dict from a stream's name ("agnostic", optionally "aware") to its width. A stream is
      a float16 array `(windows, width)`, one row per window of 16 frames.
    **extra: further TFDS features of one data set.

  Returns:
    A `tfds.features.FeaturesDict` of `video_id`, `sentence_id`, `text` (English, what the text
    tower reads), `signer` (Text), `num_frames` (int32), `fps` (float32, frames per second), the
    streams and `extra`.
  """
  return tfds.features.FeaturesDict({
    "video_id": tfds.features.Text(),
    "sentence_id": tfds.features.Text(),
    "text": tfds.features.Text(),
    "signer": tfds.features.Text(),
    "num_frames": tfds.features.Scalar(dtype=np.int32),
    "fps": tfds.features.Scalar(dtype=np.float32),
    **{name: rows(dim) for name, dim in streams.items()},
    **extra,
  })


class LocalInfo(tfds.core.DatasetInfo):
  """`DatasetInfo` that never looks for a published copy of the data set on the network."""

  def initialize_from_bucket(self):
    """Does nothing."""


class RetrievalBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
  """Base of the builders: writes ArrayRecord, which is read back without TensorFlow.

  A subclass is called `Builder`, sets `VERSION` (and `BUILDER_CONFIGS`), and defines `_info`
  (usually with `retrieval_info`), `_split_generators` and `_generate_examples`.

  Attributes:
    manual_dir: folder with the user's files, or None; set before `_info` runs, so that a width
      can be read from the files.
  """

  def __init__(self, *, manual_dir=None, **kwargs):
    self.manual_dir = manual_dir
    super().__init__(**{**kwargs, "file_format": "array_record"})

  def source_digest(self):
    """Changes when the user's files do, so that the data set is built again; "" without any."""
    return ""

  def retrieval_info(self, description, streams, metadata=None, **extra):
    """`DatasetInfo` with `retrieval_features(streams, **extra)`.

    `metadata` is a JSON-like dict that is stored beside the data as `info.metadata`.
    """
    return LocalInfo(
      builder=self,
      description=description,
      features=retrieval_features(streams, **extra),
      metadata=tfds.core.MetadataDict(metadata or {}),
    )

  def progress(self, items, split, unit="video"):
    """`items` (with a length) behind a progress bar that names the data set and the split."""
    return tqdm(items, desc=f"{self.info.full_name} {split}", unit=unit, mininterval=0.5)
