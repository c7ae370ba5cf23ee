"""Rows of batches: a video's streams combined and padded, a sentence's token ids."""

import numpy as np

from sign_jax.data.augment import random_swap
from sign_jax.data.sampling import sample_indices
from sign_jax.data.tokenizer import tokenize
from sign_jax.errors import UserError


def combine(streams, mode="sum", alpha=0.8):
  """One feature array from a video's streams (CiCo; UPRet, eq. 6).

  Args:
    streams: {"agnostic": (n, D), "aware": (n, D)}, or any single stream, which is used as it is.
    mode: "sum": alpha * agnostic + (1 - alpha) * aware; "cat": both, channel by channel in turn;
      or the name of a stream.
    alpha: weight of the agnostic stream in the sum.

  Returns:
    (n, D) float32, or (n, 2 D) for two streams with "cat".

  Raises:
    UserError: `mode` names neither a way to combine nor a stream.
  """
  if mode in streams:
    return np.asarray(streams[mode], np.float32)
  if mode not in ("sum", "cat"):
    raise UserError(
      f"combine={mode!r} is unknown: choose sum, cat or a stream of the data set, "
      f"{' or '.join(streams)}"
    )
  if len(streams) == 1:
    return np.asarray(*streams.values(), np.float32)
  agnostic, aware = (np.asarray(streams[name], np.float32) for name in ("agnostic", "aware"))
  if mode == "sum":
    return np.float32(alpha) * agnostic + np.float32(1 - alpha) * aware
  return np.stack([agnostic, aware], axis=-1).reshape(len(agnostic), -1)


def combined_dim(split, mode="sum"):
  """Channels D of a `RetrievalSplit`'s videos after `combine`, which see for errors."""
  return combine({name: np.zeros((1, dim)) for name, dim in split.dims.items()}, mode).shape[1]


def shard_rows(batch_size, shard_index, shard_count):
  """Slice of a global batch's rows that one of `shard_count` processes makes.

  Raises:
    UserError: the rows do not divide evenly.
  """
  if batch_size % shard_count:
    raise UserError(
      f"a batch of {batch_size} does not divide among {shard_count} processes: choose a multiple"
    )
  rows = batch_size // shard_count
  return slice(shard_index * rows, (shard_index + 1) * rows)


class VideoRows:
  """Video indices to {"video": (B, L_v, D) float32, "video_valid": (B, L_v) bool}."""

  def __init__(self, split, length, mode, alpha):
    self.split, self.length, self.mode, self.alpha = split, length, mode, alpha
    self.dim = combined_dim(split, mode)

  def __call__(self, videos):
    video = np.zeros((len(videos), self.length, self.dim), np.float32)
    windows = np.empty(len(videos), int)
    for row, streams in enumerate(self.split.stored_features(videos)):
      combined = self._combined(streams)
      windows[row] = len(combined)
      video[row, : len(combined)] = combined
    return {"video": video, "video_valid": np.arange(self.length) < windows[:, None]}

  def _combined(self, streams):
    # Windows are chosen before the streams are combined: long videos have hundreds of them.
    kept = {name: rows[sample_indices(len(rows), self.length)] for name, rows in streams.items()}
    return combine(kept, self.mode, self.alpha)


class TextRows:
  """Sentence indices to {"text": (B, L_t) int32}."""

  def __init__(self, split, length):
    self.texts, self.length = split.sentence_texts, length
    self.ids = np.stack([tokenize(text, length) for text in self.texts])

  def __call__(self, sentences):
    return {"text": self.ids[sentences]}

  def augmented(self, sentence, rng, probability):
    """(L_t,) int32 ids of one sentence, two of its words swapped at times."""
    text = self.texts[sentence]
    swapped = random_swap(text, rng, probability)
    return self.ids[sentence] if swapped is text else tokenize(swapped, self.length)


class TrainBatch:
  """(step, (B,) sentence indices) to the `rows` of that step's batch."""

  def __init__(self, videos, texts, videos_of_sentence, rows, seed, swap_probability):
    self.videos, self.texts, self.videos_of_sentence = videos, texts, videos_of_sentence
    self.rows, self.seed, self.swap_probability = rows, seed, swap_probability

  def __call__(self, step, sentences):
    # Drawn for all rows of the global batch, so that a row is the same in every sharding.
    rng = np.random.default_rng((self.seed, step))
    draws = rng.random(len(sentences))[self.rows]
    swap_seeds = rng.integers(2**63, size=len(sentences))[self.rows]
    sentences = sentences[self.rows]
    augmented = [
      self.texts.augmented(sentence, np.random.default_rng(swap_seed), self.swap_probability)
      for sentence, swap_seed in zip(sentences, swap_seeds, strict=True)
    ]
    videos = [self._pick(*pair) for pair in zip(sentences, draws, strict=True)]
    return {**self.videos(videos), **self.texts(sentences), "text_aug": np.stack(augmented)}

  def _pick(self, sentence, draw):
    videos = self.videos_of_sentence[sentence]
    return videos[int(draw * len(videos))]


class EvalBatch:
  """Step to the `rows` of that batch of all examples in order, filled up with the last example."""

  def __init__(self, rows_of, count, batch_size, rows):
    self.rows_of, self.count, self.batch_size, self.rows = rows_of, count, batch_size, rows

  def __call__(self, step):
    indices = step * self.batch_size + np.arange(self.batch_size)[self.rows]
    return {
      **self.rows_of(np.minimum(indices, self.count - 1)),
      "mask": indices < self.count,
    }
