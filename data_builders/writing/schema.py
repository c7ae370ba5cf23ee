"""What the data sets of this library look like on disk."""

import collections

import numpy as np
import tensorflow_datasets as tfds
from tqdm import tqdm

from data_builders.attachments.layouts import JOINTS
from data_builders.attachments.scaling import UNSTATED
from data_builders.corpus.findings import Findings
from data_builders.writing.dtypes import FEATURE_DTYPES
from sign_jax.data.splits import SPLITS
from sign_jax.errors import UserError

ORDER = "order"  # the key of the metadata that says in which order the records lie
_KEYS = 2**128  # of TFDS's examples
_SIGN_TEXTS = ("video_id", "gloss", "signer", "video")
_SIGN_NUMBERS = ("label", "first_frame", "end_frame", "num_frames")


def rows(dim, dtype=np.float16):
  """Feature for a `(n, *dim)` array of unknown `n`; `dim` is an int or a tuple.

  Raw bytes: the generic encoding of tensors builds about 15 times slower.
  """
  tail = (dim,) if isinstance(dim, int) else tuple(dim)
  return tfds.features.Tensor(shape=(None, *tail), dtype=dtype, encoding="bytes")


def retrieval_features(streams, **extra):
  """The features shared by all retrieval data sets.

  Args:
    streams: dict from a stream's name (see `sign_jax.data.streams`) to its width. A stream is
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


def sign_features(with_pose):
  """The features shared by all data sets of isolated signs, a record for each clip of a sign.

  Returns:
    A `tfds.features.FeaturesDict` of `video_id`, `gloss` ("" where signs have no names), `signer`
    and `video` (path of a file or a folder of pictures below the user's folder; Text), `label`
    (int32, from 0), `first_frame` (int32, from 0), `end_frame` (int32, exclusive; 0: to the end),
    `num_frames` (int32, of the clip), `fps` (float32, frames per second), `box` ((4,) float32,
    left, top, right and bottom as shares of the picture; all 0: the whole picture); with poses,
    `pose` ((num_frames, 133, 3) float32, x and y in pixels of the picture, confidence) and
    `pose_size` ((2,) int32, the picture's width and height).
  """
  features = {
    **{name: tfds.features.Text() for name in _SIGN_TEXTS},
    **{name: tfds.features.Scalar(dtype=np.int32) for name in _SIGN_NUMBERS},
    "fps": tfds.features.Scalar(dtype=np.float32),
    "box": tfds.features.Tensor(shape=(4,), dtype=np.float32),
  }
  if with_pose:
    features["pose"] = rows((JOINTS, 3), np.float32)
    features["pose_size"] = tfds.features.Tensor(shape=(2,), dtype=np.int32)
  return tfds.features.FeaturesDict(features)


def not_empty(examples, split, findings):
  """`examples`, checked to be at least one.

  Raises:
    UserError: every video of the split has been skipped.
  """
  count = 0
  for count, example in enumerate(examples, 1):  # noqa: B007
    yield example
  if not count:
    reason = next((skip.reason for skip in findings.skips if skip.split == split), "none is listed")
    raise UserError(f"every video of the split {split} is damaged, the first: {reason}")


def order_keys(count):
  """Keys of `count` examples that keep them in their order, and memory small.

  TFDS sorts by key. It first divides the examples among a thousand files by key, from 0 to 2^128,
  and reads one file at a time: keys near 0 would all be in one.
  """
  return range(0, _KEYS, -(-_KEYS // max(count, 1)))


def _order(is_kept):
  return {ORDER: "annotations"} if is_kept else {}


class LocalInfo(tfds.core.DatasetInfo):
  """`DatasetInfo` that never looks for a published copy of the data set on the network."""

  def initialize_from_bucket(self):
    """Does nothing."""


class RecordBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
  """Base of the builders: writes ArrayRecord, which is read back without TensorFlow.

  A subclass is called `Builder`, sets `VERSION` (and `BUILDER_CONFIGS`), and defines `_info` (with
  `info_of`), `_split_generators` and `_generate_examples`.

  Attributes:
    CAN_SKIP: whether damaged videos can be left out.
    READS_POSES: whether it has configs with poses from the user's files.
    CHOOSES_DTYPE: whether it stores features of the user's, in a dtype that can be chosen.
    IN_ORDER: whether the records lie in the order in which the examples are generated, which has to
      be that of the annotations; else TFDS shuffles them. See `order_keys`.
    COMPRESSED: whether its records are, see `array_records`.
    manual_dir: folder with the user's files, or None; set before `_info` runs, so that a width
      can be read from the files.
    findings: `Findings` of the build.
    poses: `scaling.Stated`: what the user says of the poses.
    wanted: names of the splits that are built, in the order of `SPLITS`.
    feature_dtype: numpy dtype of the stored features, where it can be chosen.
    counts: {content: Counter} of what its examples show; noted in the metadata's content.
  """

  CAN_SKIP = False
  READS_POSES = False
  CHOOSES_DTYPE = False
  IN_ORDER = False
  COMPRESSED = False

  def __init__(
    self, *, manual_dir=None, on_error="stop", poses=UNSTATED, splits=None,
    feature_dtype=FEATURE_DTYPES[0], **kwargs,
  ):  # fmt: skip
    self.manual_dir, self.poses = manual_dir, poses
    self.wanted, self.feature_dtype = splits or SPLITS, np.dtype(feature_dtype)
    self.counts = collections.defaultdict(collections.Counter)
    self.findings = Findings(on_error)
    super().__init__(**{**kwargs, "file_format": "array_record"})

  def source_digest(self):
    """Changes when the user's files do, so that the data set is built again; "" without any."""
    return ""

  def info_of(self, features, description, metadata=None, citation=None, homepage=None):
    """`DatasetInfo` of a data set.

    `metadata` is a JSON-like dict that is stored beside the data as `info.metadata`.
    """
    return LocalInfo(
      builder=self,
      description=description,
      features=features,
      metadata=tfds.core.MetadataDict({**(metadata or {}), **_order(self.IN_ORDER)}),
      disable_shuffling=self.IN_ORDER,
      citation=citation,
      homepage=homepage,
    )

  def dtype_digest(self):
    """What the dtype of features adds to `source_digest`: nothing for the default, as ever."""
    is_default = self.feature_dtype == FEATURE_DTYPES[0]
    return b"" if is_default else f" {self.feature_dtype}".encode()

  def note_counts(self):
    """Adds `counts` to the metadata of the data set that was built."""
    for name, counts in self.counts.items():
      if counts:
        self.info.metadata.setdefault(name, {})["counts"] = dict(counts)
    self.info.metadata.save_metadata(self.data_dir)

  def progress(self, items, split, unit="video"):
    """`items` (a sequence), with a bar that names the data set and the split."""
    return tqdm(items, desc=f"{self.info.full_name} {split}", unit=unit, mininterval=0.5)


class RetrievalBuilder(RecordBuilder, skip_registration=True):
  """Base of the builders of videos with sentences."""

  def retrieval_info(self, description, streams, metadata=None, citation=None, homepage=None,
                     **extra):
    """`info_of` with `retrieval_features(streams, **extra)`."""
    features = retrieval_features(streams, **extra)
    return self.info_of(features, description, metadata, citation, homepage)
