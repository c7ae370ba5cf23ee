"""Batches for retrieval, read ahead by Grain.

A batch is a dict of numpy arrays: `video` (B, L_v, D), zeros where there is no window, float32 for
the sum of two streams and else as stored (see the function `combine`); `video_valid` (B, L_v) bool,
True = a real window; `text` (B, L_t) int32; `text_aug` (B, L_t) int32, the ids of the augmented
text; and, where the split has poses, `pose`, a dict as `pose.pad` makes it, of the same windows.
Systems with a `protocols.TextReader` find its fields in place of `text` and `text_aug`.
Every training batch is a function of (seed, step) alone: threads, worker processes, shards and
restarts change nothing.
"""

import dataclasses
import os

import grain
import numpy as np
from absl import flags

from sign_jax.data import watchdog
from sign_jax.data.assemble import (
  EvalBatch,
  PosedVideoRows,
  TextRows,
  TrainBatch,
  VideoRows,
  combine,
  combined_dim,
  shard_rows,
)
from sign_jax.data.augment import Augmentation
from sign_jax.data.pose import BODY, HANDS, SIZE, WINDOW
from sign_jax.data.resident import VideoPlaces
from sign_jax.data.tokenizer import END, START
from sign_jax.errors import UserError

__all__ = ["combine", "combined_dim", "eval_batches", "fake_batch", "train_batches"]

COUNTED = {"sentence": "sentences", "pair": "videos"}
_READ = grain.ReadOptions(num_threads=min(8, os.cpu_count() or 1), prefetch_buffer_size=8)
# In each worker process, whose batches wait in shared memory besides.
_READ_IN_WORKER = grain.ReadOptions(num_threads=1, prefetch_buffer_size=2)


def train_batches(
  split,
  *,
  batch_size,
  seed,
  video_length=64,
  text_length=32,
  alpha=0.8,
  combine="sum",
  second="aware",
  augment=Augmentation(),  # noqa: B008 - immutable
  texts=None,
  sample="sentence",
  resident=False,
  start_step=0,
  num_workers=0,
  reader_timeout=watchdog.SECONDS,
  shard_index=0,
  shard_count=1,
):
  """Endless training batches of pairs of a video and its sentence.

  Args:
    split: `RetrievalSplit`.
    batch_size: B of the global batch. What an epoch leaves over is dropped.
    seed: int in [0, 2**32).
    video_length, text_length: L_v and L_t.
    alpha, combine, second: see the function `combine`.
    augment: what makes `text_aug`, see `augment.Augmentation`; None for a batch without.
    texts: function of sentence indices (B,) -> fields of the batch, in place of CLIP's token ids;
      then `augment` is None.
    sample: what an example is, one of `assemble.SAMPLES`.
    resident: a batch holds `video_start` and `video_windows`, the places of its videos in
      `resident.rows`, instead of the videos.
    start_step: the first batch is the one that an uninterrupted run gives at this step.
    num_workers: processes besides threads; 0 is best while the features fit in memory.
    reader_timeout: seconds that a batch may take, 0 for any number; see `watchdog.Watched`.
    shard_index, shard_count: this process gets the rows [i * B / n, (i + 1) * B / n).

  Returns:
    Iterator of dicts with `video`, `video_valid` (see `resident`), `text`, `text_aug`, of
    B / shard_count rows. Its `close()` ends threads and processes.

  Raises:
    UserError: more rows than examples, rows that do not divide among the shards, wrong `combine`;
      and, from the iterator, what `RetrievalSplit.features` raises.
    ReaderLost: from the iterator, when no batch comes.
  """
  if batch_size > num_examples(split, sample):
    raise UserError(
      f"a batch of {batch_size} needs as many {COUNTED[sample]}, but the training split has only "
      f"{num_examples(split, sample)}: choose a smaller batch_size"
    )
  videos = _video_rows(split)(split, video_length, combine, alpha, second)
  assemble = TrainBatch(
    VideoPlaces(split, video_length) if resident else videos,
    texts or TextRows(split, text_length),
    split,
    sample,
    shard_rows(batch_size, shard_index, shard_count),
    seed,
    augment,
  )
  steps = _examples_of_steps(split, sample, batch_size, seed).map_with_index(assemble)
  return iterate(steps[start_step:], num_workers, reader_timeout)


def num_examples(split, sample):
  """How many training examples a split has, see `assemble.SAMPLES`."""
  return split.num_videos if sample == "pair" else split.num_sentences


def _examples_of_steps(split, sample, batch_size, seed):
  return shuffled_batches(num_examples(split, sample), batch_size, seed)


def shuffled_batches(count, batch_size, seed):
  """Indices below `count`, in batches without end: every epoch has an order of its own.

  Returns:
    grain.MapDataset of int64 arrays (batch_size,); what an epoch leaves over is dropped.
  """
  shuffled = grain.MapDataset.range(count).seed(seed).shuffle()
  return shuffled.batch(batch_size, drop_remainder=True).repeat()


