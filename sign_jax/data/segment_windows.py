"""Batches of windows from labelled segments, with the sign encoder's training augmentation.

A batch is a dict of `video` (B, 16, crop, crop, 3) uint8 RGB and `label` (B,) int32; evaluation
has `mask` (B,) bool besides, False in the rows that fill up the last batch. Every training batch
is a function of (seed, step) alone: threads, worker processes and restarts change nothing.
"""

import pathlib
from typing import NamedTuple

import grain
import numpy as np
from PIL import Image

from sign_jax.data import pipeline, watchdog
from sign_jax.data.assemble import shard_rows
from sign_jax.data.cache import FeatureCache, new_key
from sign_jax.video import frames as video_frames

PER = ("window", "batch")


class Augmentation(NamedTuple):
  """How a training window differs from what evaluation reads; one draw for all its frames.

  Attributes:
    scale: the crop's side is `crop` times 1 - scale to 1 + scale.
    jitter: red, green and blue are each multiplied by 1 - jitter to 1 + jitter.
    flip: left and right, every second time.
    per: one of PER, what colours and flip are drawn for; a crop is drawn for each window. CiCo's
      code draws them once for all windows of a batch.
  """

  scale: float = 0.1
  jitter: float = 0.2
  flip: bool = False
  per: str = "window"

  def look(self, rng):
    """(gains of red, green and blue, whether to flip), drawn."""
    return rng.uniform(1 - self.jitter, 1 + self.jitter, 3), self.flip and rng.random() < 0.5


class Segments:
  """Frames of labelled segments; may be pickled and shared between threads."""

  def __init__(self, folder, labels, crop=video_frames.CROP, cache=None):
    """Opens nothing yet.

    Args:
      folder: of the videos.
      labels: [`label_table.Label`].
      crop: height and width of the windows.
      cache: `FeatureCache` of segments, already resized; by default they are decoded each time.
    """
    self._folder, self.labels, self.crop = pathlib.Path(folder), labels, crop
    self._cache, self._key = FeatureCache(0) if cache is None else cache, new_key()

  def __len__(self):
    return len(self.labels)

  def frames(self, index):
    """(F, R, R, 3) uint8 RGB of a segment, F at least a window, R = `frames.resize_of(crop)`.

    A segment shorter than a window repeats its last frame.

    Raises:
      VideoError: names the video that cannot be read.
    """
    key = (self._key, index)
    held = self._cache.get(key)
    if held is None:
      held = {"frames": self._decode(self.labels[index])}
      self._cache.put(key, held)
    return held["frames"]

  def drawn(self, index, rng, augment, look=None):
    """(16, crop, crop, 3) uint8: a random window of a segment, augmented; arguments as there."""
    frames = self.frames(index)
    start = rng.integers(len(frames) - video_frames.WINDOW + 1)
    return augmented(frames[start : start + video_frames.WINDOW], self.crop, augment, rng, look)

  def central(self, index):
    """(16, crop, crop, 3) uint8: the window in a segment's middle."""
    frames = self.frames(index)
    start = (len(frames) - video_frames.WINDOW) // 2
    window = frames[start : start + video_frames.WINDOW]
    return np.stack([video_frames.center_crop(frame, self.crop) for frame in window])

  def _decode(self, label):
    size = (video_frames.resize_of(self.crop),) * 2
    path = self._folder / label.video
    frames = list(video_frames.read_frames(path, size, label.start, label.end, label.box))
    frames += frames[-1:] * (video_frames.WINDOW - len(frames))
    return np.stack(frames)


