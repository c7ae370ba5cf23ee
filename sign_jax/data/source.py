"""Videos and sentences of one split, as retrieval sees them."""

import numpy as np

from sign_jax.data.records import fingerprint, open_split
from sign_jax.data.tokenizer import clean
from sign_jax.errors import UserError

__all__ = ["STREAMS", "RetrievalSplit", "fingerprint", "open_split"]

STREAMS = ("agnostic", "aware")
_METADATA = ("video_id", "sentence_id", "text")
_READ_AT_ONCE = 256


class RetrievalSplit:
  """Metadata of a split, and its features on demand; may be pickled and shared between threads.

  Attributes:
    streams: tuple of the names of the feature streams that are read.
    dims: {stream: D}.
    video_ids: list of V str, in the data set's order.
    sentence_ids, sentence_texts: lists of S str, in the order of first appearance.
    sentence_of_video: (V,) int64 index of each video's sentence.
    videos_of_sentence: list of S int64 arrays of video indices.
  """

  def __init__(self, name, split, data_dir=None, *, streams=None, cache_bytes=2 << 30):
    """Reads the metadata of all videos.

    Args:
      name, split, data_dir: as for `records.open_split`.
      streams: names of the streams to read, by default those of `STREAMS` that the data set holds.
      cache_bytes: features are kept in memory, from the first video on, up to this many bytes; the
        rest is read from disk each time. Copies in worker processes keep none.

    Raises:
      UserError: as `open_split`; an empty split or caption; videos of one sentence with different
        texts; a stream that the data set lacks; and what `features` raises.
    """
    self._source = open_split(name, split, data_dir)
    self.streams = _chosen_streams(self._source, streams)
    self.dims = {s: self._source.feature_specs[s].shape[1] for s in self.streams}
    if not len(self._source):
      raise UserError(f"split {split!r} of data set {self._source.label!r} is empty")
    self._cache = {}
    self.video_ids, sentence_of_video, text_of = [], [], {}
    for example in self._read_all(cache_bytes):
      self.video_ids.append(example["video_id"])
      sentence_of_video.append(example["sentence_id"])
      text = text_of.setdefault(example["sentence_id"], example["text"])
      # What cleans to the same has the same token ids.
      if text != example["text"] and clean(text) != clean(example["text"]):
        raise UserError(
          f"sentence {example['sentence_id']!r} of {self._source.label!r} has different texts, "
          "give each text its own sentence_id"
        )
    self.sentence_ids, self.sentence_texts = list(text_of), list(text_of.values())
    for sentence_id, text in text_of.items():
      if not clean(text):
        raise UserError(f"sentence {sentence_id!r} of {self._source.label!r} has no text")
    index_of = {sentence_id: index for index, sentence_id in enumerate(self.sentence_ids)}
    self.sentence_of_video = np.array([index_of[s] for s in sentence_of_video], np.int64)
    self.videos_of_sentence = _group(self.sentence_of_video, self.num_sentences)

  @property
  def num_videos(self):
    return len(self.video_ids)

  @property
  def num_sentences(self):
    return len(self.sentence_ids)

  def features(self, video_index):
    """{stream: (n, D) float32} of one video, one row per window of 16 frames.

    Raises:
      UserError: no windows, values that are not finite, or streams of different lengths.
    """
    (stored,) = self.stored_features([video_index])
    return {stream: array.astype(np.float32) for stream, array in stored.items()}

  def stored_features(self, video_indices):
    """A list with the features of several videos, in the data set's dtype; not to be written to."""
    indices = [int(index) for index in video_indices]
    missing = [index for index in indices if index not in self._cache]
    # Read together: ArrayRecord reads in parallel, and one read costs about 1 ms.
    examples = self._source.read(missing, self.streams) if missing else []
    read = {
      index: self._checked(self.video_ids[index], example)
      for index, example in zip(missing, examples, strict=True)
    }
    return [read[index] if index in read else self._cache[index] for index in indices]

  def _read_all(self, cache_bytes):
    """Metadata of every video in order; fills the cache on the way."""
    room = cache_bytes
    for start in range(0, len(self._source), _READ_AT_ONCE):
      indices = range(start, min(start + _READ_AT_ONCE, len(self._source)))
      fields = _METADATA + self.streams if room > 0 else _METADATA
      for index, example in zip(indices, self._source.read(indices, fields), strict=True):
        if room > 0:
          features = self._checked(example["video_id"], {s: example[s] for s in self.streams})
          room -= sum(array.nbytes for array in features.values())
          if room >= 0:
            self._cache[index] = features
        yield example

  def _checked(self, video_id, features):
    lengths = {stream: len(array) for stream, array in features.items()}
    if not all(lengths.values()):
      raise UserError(f"video {video_id!r} of {self._source.label!r} has no features")
    if len(set(lengths.values())) > 1:
      raise UserError(
        f"the feature streams of video {video_id!r} of {self._source.label!r} differ in length: "
        f"{', '.join(f'{stream} {length}' for stream, length in lengths.items())}"
      )
    if not all(np.isfinite(array).all() for array in features.values()):
      raise UserError(
        f"the features of video {video_id!r} of {self._source.label!r} are not all finite"
      )
    return features

  def __getstate__(self):
    return {**self.__dict__, "_cache": {}}


def _chosen_streams(source, streams):
  held = [name for name, spec in source.feature_specs.items() if _is_stream(spec)]
  chosen = tuple(streams or (name for name in STREAMS if name in held))
  missing = [name for name in chosen if name not in held]
  if missing or not chosen:
    raise UserError(
      f"data set {source.label!r} has no feature stream {' or '.join(missing or STREAMS)!r}: "
      f"it has {', '.join(held) or 'none'}"
    )
  return chosen


def _is_stream(spec):
  """Whether a feature is an array (windows, D) of floats."""
  shape = spec.shape
  return (
    isinstance(shape, tuple)
    and len(shape) == 2
    and shape[0] is None
    and np.issubdtype(spec.np_dtype, np.floating)
  )


def _group(sentence_of_video, sentences):
  by_sentence = np.argsort(sentence_of_video, kind="stable")
  bounds = np.searchsorted(sentence_of_video[by_sentence], np.arange(1, sentences))
  return np.split(by_sentence, bounds)
