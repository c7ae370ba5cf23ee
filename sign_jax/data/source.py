"""Videos and sentences of one split, as retrieval sees them."""

import functools

import numpy as np

from sign_jax.data import description, hand_boxes, index, pose, posed
from sign_jax.data import folder as folders
from sign_jax.data import streams as names_of_streams
from sign_jax.data.cache import FeatureCache, new_key
from sign_jax.data.posed import POSE
from sign_jax.data.records import fingerprint, open_split, split_names
from sign_jax.data.sampling import sample_indices
from sign_jax.data.tokenizer import clean, tokenize
from sign_jax.errors import UserError, did_you_mean, printable, shown

__all__ = ["RetrievalSplit", "fingerprint", "open_split", "split_names", "stream_names"]

_NAMES = ("video_id", "sentence_id")
_LONGEST_NOTE = 200  # characters of a note that is shown
_NO_CAPTIONS = (*_NAMES, "signer")


class RetrievalSplit:
  """Metadata of a split, and its features on demand; may be pickled and shared between threads.

  Attributes:
    label: NAME[/CONFIG]:VERSION of the data set.
    protocol: whose list of videos a corpus follows, None where the data set does not say.
    origin: where the split comes from, "" for one that is as it was released.
    in_order: whether its videos are in the order of a corpus's annotations.
    streams: tuple of the names of the feature streams that are read.
    dims, dtypes: {stream: D}, {stream: numpy dtype as stored}.
    poses: `pose.Settings`, or None where no poses are read.
    left_out: {video_id: reason} of the videos that are skipped; empty without poses.
    windows: (V,) int64, the number of windows of each video.
    stride: frames from one window to the next, 0 where the data set does not say.
    video_ids: list of V str, in the data set's order.
    sentence_ids, sentence_texts: lists of S str, in the order of first appearance; with `pairs`
      those of each video.
    sentence_of_video: (V,) int64 index of each video's sentence.
    videos_of_sentence: list of S int64 arrays of video indices.
  """

  def __init__(
    self, name, split, data_dir=None, *, streams=None, caption="text", cache=None, poses=None,
    pairs=False,
  ):
    """Reads the metadata of all videos, see `index.columns`.

    Args:
      name, split, data_dir: as for `records.open_split`.
      streams: names of the streams to read, by default all that the data set holds.
      caption: the field of the sentences' texts. With another one than "text", videos of one
        `sentence_id` whose captions differ are videos of different sentences.
      cache: `FeatureCache` of the features that `stored_features` reads, for one or more splits;
        by default they are read from disk each time.
      poses: `pose.Settings`; then the data set must hold poses, which `stored_features` gives too.
      pairs: whether each video has a sentence of its own, also where `sentence_id`s repeat.

    Raises:
      UserError: as `open_split`; an empty split or caption; videos of one sentence with different
        texts; a stream, poses or a caption that the data set lacks; a video without windows, or
        with streams of different lengths; poses that `pose.prepare` refuses.
    """
    self._source = open_split(name, split, data_dir)
    metadata = self._source.metadata
    self.label, self.protocol = self._source.label, metadata.get("protocol")
    self.origin, self.in_order = _origin(metadata, split), metadata.get("order") == "annotations"
    self.streams = _chosen_streams(self._source, streams)
    specs = {stream: self._source.feature_specs[stream] for stream in self.streams}
    self.dims = {stream: spec.shape[1] for stream, spec in specs.items()}
    self.dtypes = {stream: np.dtype(spec.np_dtype) for stream, spec in specs.items()}
    _check_names(self._source)
    _check_caption(self._source, caption)
    if not len(self._source):
      raise UserError(f"split {split!r} of data set {self._source.label!r} is empty")
    self._cache, self._key = FeatureCache(0) if cache is None else cache, new_key()
    self.poses, self.left_out = poses, {}
    columns = index.columns(self._source, streams_of(self._source))
    self._records = np.arange(len(self._source))  # of the videos
    if poses:
      self.poses = poses._replace(image_size=posed.image_size(self._source, poses.image_size))
      self._has_rows = posed.has_row_for_each_window(self._source, self.streams, self.poses)
      self._leave_out(columns["video_id"])
      columns = {name: [column[i] for i in self._records] for name, column in columns.items()}
    self._known_good = np.zeros(len(self._records), bool)
    self.video_ids = columns["video_id"]
    for video_id, *lengths in zip(self.video_ids, *(columns[s] for s in self.streams), strict=True):
      self._check_lengths(video_id, lengths)
    self.windows = np.array(columns[self.streams[0]])
    self.stride = _stride(self._source, self.streams[0])
    self._token_ids = {}  # by length
    group = self._pair if pairs else functools.partial(self._group, own_identity=caption != "text")
    group(columns["sentence_id"], columns[caption])

  def _leave_out(self, video_ids):
    """Finds the videos in which no hand can be used.

    Raises:
      UserError: there are none but these, or any, with `poses.no_hands` "stop".
    """
    settings = self.poses
    name = "hands-{}-{}x{}-{}".format(
      hand_boxes.NUMBER, *settings.image_size, settings.max_frames
    )
    if settings.bottom != hand_boxes.BOTTOM:  # which it always was before
      name += f"-{settings.bottom}"
    reasons = index.reasons(self._source, name, lambda: posed.without_hands(self._source, settings))
    self._records = np.flatnonzero([not reason for reason in reasons])
    self.left_out = {name: why for name, why in zip(video_ids, reasons, strict=True) if why}
    if not self.left_out or settings.no_hands == "skip" and len(self._records):
      return
    first = next(iter(self.left_out.values()))
    raise UserError(
      f"{len(self.left_out)} of the {len(reasons)} videos of {self._source.split} in "
      f"{self._source.label!r} show no usable hand, the first: {first}; train without them with "
      "--config.data.no_hands=skip, or check --config.data.image_size"
    )

  def _group(self, sentence_ids, texts, own_identity):
    text_of, keys = {}, []
    for sentence_id, text in zip(sentence_ids, texts, strict=True):
      # What cleans to the same has the same token ids.
      key = (sentence_id, clean(text) if own_identity else None)
      keys.append(key)
      first = text_of.setdefault(key, text)
      if first != text and clean(first) != clean(text):
        raise UserError(
          f"sentence {sentence_id!r} of {self._source.label!r} has different texts, "
          "give each text its own sentence_id"
        )
    index_of = {key: number for number, key in enumerate(text_of)}
    self._take([key[0] for key in text_of], list(text_of.values()), [index_of[key] for key in keys])

  def _pair(self, sentence_ids, texts):
    self._take(list(sentence_ids), list(texts), range(len(texts)))

  def _take(self, sentence_ids, texts, sentence_of_video):
    for sentence_id, text in zip(sentence_ids, texts, strict=True):
      if not clean(text):
        raise UserError(f"sentence {sentence_id!r} of {self._source.label!r} has no text")
    self.sentence_ids, self.sentence_texts = sentence_ids, texts
    self.sentence_of_video = np.array(sentence_of_video, np.int64)
    self.videos_of_sentence = _videos_of(self.sentence_of_video, self.num_sentences)

  @property
  def num_videos(self):
    return len(self.video_ids)

  @property
  def num_sentences(self):
    return len(self.sentence_ids)

  def token_ids(self, length):
    """(S, length) int32 token ids of the sentences, see `tokenizer.tokenize`; made once."""
    if length not in self._token_ids:
      self._token_ids[length] = np.stack([tokenize(x, length) for x in self.sentence_texts])
    return self._token_ids[length]

  def features(self, video_index):
    """{stream: (n, D) float32} of one video, one row per window of 16 frames.

    Raises:
      UserError: damaged records, or values that are not finite, for which a video is looked
        through the first time it is read.
    """
    stored = self._read(int(video_index))
    return {stream: stored[stream].astype(np.float32) for stream in self.streams}

  def stored_features(self, video_indices, length):
    """The windows of several videos that `sample_indices` keeps, in the data set's dtype.

    With poses, the windows are those of `pose.prepare`, whose fields are there too; `length` is
    then the number of windows in `poses`.

    Yields:
      {stream: (min(n, length), D)} of one video after the other; not to be written to.

    Raises:
      UserError: as `features`.
    """
    for video in map(int, video_indices):
      key = (self._key, video, length)
      rows = self._cache.get(key)
      if rows is None:
        whole = self._read(video)
        rows = self._posed(video, whole) if self.poses else {
          stream: _sampled(array, length) for stream, array in whole.items()
        }
        self._cache.put(key, rows)
      yield rows

  def facts(self, video, fields):
    """{field: value} of a video, of those of some fields that the data set has."""
    fields = [field for field in fields if field in self._source.feature_specs]
    (found,) = self._source.read([self._records[video]], fields)
    return found

  def _posed(self, video, whole):
    """The fields of `pose.Pose`, and of every stream the rows of its windows."""
    keypoints = whole[POSE]
    try:
      found = posed.prepare(keypoints, self.poses, self.video_ids[video])
    except pose.NoHands as error:
      raise UserError(f"{error}: it was noted as usable, delete hands-*.json in "
                      f"{self._source.folder}") from error
    count = self.windows[video]
    rows = (
      pose.window_rows(found, count, f"video {self.video_ids[video]!r} of {self._source.label!r}")
      if self._has_rows else pose.feature_rows(found, len(keypoints), count, self.stride)
    )
    return {**found._asdict(), **{stream: whole[stream][rows] for stream in self.streams}}

  def _read(self, video):
    """{stream: (n, D)} as stored, perhaps read-only; with poses {"pose": (F, 133, 3)} too."""
    fields = (*self.streams, POSE) if self.poses else self.streams
    (features,) = self._source.read([self._records[video]], fields)
    if not self._known_good[video]:
      self._check(video, {stream: features[stream] for stream in self.streams})
      self._known_good[video] = True
    return features

  def _check(self, video, features):
    if any(len(array) != self.windows[video] for array in features.values()):
      raise UserError(
        f"video {self.video_ids[video]!r} of {self._source.label!r} is not as long as noted: "
        f"delete index-*.json in {self._source.folder}"
      )
    if not all(map(_all_finite, features.values())):
      raise UserError(
        f"the features of video {self.video_ids[video]!r} of {self._source.label!r} are not all "
        "finite"
      )

  def _check_lengths(self, video_id, lengths):
    """`lengths`: of the streams, in their order."""
    if not all(lengths):
      raise UserError(f"video {video_id!r} of {self._source.label!r} has no features")
    if len(set(lengths)) > 1:
      raise UserError(
        f"the feature streams of video {video_id!r} of {self._source.label!r} differ in length: "
        + ", ".join(f"{s} {length}" for s, length in zip(self.streams, lengths, strict=True))
      )


