"""Rows of batches: a video's streams combined and padded, a sentence's token ids."""

import functools

import numpy as np

from sign_jax.data import streams as stream_names
from sign_jax.data.pose import Pose, pad
from sign_jax.data.tokenizer import tokenize
from sign_jax.errors import UserError

# What a training example is: a sentence, with one of its videos drawn at random, or a video with
# its sentence, so that an epoch is all pairs.
SAMPLES = ("sentence", "pair")


def combine(streams, mode="sum", alpha=0.8, out=None, second="aware"):
  """One feature array from a video's streams (CiCo; UPRet, eq. 6).

  Args:
    streams: {name: (n, D)}, those that there are.
    mode: "sum": alpha * agnostic + (1 - alpha) * aware; "cat": both, channel by channel in turn;
      "sum:NAME,OTHER" and "cat:NAME,OTHER": the same of two other streams; the name of a stream; or
      "auto": the sum where there are agnostic and aware, else the only stream that there is.
    alpha: weight of the first stream in the sum.
    out: array to write to, of the result's shape; by default a new one.
    second: the stream in the place of "aware" where "sum", "cat" or "auto" combine two. The
      released training on PHOENIX-2014T reads "agnostic" there again.

  Returns:
    (n, D), or (n, 2 D) for two streams with "cat". The sum of two streams is float32; all else
    keeps the streams' dtype, which is half as much to move when that is float16.

  Raises:
    UserError: as `streams.used`.
  """
  used = stream_names.used(streams, mode, second)
  if len(used) == 1:
    return _copy(streams[used[0]], out)
  first, other = (streams[name] for name in used)
  if stream_names.parse(mode)[0] == "cat":
    return _copy(np.stack([first, other], axis=-1).reshape(len(first), -1), out)
  # In place: fresh memory for each product would cost as much as the product.
  out = np.multiply(first, np.float32(alpha), out=out, dtype=np.float32)
  out += np.multiply(other, np.float32(1 - alpha), dtype=np.float32)
  return out


def _copy(array, out):
  if out is None:
    return array
  out[...] = array
  return out


def combined_dim(split, mode="sum"):
  """Channels D of a `RetrievalSplit`'s videos after `combine`, which see for errors."""
  return combined_spec(split, mode)[0]


def combined_spec(split, mode):
  """(D, dtype) of a `RetrievalSplit`'s videos after `combine`.

  Raises:
    UserError: as `combine`; two streams of different widths.
  """
  used = stream_names.used(split.dims, mode)
  if len({split.dims[name] for name in used}) > 1:
    widths = " and ".join(f"{name} has {split.dims[name]} channels" for name in used)
    raise UserError(
      f"data.combine={mode} needs two streams of one width, and {widths}: use one of them, such as "
      f"--config.data.combine={used[0]}"
    )
  streams = {name: np.zeros((1, split.dims[name]), split.dtypes[name]) for name in used}
  combined = combine(streams, mode)
  narrow = combined.dtype.itemsize <= np.dtype(np.float32).itemsize
  return combined.shape[1], combined.dtype if narrow else np.dtype(np.float32)


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
  """Video indices to {"video": (B, L_v, D), "video_valid": (B, L_v) bool}; dtype as `combine`'s."""

  def __init__(self, split, length, mode, alpha, second="aware"):
    self.split, self.length = split, length
    self.combine = functools.partial(combine, mode=mode, alpha=alpha, second=second)
    self.dim, self.dtype = combined_spec(split, mode)

  def __call__(self, videos):
    video = np.zeros((len(videos), self.length, self.dim), self.dtype)
    windows = np.empty(len(videos), int)
    for row, streams in enumerate(self.split.stored_features(videos, self.length)):
      windows[row] = len(next(iter(streams.values())))
      self.combine(streams, out=video[row, : windows[row]])
    return {"video": video, "video_valid": np.arange(self.length) < windows[:, None]}


class PosedVideoRows(VideoRows):
  """As `VideoRows`, of a split with poses, and {"pose": see `pose.pad`} of the same windows."""

  def __call__(self, videos):
    video, poses = np.zeros((len(videos), self.length, self.dim), self.dtype), []
    for row, found in enumerate(self.split.stored_features(videos, self.length)):
      poses.append(pad(Pose(*map(found.get, Pose._fields)), self.split.poses.max_frames))
      streams = {stream: found[stream] for stream in self.split.streams}
      windows = (found["clips_start"] >= 0).sum()
      self.combine(streams, out=video[row, :windows])
    pose = {name: np.stack([x[name] for x in poses]) for name in poses[0]}
    most, there = self.split.poses.max_batch_windows, int((pose["clips_start"] >= 0).sum())
    if 0 < most < there:
      raise UserError(
        f"a batch has {there} windows, more than --config.model.pose.max_windows={most}: raise it, "
        "or set it to 0"
      )
    return {"video": video, "video_valid": pose["clips_start"] >= 0, "pose": pose}


class TextRows:
  """Sentence indices to {"text": (B, L_t) int32}."""

  def __init__(self, split, length):
    self.texts, self.length, self.ids = split.sentence_texts, length, split.token_ids(length)

  def __call__(self, sentences):
    return {"text": self.ids[sentences]}

  def augmented(self, sentence, rng, augment):
    """(L_t,) int32 ids of one sentence after `augment`, see `augment.Augmentation`."""
    text = self.texts[sentence]
    changed = augment(text, rng)
    return self.ids[sentence] if changed is text else tokenize(changed, self.length)


class TrainBatch:
  """(step, (B,) indices of examples) to the `rows` of that step's batch; see `SAMPLES`."""

  def __init__(self, videos, texts, split, sample, rows, seed, augment):
    self.videos, self.texts, self.sample = videos, texts, sample
    self.videos_of_sentence = split.videos_of_sentence
    self.sentence_of_video = split.sentence_of_video
    self.rows, self.seed, self.augment = rows, seed, augment

  def __call__(self, step, examples):
    videos, sentences, text_seeds = self.draw(step, examples)
    batch = {**self.videos(videos), **self.texts(sentences)}
    if self.augment is None:
      return batch
    augmented = [
      self.texts.augmented(sentence, np.random.default_rng(text_seed), self.augment)
      for sentence, text_seed in zip(sentences, text_seeds, strict=True)
    ]
    return {**batch, "text_aug": np.stack(augmented)}

  def draw(self, step, examples):
    """(video, sentence and seed of the augmentation) of the rows: three sequences."""
    # Drawn for all rows of the global batch, so that a row is the same in every sharding.
    rng = np.random.default_rng((self.seed, step))
    draws = rng.random(len(examples))[self.rows]
    text_seeds = rng.integers(2**63, size=len(examples))[self.rows]
    examples = examples[self.rows]
    if self.sample == "pair":
      return examples, self.sentence_of_video[examples], text_seeds
    videos = [self._pick(*pair) for pair in zip(examples, draws, strict=True)]
    return videos, examples, text_seeds

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
