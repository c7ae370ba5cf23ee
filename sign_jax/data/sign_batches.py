"""Batches of isolated signs, each of a fixed number of frames.

A batch is a dict of `video` (B, n, S, S, 3) uint8 RGB and `keypoints` (B, n, 133, 3) float32, those
that the clips hold, and `label` (B,) int32; evaluation has `mask` (B,) bool besides, False in the
rows that fill up the last batch. Every training batch is a function of (seed, step) alone.
Longer clips are cut, shorter ones begin and end with repeated frames (NLA-SLR, section 4.1).
"""

import grain
import numpy as np

from sign_jax.data import pipeline, watchdog
from sign_jax.data.assemble import shard_rows

CROPS = (1, 3)  # clips of a sign in evaluation: the central one, or also the first and the last
_MOST_BYTES = 1 << 30  # of batches that are read ahead


def random_places(count, wanted, rng):
  """Which frames of a clip are read in training.

  Args:
    count: T, frames of the clip.
    wanted: n.
    rng: numpy Generator.

  Returns:
    (n,) int64, not decreasing: n in a row from a random one on, or all T between repeated ones.
  """
  if count >= wanted:
    return rng.integers(count - wanted + 1) + np.arange(wanted)
  before = rng.integers(wanted - count + 1)
  return np.clip(np.arange(wanted) - before, 0, count - 1)


def places(count, wanted, crop=0, crops=1):
  """The same in evaluation: crop 0 of 1 is central, crops 0 to 2 of 3 are first, central and last.

  Clips shorter than n lie in the middle of repeated frames, all crops alike.
  """
  if count < wanted:
    return np.clip(np.arange(wanted) - (wanted - count) // 2, 0, count - 1)
  start = (count - wanted) // 2 if crops == 1 else crop * (count - wanted) // (crops - 1)
  return start + np.arange(wanted)


def train_batches(
  clips,
  *,
  batch_size,
  frames,
  seed,
  start_step=0,
  num_workers=0,
  reader_timeout=watchdog.SECONDS,
  shard_index=0,
  shard_count=1,
):
  """Endless training batches; each epoch reads every clip once.

  Args:
    clips: `sign_clips.SignClips`.
    batch_size: B of the global batch. What an epoch leaves over is dropped.
    frames: n.
    seed: int in [0, 2**32).
    start_step: the first batch is the one that an uninterrupted run gives at this step.
    num_workers: processes besides threads.
    reader_timeout: seconds that a batch may take, 0 for any number; see `watchdog.Watched`.
    shard_index, shard_count: this process gets the rows [i * B / n, (i + 1) * B / n).

  Returns:
    Iterator of batches of B / shard_count rows. Its `close()` ends threads and processes.

  Raises:
    UserError: rows that do not divide among the shards; from the iterator, what `SignClips.read`
      raises.
    ReaderLost: from the iterator, when no batch comes.
  """
  rows = shard_rows(batch_size, shard_index, shard_count)
  batch = _TrainBatch(clips, rows, frames, seed)
  steps = pipeline.shuffled_batches(len(clips), batch_size, seed).map_with_index(batch)
  ahead = _ahead(clips, rows, frames)
  return pipeline.iterate(steps[start_step:], num_workers, reader_timeout, ahead)


def train_examples(clips, *, batch_size, seed, step):
  """Indices of the clips in the global batch that `train_batches` begins `step` with."""
  return np.asarray(pipeline.shuffled_batches(len(clips), batch_size, seed)[step]).tolist()


def eval_batches(
  clips, *, batch_size, frames, crops=1, reader_timeout=watchdog.SECONDS, shard_index=0,
  shard_count=1,
):  # fmt: skip
  """Every clip once, in their order, or `crops` times in a row.

  Args:
    clips: `sign_clips.SignClips`.
    batch_size: of the global batch; rows that fill up the last one repeat the last clip.
    frames: n.
    crops: one of CROPS.
    reader_timeout, shard_index, shard_count: as in `train_batches`.

  Returns:
    Iterator of batches with `mask`.
  """
  rows = shard_rows(batch_size, shard_index, shard_count)
  steps = grain.MapDataset.range(-(-len(clips) * crops // batch_size))
  batch = _EvalBatch(clips, batch_size, rows, frames, crops)
  return pipeline.iterate(steps.map(batch), 0, reader_timeout, _ahead(clips, rows, frames))


def _ahead(clips, rows, frames):
  """How many batches may wait."""
  pixels = 3 * clips.size**2 if "video" in clips.fields else 0
  nbytes = (rows.stop - rows.start) * frames * (pixels + 4 * 3 * 133)
  return int(np.clip(_MOST_BYTES // nbytes, 2, 8))


class _TrainBatch:
  def __init__(self, clips, rows, frames, seed):
    self._clips, self._rows, self._frames, self._seed = clips, rows, frames, seed

  def __call__(self, step, indices):
    chosen = np.asarray(indices)[self._rows]
    first = self._rows.start
    return _batch(self._clips, chosen, [
      random_places(
        self._clips.num_frames(index), self._frames,
        np.random.default_rng((self._seed, step, first + row)),
      )
      for row, index in enumerate(chosen.tolist())
    ])  # fmt: skip


class _EvalBatch:
  def __init__(self, clips, batch_size, rows, frames, crops):
    self._clips, self._batch_size, self._rows = clips, batch_size, rows
    self._frames, self._crops = frames, crops

  def __call__(self, number):
    wanted = np.arange(number * self._batch_size, (number + 1) * self._batch_size)[self._rows]
    last = len(self._clips) * self._crops - 1
    chosen, crop = np.divmod(np.minimum(wanted, last), self._crops)
    read = [
      places(self._clips.num_frames(index), self._frames, turn, self._crops)
      for index, turn in zip(chosen.tolist(), crop.tolist(), strict=True)
    ]
    return {**_batch(self._clips, chosen, read), "mask": wanted <= last}


def _batch(clips, chosen, read):
  """The frames `read`, lists of places, of the chosen clips."""
  parts = [_part(clips, int(index), places) for index, places in zip(chosen, read, strict=True)]
  arrays = {name: np.stack([part[name] for part in parts]) for name in clips.fields}
  return {**arrays, "label": clips.labels[chosen]}


def _part(clips, index, places):
  low = int(places[0])
  found = clips.read(index, low, int(places[-1]) + 1)
  return {name: array[places - low] for name, array in found.items()}