def _origin(metadata, split):
  """What the builder has noted of where a split comes from, "" where nothing."""
  noted = metadata.get("origins")
  origin = noted.get(split.partition("[")[0]) if isinstance(noted, dict) else ""
  return printable(origin, _LONGEST_NOTE) if isinstance(origin, str) else ""


def _stride(source, stream):
  """Frames from one window of a stream to the next, 0 where the data set does not say."""
  noted = source.metadata.get(stream)
  stride = noted.get("stride") if isinstance(noted, dict) else 0
  return stride if type(stride) is int and stride > 0 else 0


def _sampled(rows, length):
  return rows if len(rows) <= length else rows[sample_indices(len(rows), length)]


def _all_finite(array):
  if array.dtype != np.float16:
    return np.isfinite(array).all()
  # An exponent of ones; several times as fast as numpy's function.
  return array.size == 0 or (array.view(np.uint16) & 0x7C00).max() < 0x7C00


def _check_names(source):
  missing = [name for name in _NAMES if name not in source.text_fields]
  if missing:
    raise UserError(
      f"data set {source.label!r} has no text {' and no '.join(missing)} for each video, which "
      "training needs: build it with data_builders.build"
    )


def _check_caption(source, caption):
  captions = [field for field in source.text_fields if field not in _NO_CAPTIONS]
  if caption not in captions:
    raise UserError(
      f"data set {source.label!r} has no caption {caption!r}{did_you_mean(caption, captions)}: "
      f"set --config.data.caption to {' or '.join(captions) or 'none'}"
    )


