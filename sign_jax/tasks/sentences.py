"""Videos of signed sentences with their glosses, as continuous recognition reads them."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import ml_collections
import numpy as np
from jax.experimental import multihost_utils
from jaxtyping import Array, Int, PyTree, Shaped

from sign_jax.data import frame_sampling, gloss_batches, gloss_cleaning, watchdog
from sign_jax.data.gloss_videos import GlossVideos
from sign_jax.data.gloss_vocabulary import GlossVocabulary
from sign_jax.data.sign_records import FLOW
from sign_jax.errors import UserError
from sign_jax.metrics import word_error
from sign_jax.protocols import Batch, Place, Words
from sign_jax.tasks.split_reader import SplitReader
from sign_jax.train import prefetch


class SentenceReader(SplitReader):
  """The splits of the data set `data.name`.

  Attributes:
    source: the data set's NAME[/CONFIG]:VERSION.
  """

  unit = "videos"

  def __init__(
      self, config: ml_collections.ConfigDict, fields: Sequence[str],
      splits: Mapping[str, GlossVideos] | None = None,
  ) -> None:
    """Opens the training split.

    Args:
      config: the whole configuration, after `run.checks.check`.
      fields: of the batches: some of "video", "keypoints" and "flow".
      splits: {name: videos} in place of the data set's own (tests).

    Raises:
      UserError: no such data set, or it lacks what is to be read.
    """
    super().__init__(config.data, splits)
    self._config, self._fields = config, tuple(fields)
    self.source = self.split("train").label

  def _open(self, name):
    data = self._data
    return GlossVideos(
        data.name, name, data.data_dir or None, fields=self._fields, size=data.size_stored,
        videos=data.videos, flow=data.flow or data.videos, cache=self._cache,
    )

  @property
  def flow_note(self) -> dict[str, Any] | None:
    """What the data set says of how its optical flow was made, {} where it says nothing."""
    if FLOW not in self._fields:
      return None
    note = self.split("train").flow_note
    return note if isinstance(note, dict) else {}

  def layout(self, batch_size: int) -> gloss_batches.Layout:
    """How batches of so many videos are made."""
    data = self._data
    return gloss_batches.Layout(
        batch_size, tuple(data.buckets), tuple(data.stretch), data.pool, jax.process_index(),
        jax.process_count(), data.get("reader_timeout", watchdog.SECONDS), data.num_workers,
    )

  def train_batches(self, start_step: int, texts: gloss_batches.Rows) -> Iterator[Batch]:
    """Batches of `gloss_batches.train_batches` from that step on."""
    self.open_measured()
    config = self._config
    return gloss_batches.train_batches(
        self.split("train"), self.layout(config.batch_size), config.seed, texts, start_step
    )

  def name_examples(self, step: int, rows: list[int]) -> list[str]:
    """Names of some rows of the global batch of a step, which counts from 1."""
    videos, config = self.split("train"), self._config
    layout = self.layout(config.batch_size)
    chosen = gloss_batches.train_examples(videos, layout, config.seed, step - 1)
    return [videos.clips[chosen[row]].name for row in rows]

  def eval_batches(self, split: str, texts: gloss_batches.Rows | None = None) -> Iterator[Batch]:
    """Batches of `gloss_batches.eval_batches`."""
    layout = self.layout(self._config.eval_batch_size)
    return gloss_batches.eval_batches(self.split(split), layout, texts)

  def first_frames(self, videos: GlossVideos) -> list[int]:
    """The first frame that evaluation reads of each video: later ones follow without a gap."""
    most = self._data.buckets[-1]
    return [int(frame_sampling.evaluation_frames(int(n), most)[0]) for n in videos.counts]

  def aligned(
      self, references: Sequence[Sequence[str]], read: Sequence[Sequence[str]]
  ) -> list[list[word_error.Pair]]:
    """`metrics.word_error.align` of all sentences, both cleaned by the rules of `data.clean`."""
    of_reference, of_hypothesis = gloss_cleaning.cleaners(self._data.clean)
    pairs = zip(references, read, strict=True)
    return [word_error.align(of_reference(one), of_hypothesis(other)) for one, other in pairs]

  def told(self, splits: Sequence[str], vocabulary: GlossVocabulary) -> dict[str, Any]:
    """Data set, and of each split its videos, glosses, and what is out of the ordinary in it."""
    known, (clean, _) = set(vocabulary.glosses), gloss_cleaning.cleaners(self._data.clean)
    found = {"data": self.source, "glosses": len(known)}
    for name in splits:
      videos = self.split(name)
      found |= {
          f"{name}/videos": len(videos),
          # Those that errors are counted over.
          f"{name}/words": sum(len(clean(sentence)) for sentence in videos.sentences),
          f"{name}/empty": sum(not sentence for sentence in videos.sentences),
          f"{name}/unknown": sum(x not in known for words in videos.sentences for x in words),
          f"{name}/infeasible": sum(
              is_infeasible(words, int(count), self._data.buckets[-1])
              for words, count in zip(videos.sentences, videos.counts, strict=True)
          ),
      }
    return found


def is_infeasible(glosses: Sequence[str], count: int, most: int = frame_sampling.MOST) -> bool:
  """Whether CTC has no path through the glosses in a step for every four of so many frames."""
  steps = len(frame_sampling.evaluation_frames(count, most)) // frame_sampling.STRIDE
  equal = sum(a == b for a, b in zip(glosses, glosses[1:], strict=False))
  return steps < len(glosses) + equal


class Targets:
  """What training compares with, of the videos of some indices; may be pickled."""

  def __init__(
      self, found: Sequence[Sequence[str]], number: Callable[[Sequence[str]], list[int]],
      words: Words | None = None,
  ) -> None:
    """
    Args:
      found: the glosses of every video.
      number: their numbers, of a sentence; none where it has no such sentence.
      words: features of the sentences, or None.
    """
    empty = sum(not sentence for sentence in found)
    if empty and words is not None:
      raise UserError(
          f"{empty} of {len(found)} training videos have no gloss, and so no text to align with: "
          "annotate them and build the data set again, or train without alignment"
      )
    self._sentences, self._words = found, words
    longest = max(map(len, found))
    self._numbers = np.zeros((len(found), max(longest, 1)), np.int32)
    for row, sentence in zip(self._numbers, found, strict=True):
      numbers = number(sentence)
      row[: len(numbers)] = numbers

  def __call__(self, chosen: Int[np.ndarray, " B"]) -> Batch:
    """{"glosses": (B, N) int32, 0 behind the end}, and what `protocols.Words.rows` gives."""
    found = {"glosses": self._numbers[chosen]}
    if self._words is None:
      return found
    return found | self._words.rows([self._sentences[index] for index in chosen])


def collect(
    run: Callable[[Batch], PyTree[Array]], batches: Iterable[Batch], place: Place
) -> dict[str, Shaped[np.ndarray, "N ..."]]:
  """What `run` makes of all videos, in their order, fetched from all processes.

  Args:
    run: function of a batch on the devices -> {name: (B, ...)}.
    batches: host batches of `gloss_batches.eval_batches`.
    place: host batch -> device batch.

  Returns:
    {name: (N, ...)}; behind a shorter axis than others' stands 0, or -1 in spans and segments.
  """
  kept = ("index", "mask")
  found = (
      {**run({name: x for name, x in batch.items() if name not in kept}),
       **{name: batch[name] for name in kept}}
      for batch in prefetch.to_devices(iter(batches), place)
  )  # fmt: skip
  fetch = functools.partial(multihost_utils.process_allgather, tiled=True)
  parts = [
      {name: x[rows["mask"]] for name, x in rows.items()}
      for rows in prefetch.from_devices(found, fetch)
  ]
  order = np.argsort(np.concatenate([part["index"] for part in parts]))
  names = [name for name in parts[0] if name not in kept]
  return {name: _joined([part[name] for part in parts], name)[order] for name in names}


def _joined(parts, name):
  if parts[0].ndim == 1:
    return np.concatenate(parts)
  longest = max(part.shape[1] for part in parts)
  value = -1 if name in ("spans", "segments") else 0
  fill = lambda x: [(0, 0), (0, longest - x.shape[1])] + [(0, 0)] * (x.ndim - 2)
  return np.concatenate([np.pad(x, fill(x), constant_values=value) for x in parts])
