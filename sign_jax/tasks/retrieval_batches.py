"""What a retrieval task reads: splits of its data set, their batches, and what they are called."""

import functools
import pathlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import ml_collections
import numpy as np
from tqdm import tqdm

from sign_jax.data import pipeline, records, resident, source, streams, watchdog
from sign_jax.data.cache import FeatureCache
from sign_jax.data.split_sizes import SplitSizes
from sign_jax.data.splits import SPLITS
from sign_jax.errors import UserError, printable
from sign_jax.protocols import Batch, Inputs, Place, System, TextReader
from sign_jax.tasks import device_features, retrieval_data


class RetrievalBatches:
  """The half of `tasks.retrieval.Retrieval` that reads data and knows no model."""

  def __init__(
      self, config: ml_collections.ConfigDict, system: System,
      splits: Mapping[str, source.RetrievalSplit | SplitSizes] | None = None,
      notes: pathlib.Path | None = None,
  ) -> None:
    """Opens no split before it is needed; arguments and errors as of `Retrieval`."""
    self._config, self._data, self._system = config, config.data, system
    self.notes = notes
    self._splits, self._given = dict(splits or {}), tuple(splits or ())
    self._cache = FeatureCache(int(self._data.cache_gib * 2**30))
    self._augment = None if system.text_reader else retrieval_data.augmentation(config.data)
    self.batch_size = config.batch_size
    self._poses = retrieval_data.pose_settings(config, system)

  @functools.cached_property
  def inputs(self) -> Inputs:
    """What the model is built for: the fields of a batch; see `protocols.Inputs`."""
    # All splits have features of one width.
    split = next(iter(self._splits.values()), None) or self.split(self.measured_splits[-1])
    return retrieval_data.inputs(
        self._data, pipeline.combined_dim(split, self._data.combine), self._system.reads_poses,
        self.text_reader and self.text_reader.inputs,
    )

  @property
  def clip_windows(self) -> int:
    """The median number of windows of the training videos."""
    return int(np.median(self.split("train").windows))

  @functools.cached_property
  def text_reader(self) -> TextReader | None:
    """How captions become fields of a batch; None for the token ids of CLIP."""
    read = self._system.text_reader
    return read(self._config, self._captions, self.notes) if read else None

  def _captions(self, split):
    """The texts of a split, [] where there is none."""
    there = self._given or records.split_names(self._data.name, self._data.data_dir or None)
    return getattr(self.split(split), "sentence_texts", []) if split in there else []

  def _texts(self, split):
    return self.text_reader and self.text_reader.rows(self.split(split))

  @property
  def _sample(self):
    return self._data.get("sample", "sentence")  # runs of earlier versions lack it

  @property
  def _protocol(self):
    return self._config.get("protocol", "sentence")

  @functools.cached_property
  def measured_splits(self) -> tuple[str, ...]:
    """Those of "validation" and "test" that there are.

    Raises:
      UserError: there is neither.
    """
    data = self._data
    return records.measured_splits(data.name, data.data_dir or None, self._given)

  @functools.cached_property
  def _streams(self):
    """Names of the streams that are combined: no others are read."""
    there = source.stream_names(self._data.name, self._data.data_dir or None)
    return tuple(dict.fromkeys(streams.used(there, self._data.combine)))

  @property
  def _on_device(self):
    return self._data.placement == "device"

  def split(self, name: str) -> source.RetrievalSplit | SplitSizes:
    """The RetrievalSplit of that name, opened once."""
    if name not in self._splits:
      on_disk = self._data.placement == "disk" or self._on_device and name == "train"
      self._splits[name] = source.RetrievalSplit(
          self._data.name, name, data_dir=self._data.data_dir or None, streams=self._streams,
          caption=self._data.caption, cache=None if on_disk else self._cache, poses=self._poses,
          # What a training example is, `data.sample` says.
          pairs=self._protocol == "pair" and name != "train",
      )
      left_out = self._splits[name].left_out
      if left_out and not jax.process_index():
        reason = next(iter(left_out.values()))
        tqdm.write(
            f"{name}: {len(left_out)} videos are left out, the first: {printable(reason)}",
            sys.stderr,
        )
    return self._splits[name]

  @property
  def fingerprint(self) -> str:
    """Of the data set on disk."""
    return source.fingerprint(self._data.name, data_dir=self._data.data_dir or None)

  @property
  def steps_per_epoch(self) -> int:
    """Batches of examples, which are sentences, or videos with `data.sample=pair`.

    An incomplete batch is dropped, so that one program serves all steps; as each epoch has an order
    of its own, each leaves out others.
    """
    count = pipeline.num_examples(self.split("train"), self._sample)
    steps = count // self.batch_size
    if not steps:
      raise UserError(
          f"batch_size {self.batch_size} exceeds the {count} training "
          f"{pipeline.COUNTED[self._sample]}: lower --config.batch_size"
      )
    return steps

  def _shapes(self):
    data = self._data
    return {
        "video_length": data.video_length,
        "text_length": data.text_length,
        "alpha": data.alpha,
        "combine": data.combine,
        "reader_timeout": data.get("reader_timeout", watchdog.SECONDS),
    }

  @property
  def _train_second(self):
    """See `assemble.combine`; evaluation reads "aware". Runs of earlier versions lack it."""
    return self._data.get("train_second", "aware")

  def train_batches(self, start_step: int) -> Iterator[Batch]:
    """Batches of `data.pipeline.train_batches` from that step on."""
    # A split that is missing must not be noticed after hours of training.
    for name in dict.fromkeys((*SPLITS[:2], *self.measured_splits)):
      self.split(name)
    return pipeline.train_batches(
        self.split("train"),
        batch_size=self.batch_size,
        seed=self._config.seed,
        start_step=start_step,
        augment=self._augment,
        texts=self._texts("train"),
        sample=self._sample,
        second=self._train_second,
        resident=self._on_device,
        num_workers=self._data.num_workers,
        shard_index=jax.process_index(),
        shard_count=jax.process_count(),
        **self._shapes(),
    )

  def resident(self, place: Place) -> Batch:
    """{"video_rows": all training videos} with `data.placement=device`, else {}.

    Raises:
      UserError: when they do not fit.
    """
    if not self._on_device:
      return {}
    split, data = self.split("train"), self._data
    nbytes = resident.nbytes(split, data.video_length, data.combine)
    device_features.check_room(nbytes, "the training features")
    return place({
        "video_rows": resident.rows(
            split, data.video_length, data.combine, data.alpha, self._train_second
        )
    })

  def name_examples(self, step: int, rows: list[int]) -> list[str]:
    """Names of some rows of the global batch of a step, which counts from 1."""
    split = self.split("train")
    pairs = pipeline.train_examples(
        split, batch_size=self.batch_size, seed=self._config.seed, step=step - 1,
        sample=self._sample,
    )
    chosen = (pairs[row] for row in rows)
    return [
        f"video {split.video_ids[video]!r} with sentence {split.sentence_ids[sentence]!r}"
        for video, sentence in chosen
    ]

  def facts(self, splits: Sequence[str] = ("validation", "test")) -> dict[str, Any]:
    """Data set, protocols, sizes of the splits, ties, and the feature streams as they are used.

    "protocol" is whose list of videos the data set follows, "evaluation_protocol" what counts as
    right.
    """
    data, first = self._data, self.split(splits[0])
    used = streams.used(first.streams, data.combine)
    is_sum = len(used) > 1 and streams.parse(data.combine)[0] != "cat"
    facts = {
        "data": getattr(first, "label", data.name), "protocol": getattr(first, "protocol", None),
        "evaluation_protocol": self._protocol,
        "caption": data.caption, "ties": self._config.ties, "combine": data.combine,
        "streams": ", ".join(used),
        # The weight of the first stream, where two are added.
        "alpha": data.alpha if is_sum else None,
    }
    for split in splits:
      facts[f"{split}/sentences"] = self.split(split).num_sentences
      facts[f"{split}/videos"] = self.split(split).num_videos
      if origin := getattr(self.split(split), "origin", ""):
        facts[f"{split}/origin"] = origin
    return facts