def stream_names(name, data_dir=None):
  """Names of the feature streams of a built data set, in the order of `streams.ordered`.

  Args:
    name, data_dir: as for `records.open_split`.

  Raises:
    UserError: not built, damaged, or it has none.
  """
  known = description.read(folders.find(name, data_dir))
  found = named_streams(known.features)
  if not found:
    raise UserError(_without_streams(known.label, known.features))
  return found


def streams_of(source):
  """Names of the features of a `SplitSource` that are arrays (windows, D) of floats."""
  return _rows_in(source.feature_specs)


def _rows_in(specs):
  return [name for name, spec in specs.items() if _is_stream(spec)]


def named_streams(specs):
  """Names of the feature streams among {name: TFDS feature}, in their order; a tuple."""
  return names_of_streams.ordered(filter(names_of_streams.is_name, _rows_in(specs)))


def _chosen_streams(source, streams):
  chosen = tuple(streams or named_streams(source.feature_specs))
  held = streams_of(source)
  missing = [name for name in chosen if name not in held]
  if missing:
    raise UserError(
      f"data set {source.label!r} has no feature stream {' or '.join(missing)!r}: "
      f"it has {', '.join(names_of_streams.ordered(held)) or 'none'}"
    )
  if not chosen:
    raise UserError(_without_streams(source.label, source.feature_specs))
  return chosen


def _without_streams(label, specs):
  rows = [shown(name) for name in sorted(_rows_in(specs))]
  but = f" (none may be called {' or '.join(rows[:5])})" if rows else ""
  return f"data set {label!r} has no feature stream{but}: build one of its configs that has"


def _is_stream(spec):
  """Whether a feature is an array (windows, D) of floats."""
  shape = spec.shape
  return (
    isinstance(shape, tuple)
    and len(shape) == 2
    and shape[0] is None
    and np.issubdtype(spec.np_dtype, np.floating)
  )


def _videos_of(sentence_of_video, sentences):
  by_sentence = np.argsort(sentence_of_video, kind="stable")
  bounds = np.searchsorted(sentence_of_video[by_sentence], np.arange(1, sentences))
  return np.split(by_sentence, bounds)