def train_examples(split, *, batch_size, seed, step, sample="sentence"):
  """[(video index, sentence index)] of the global batch that `train_batches` begins `step` with."""
  drawing = TrainBatch(None, None, split, sample, slice(None), seed, None)
  examples = np.asarray(_examples_of_steps(split, sample, batch_size, seed)[step])
  videos, sentences, _ = drawing.draw(step, examples)
  return list(zip(map(int, videos), map(int, sentences), strict=True))


def eval_batches(
  split,
  *,
  batch_size,
  video_length=64,
  text_length=32,
  alpha=0.8,
  combine="sum",
  texts=None,
  num_workers=0,
  reader_timeout=watchdog.SECONDS,
  shard_index=0,
  shard_count=1,
  wanted=None,
):
  """Every video and every sentence once, in the split's order.

  Batches hold `mask` (B,) bool, False in the rows that fill up the last batch; these repeat the
  last example, so that shapes are static and no row is empty. With `wanted` only these batches of
  the videos are read, by their numbers. Other arguments and errors as in `train_batches`.

  Returns:
    Two iterators: of dicts with `video`, `video_valid`, `mask`; and with `text`, `mask`, or with
    the fields that `texts` gives.
  """
  rows = shard_rows(batch_size, shard_index, shard_count)

  def batches(rows_of, count, chosen=None):
    chosen = range(-(-count // batch_size)) if chosen is None else chosen
    steps = grain.MapDataset.source(chosen)
    batch = EvalBatch(rows_of, count, batch_size, rows)
    return iterate(steps.map(batch), num_workers, reader_timeout)

  return (
    batches(_video_rows(split)(split, video_length, combine, alpha), split.num_videos, wanted),
    batches(texts or TextRows(split, text_length), split.num_sentences),
  )


def _video_rows(split):
  return PosedVideoRows if split.poses else VideoRows


def fake_batch(batch_size, video_length=64, video_dim=1024, text_length=32, seed=0, frames=0):
  """A training batch of random numbers, for tests and benchmarks.

  Returns:
    As `train_batches`, with B = `batch_size` and D = `video_dim`; at least one window and one
    token in every row. With poses of so many frames where `frames` is not 0.
  """
  rng = np.random.default_rng(seed)
  valid = np.arange(video_length) < rng.integers(1, video_length + 1, (batch_size, 1))
  video = rng.standard_normal((batch_size, video_length, video_dim), np.float32)
  batch = {
    "video": video * valid[:, :, None],
    "video_valid": valid,
    "text": _fake_text(rng, batch_size, text_length),
    "text_aug": _fake_text(rng, batch_size, text_length),
  }
  return {**batch, "pose": _fake_pose(rng, valid, frames)} if frames else batch


def _fake_pose(rng, windows_valid, frames):
  """As `pose.pad`, of windows that begin at random frames."""
  batch = len(windows_valid)
  valid = np.arange(frames) < rng.integers(min(WINDOW, frames), frames + 1, (batch, 1))
  starts = rng.integers(0, np.maximum(valid.sum(1, keepdims=True) - WINDOW, 0) + 1,
                        windows_valid.shape)  # fmt: skip
  draw = lambda joints: valid[..., None, None] * rng.uniform(
    0, SIZE, (batch, frames, joints, 2)
  ).astype(np.float32)
  return {
    "left": draw(HANDS.shape[1]), "right": draw(HANDS.shape[1]), "body": draw(len(BODY)),
    "frames_valid": valid,
    "clips_start": np.where(windows_valid, np.sort(starts), -1).astype(np.int32),
  }


def _fake_text(rng, batch_size, length):
  """(B, L_t) int32: 49406, one or more random tokens, 49407, zeros."""
  ids = rng.integers(1, START, (batch_size, length))
  end = rng.integers(2, length, (batch_size, 1))
  place = np.arange(length)
  ids = np.where(place < end, ids, np.where(place == end, END, 0))
  ids[:, 0] = START
  return ids.astype(np.int32)


def iterate(steps, num_workers, reader_timeout=watchdog.SECONDS, ahead=8):
  """Iterator over a `grain.MapDataset`, read ahead by threads, and by processes where asked.

  `ahead`: how many items wait to be asked for; fewer where each of them takes much memory.

  Its `next` raises `ReaderLost` when nothing comes in `reader_timeout` seconds, if these are not 0.
  """
  read = dataclasses.replace(_READ, prefetch_buffer_size=ahead)
  batches = steps.to_iter_dataset(_READ_IN_WORKER if num_workers else read)
  if num_workers:
    _parse_no_flags()
    options = grain.MultiprocessingOptions(num_workers=num_workers)
    batches = batches.mp_prefetch(options, worker_init_fn=_parse_no_flags)
  if not reader_timeout:
    return iter(batches)
  workers = watchdog.grain_workers if num_workers else lambda: []
  return watchdog.Watched(iter(batches), reader_timeout, workers)


def _parse_no_flags(*_worker):
  """Lets Grain read its absl flags in programs and workers that parse none."""
  if not flags.FLAGS.is_parsed():
    flags.FLAGS.mark_as_parsed()
