"""Batches of signed sentences, padded to one of a few numbers of frames.

A batch is a dict of `video` and `flow` (B, T, S, S, 3) uint8 and `keypoints` (B, T, 133, 3)
float32, those that the videos hold, and `frames` (B,) int32, how many of the T there are: behind
them stands the last one again. Training batches have `glosses` (B, N) int32 besides, 0 behind the
end, and what is known of the texts; those of evaluation `index` (B,) int32, which video it is, and
`mask` (B,) bool, False in the rows that fill up the last batch. T is one of `buckets`, so that few
programs are compiled. Every training batch is a function of (seed, step) alone.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence

import grain
import numpy as np
from jaxtyping import Int

from sign_jax.data import frame_sampling, pipeline, watchdog
from sign_jax.data.assemble import shard_rows
from sign_jax.data.gloss_videos import GlossVideos
from sign_jax.errors import UserError
from sign_jax.protocols import Batch

_MOST_BYTES = 1 << 30  # of batches that are read ahead
_KEYPOINTS = 4 * 3 * 133  # bytes of a frame

Rows = Callable[[Int[np.ndarray, " B"]], Batch]  # indices of videos -> further fields


@dataclasses.dataclass(frozen=True)
class Layout:
  """How videos become batches.

  Attributes:
    batch_size: B of the global batch.
    buckets: ascending multiples of 4, the numbers of frames that batches may have; the last one is
      the most that are read of a video.
    stretch: the fewest and the most frames that training takes, as shares of a video's.
    pool: batches among whose videos those of like length stand together; 1 leaves all to chance.
    shard_index, shard_count: this process gets the rows [i * B / n, (i + 1) * B / n).
    reader_timeout: seconds that a batch may take, 0 for any number; see `watchdog.Watched`.
    num_workers: processes besides threads.
  """

  batch_size: int
  buckets: tuple[int, ...]
  stretch: tuple[float, float] = frame_sampling.STRETCH
  pool: int = 1
  shard_index: int = 0
  shard_count: int = 1
  reader_timeout: float = watchdog.SECONDS
  num_workers: int = 0

  @property
  def rows(self) -> slice:
    """Those of this process."""
    return shard_rows(self.batch_size, self.shard_index, self.shard_count)

  def bucket(self, most: int) -> int:
    """The least one that holds so many frames."""
    return next(size for size in self.buckets if size >= most)


def check_buckets(buckets: Sequence[int], most: int = 6) -> None:
  """Raises UserError where they are none, too many, not ascending, or no multiples of 4."""
  stride = frame_sampling.STRIDE
  fits = all(type(x) is int and x > 0 and x % stride == 0 for x in buckets)
  if not 1 <= len(buckets) <= most or not fits or list(buckets) != sorted(set(buckets)):
    raise UserError(
        f"data.buckets={tuple(buckets)} must be 1 to {most} ascending multiples of {stride}: a "
        "program is compiled for each"
    )


def train_batches(
    videos: GlossVideos, layout: Layout, seed: int, texts: Rows, start_step: int = 0
) -> Iterator[Batch]:
  """Endless training batches; each epoch reads every video once.

  Args:
    videos: at least `layout.batch_size`; what an epoch leaves over is dropped.
    layout: `Layout`.
    seed: in [0, 2**32).
    texts: gives `glosses` and other fields of the videos of some indices.
    start_step: the first batch is the one that an uninterrupted run gives at this step.

  Returns:
    Iterator of batches of B / shard_count rows. Its `close()` ends threads and processes.

  Raises:
    UserError: rows that do not divide among the shards; from the iterator, what `GlossVideos.read`
      raises.
    ReaderLost: from the iterator, when no batch comes.
  """
  steps = grain.MapDataset.range(len(videos) // layout.batch_size).repeat()
  batches = steps.map_with_index(_TrainBatch(videos, layout, seed, texts))
  return _iterate(batches[start_step:], videos, layout)


def train_examples(videos: GlossVideos, layout: Layout, seed: int, step: int) -> list[int]:
  """Indices of the videos in the global batch that `train_batches` begins `step` with."""
  return _TrainBatch(videos, layout, seed, None).examples(step)[0].tolist()


def eval_batches(
    videos: GlossVideos, layout: Layout, texts: Rows | None = None
) -> Iterator[Batch]:
  """Every video once, those of like length together; rows that fill up repeat the last one.

  With `texts`, batches have the fields that it gives.
  """
  batch = _EvalBatch(videos, layout, texts)
  return _iterate(grain.MapDataset.range(len(batch)).map(batch), videos, layout)


def _iterate(steps, videos, layout):
  rows, pixels = layout.rows, 3 * videos.size**2 * len({"video", "flow"} & set(videos.fields))
  nbytes = (rows.stop - rows.start) * layout.buckets[-1] * (pixels + _KEYPOINTS)
  ahead = int(np.clip(_MOST_BYTES // nbytes, 2, 8))
  return pipeline.iterate(steps, layout.num_workers, layout.reader_timeout, ahead)


class _TrainBatch:
  def __init__(self, videos, layout, seed, texts):
    self._videos, self._layout, self._seed, self._texts = videos, layout, seed, texts
    self._counts, self._held = videos.counts, (None, None)

  def __call__(self, step, _):
    chosen, longest = self.examples(step)
    chosen = chosen[self._layout.rows]
    epoch = self._epoch_of(step)[0]
    places = [self._places(epoch, index) for index in chosen.tolist()]
    batch = _padded(self._videos, chosen, places, self._layout.bucket(longest))
    return {**batch, **self._texts(chosen)}

  def examples(self, step):
    """((B,) indices, the most frames of one of them) of the global batch of a step."""
    epoch, number = self._epoch_of(step)
    known, order = self._held
    if known != epoch:
      order = self._order(epoch)
      self._held = epoch, order
    batches, longest = order
    return batches[number], longest[number]

  def _epoch_of(self, step):
    return divmod(step, len(self._counts) // self._layout.batch_size)

  def _places(self, epoch, index):
    generator = np.random.default_rng((self._seed, epoch, index))
    count, layout = int(self._counts[index]), self._layout
    return frame_sampling.training_frames(count, generator, layout.buckets[-1], layout.stretch)

  def _order(self, epoch):
    """((steps, B) indices, (steps,) most frames of a video in each batch)."""
    size, generator = self._layout.batch_size, np.random.default_rng((self._seed, epoch))
    lengths = np.array([len(self._places(epoch, n)) for n in range(len(self._counts))])
    order = generator.permutation(len(lengths))[: len(lengths) // size * size]
    if self._layout.pool > 1:
      span = self._layout.pool * size
      pools = [order[first : first + span] for first in range(0, len(order), span)]
      order = np.concatenate([pool[np.argsort(lengths[pool], kind="stable")] for pool in pools])
    batches = order.reshape(-1, size)
    if self._layout.pool > 1:
      batches = batches[generator.permutation(len(batches))]
    return batches, lengths[batches].max(1)

  def __getstate__(self):
    return {**self.__dict__, "_held": (None, None)}


class _EvalBatch:
  def __init__(self, videos, layout, texts):
    self._videos, self._layout, self._texts = videos, layout, texts
    most = layout.buckets[-1]
    self._places = functools.partial(frame_sampling.evaluation_frames, most=most)
    self._order = np.argsort(videos.counts, kind="stable")

  def __len__(self):
    return -(-len(self._order) // self._layout.batch_size)

  def __call__(self, number):
    size, last = self._layout.batch_size, len(self._order) - 1
    wanted = np.arange(number * size, (number + 1) * size)
    chosen = self._order[np.minimum(wanted, last)]
    places = [self._places(int(self._videos.counts[index])) for index in chosen]
    bucket, rows = self._layout.bucket(max(map(len, places))), self._layout.rows
    chosen, more = chosen[rows], {}
    batch = _padded(self._videos, chosen, places[rows], bucket)
    if self._texts is not None:
      more = self._texts(chosen)
    return {**batch, **more, "index": chosen.astype(np.int32), "mask": wanted[rows] <= last}


def _padded(videos, chosen, places, frames):
  """The frames at `places` of the chosen videos, and the last one of each up to `frames`."""
  fill = lambda x: np.concatenate([x, np.repeat(x[-1:], frames - len(x))])
  parts = [videos.read(int(n), fill(x)) for n, x in zip(chosen, places, strict=True)]
  arrays = {name: np.stack([part[name] for part in parts]) for name in videos.fields}
  return {**arrays, "frames": np.array([len(x) for x in places], np.int32)}