def train_batches(
  segments,
  *,
  batch_size,
  seed,
  augment=Augmentation(),  # noqa: B008 - immutable
  start_step=0,
  num_workers=0,
  reader_timeout=watchdog.SECONDS,
  shard_index=0,
  shard_count=1,
):
  """Endless training batches: each epoch reads one random window of each segment.

  Args:
    segments: `Segments`, or what has its `labels`, `drawn` and `central`.
    batch_size: B of the global batch. What an epoch leaves over is dropped.
    seed: int in [0, 2**32).
    augment: `Augmentation`.
    start_step: the first batch is the one that an uninterrupted run gives at this step.
    num_workers: processes besides threads.
    reader_timeout: seconds that a batch may take, 0 for any number; see `watchdog.Watched`.
    shard_index, shard_count: this process gets the rows [i * B / n, (i + 1) * B / n).

  Returns:
    Iterator of batches of B / shard_count rows. Its `close()` ends threads and processes.

  Raises:
    UserError: rows that do not divide among the shards; from the iterator, what
      `Segments.frames` raises.
    ReaderLost: from the iterator, when no batch comes.
  """
  rows = shard_rows(batch_size, shard_index, shard_count)
  batch = _TrainBatch(segments, rows, seed, augment)
  steps = pipeline.shuffled_batches(len(segments), batch_size, seed).map_with_index(batch)
  return pipeline.iterate(steps[start_step:], num_workers, reader_timeout)


def train_examples(segments, *, batch_size, seed, step):
  """Indices of the segments in the global batch that `train_batches` begins `step` with."""
  return np.asarray(pipeline.shuffled_batches(len(segments), batch_size, seed)[step]).tolist()


def eval_batches(
  segments, *, batch_size, reader_timeout=watchdog.SECONDS, shard_index=0, shard_count=1
):
  """The central window of every segment once, in their order.

  Args:
    segments: `Segments`.
    batch_size: of the global batch; rows that fill up the last one repeat the last segment.
    reader_timeout, shard_index, shard_count: as in `train_batches`.

  Returns:
    Iterator of batches with `mask`.
  """
  rows = shard_rows(batch_size, shard_index, shard_count)
  steps = grain.MapDataset.range(-(-len(segments) // batch_size))
  return pipeline.iterate(steps.map(_EvalBatch(segments, batch_size, rows)), 0, reader_timeout)


def augmented(window, crop, augment, rng, look=None):
  """A random crop of another scale, with other colours.

  Args:
    window: (T, R, R, 3) uint8.
    crop: height and width of the result.
    augment: `Augmentation`.
    rng: numpy Generator.
    look: what `Augmentation.look` returns; by default it is drawn.

  Returns:
    (T, crop, crop, 3) uint8.
  """
  side = min(crop * rng.uniform(1 - augment.scale, 1 + augment.scale), window.shape[1])
  left, top = rng.uniform(0, window.shape[1] - side, 2)
  gains, flipped = look or augment.look(rng)
  box = (left, top, left + side, top + side)
  images = (Image.fromarray(frame) for frame in window)
  crops = [np.asarray(x.resize((crop, crop), Image.Resampling.BILINEAR, box)) for x in images]
  table = np.clip(np.rint(np.arange(256)[:, None] * gains), 0, 255).astype(np.uint8)
  jittered = table[np.stack(crops), np.arange(3)]
  return jittered[:, :, ::-1] if flipped else jittered


class _TrainBatch:
  def __init__(self, segments, rows, seed, augment):
    self._segments, self._rows, self._seed, self._augment = segments, rows, seed, augment

  def __call__(self, step, indices):
    chosen = np.asarray(indices)[self._rows]
    first, look = self._rows.start, None
    if self._augment.per == "batch":  # the last number tells this draw from those of the rows
      look = self._augment.look(np.random.default_rng((self._seed, step, 0, 1)))
    windows = [self._window(step, first + row, index, look) for row, index in enumerate(chosen)]
    return _batch(self._segments, chosen, windows)

  def _window(self, step, row, index, look):
    rng = np.random.default_rng((self._seed, step, row))
    return self._segments.drawn(int(index), rng, self._augment, look)


class _EvalBatch:
  def __init__(self, segments, batch_size, rows):
    self._segments, self._batch_size, self._rows = segments, batch_size, rows

  def __call__(self, number):
    places = np.arange(number * self._batch_size, (number + 1) * self._batch_size)[self._rows]
    chosen = np.minimum(places, len(self._segments) - 1)
    windows = [self._segments.central(int(index)) for index in chosen]
    return {**_batch(self._segments, chosen, windows), "mask": places < len(self._segments)}


def _batch(segments, indices, windows):
  labels = [segments.labels[index].label for index in indices]
  return {"video": np.stack(windows), "label": np.array(labels, np.int32)}
