"""Retrieval: a sentence's video among all videos (T2V), a video's sentence among all (V2T)."""

import functools
import pathlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from jax.experimental import multihost_utils
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float32, Int, PRNGKeyArray, PyTree
from tqdm import tqdm

from sign_jax.data import assemble, pipeline, source, specs, streams
from sign_jax.data.split_sizes import SplitSizes
from sign_jax.errors import UserError
from sign_jax.metrics import retrieval as metrics
from sign_jax.protocols import (
  Batch,
  Inputs,
  Outcome,
  ParameterKinds,
  Place,
  Selection,
  System,
  Variables,
)
from sign_jax.tasks import device_features, finite, fusion, retrieval_data
from sign_jax.tasks import retrieval_report as report
from sign_jax.tasks.retrieval_batches import RetrievalBatches
from sign_jax.train import prefetch
from sign_jax.weights import fresh, initial

NO_HANDS = ("skip", "stop")  # what becomes of data with videos that show no usable hand
PLACEMENTS = ("host", "device", "disk")  # of the training features, see docs/speed.md


class Retrieval(RetrievalBatches):
  """A retrieval system as a `protocols.Task`."""

  unit = "pairs"
  # Of settings that no system has for itself.
  CHOICES = {
      "ties": metrics.TIES, "data.placement": PLACEMENTS, "data.no_hands": NO_HANDS,
      "data.train_second": streams.TWO, "init.fresh": fresh.VALUES,
      "protocol": assemble.SAMPLES, "data.sample": assemble.SAMPLES,
  }

  def __init__(
      self, config: ml_collections.ConfigDict, system: System,
      splits: Mapping[str, source.RetrievalSplit | SplitSizes] | None = None,
      notes: pathlib.Path | None = None,
  ) -> None:
    """Builds no model and opens no split before they are needed.

    Args:
      config: the whole configuration, after `run.checks.check`.
      system: `protocols.System`. Its model has the methods `encode_batch`, `compare` and `loss` to
        train, `encode_video`, `encode_text` and `score` to search, see `systems.cico.model.CiCo`.
      splits: {name: RetrievalSplit} in place of the data set's own (tests).
      notes: the file that the system's `protocols.TextReader` wrote in the run, None where there is
        none.

    Raises:
      UserError: on settings that do not go together.
    """
    super().__init__(config, system, splits, notes)
    self._scorers = fusion.own_names(config, system)
    self.others = {}  # {name: function (RetrievalSplit, split, place) -> (V, S)} of other runs
    warning = system.warning(config.model)
    if warning and not jax.process_index():
      tqdm.write(f"warning: {warning}", sys.stderr)
    self._encode_video = jax.jit(self.encode_video)
    self._encode_text = jax.jit(self.encode_text)
    self._score = jax.jit(self.score)
    self._join = jax.jit(lambda parts: jax.tree.map(lambda *x: jnp.concatenate(x), *parts))

  @staticmethod
  def inputs_of(
      config: ml_collections.ConfigDict, system: System, shapes: Mapping[str, tuple]
  ) -> Inputs | None:
    """What a model reads, from its weights instead of a data set.

    Args:
      config: the whole configuration, after `run.checks.check`.
      system: `systems.base.System`.
      shapes: {released name: shape} of the weights.

    Returns:
      `protocols.Inputs`; None where the system cannot tell.
    """
    reads_own = system.text_reader is not None
    if system.feature_width is None or reads_own and system.text_inputs is None:
      return None
    return retrieval_data.inputs(
        config.data, system.feature_width(shapes), system.reads_poses,
        system.text_inputs(config, shapes) if reads_own else None,
    )

  @property
  def selection(self) -> Selection:
    """The system's own, or R@1 of text to video."""
    return self._system.selection or Selection("t2v/R@1")

  @functools.cached_property
  def _model(self):
    return self._system.build(self._config.model, self.inputs)

  def encode_video(self, variables: Variables, batch: Batch) -> Any:
    """What the model makes of a batch's videos for a search; not compiled, as all of these."""
    batch = self._with_videos(batch)
    poses = {"pose": batch["pose"]} if self._poses else {}
    return self._model.apply(
        variables, batch["video"], batch["video_valid"], **poses, method="encode_video"
    )

  def encode_text(self, variables: Variables, text: Int[Array, "B L_t"] | Batch) -> Any:
    """What the model makes of token ids, or of the fields of a `protocols.TextReader`."""
    arrays = (text["text"], text["text_valid"]) if isinstance(text, dict) else (text,)
    return self._model.apply(variables, *arrays, method="encode_text")

  def score(self, variables: Variables, video: Any, text: Any) -> Float32[Array, "A B"]:
    """Scores of what the two return for A videos and B texts: (A, B) float32."""
    return self._model.apply(variables, video, text, method="score")

  def _with_videos(self, batch):
    """A batch with `video` (B, L_v, D) float32 and `video_valid`, wherever the features lie."""
    if "video_rows" in batch:
      video, valid = device_features.gather(
          batch["video_rows"], batch["video_start"], batch["video_windows"],
          self._data.video_length,
      )
      batch = {**batch, "video": video, "video_valid": valid}
    return {**batch, "video": batch["video"].astype(jnp.float32)}

  def init(self, key: PRNGKeyArray) -> Variables:
    """Seeded random variables, as `init.fresh` says; runs of earlier versions lack it."""
    variables = self.init_of(self._system, self._model, self.inputs, key)
    if self._config.init.get("fresh", "lecun") == "lecun":
      return variables
    return fresh.as_released(variables, self._system.fresh, key)

  @staticmethod
  def init_of(system: System, model: Any, inputs: Inputs, key: PRNGKeyArray) -> Variables:
    """The same of any module of a system."""
    if system.init:
      return system.init(model, inputs, key)
    init_key, noise_key = jax.random.split(key)
    return model.init({"params": init_key, "noise": noise_key}, specs.zeros(inputs, 2))

  def load(self, variables: Variables) -> Variables:
    """Fresh variables with the weights of the configuration's `init` files in them.

    Raises:
      UserError: when a file cannot be read or does not fit the model.
    """
    return initial.load(variables, self._config.init, self._system)

  def loss(
      self, variables: Variables, batch: Batch, key: PRNGKeyArray, step: Int[ArrayLike, ""]
  ) -> Outcome:
    """The contrastive loss, its terms where it has several, and updated running statistics."""
    dropout, noise = jax.random.split(key)
    out, updates = self._model.apply(
        variables, self._with_videos(batch), deterministic=False,
        rngs={"dropout": dropout, "noise": noise}, mutable=["batch_stats"],
    )
    loss, (metrics, _) = self._loss_of(variables, out, step)
    return loss, (metrics, updates)

  def _loss_of(self, variables, out, step):
    loss, terms = self._model.loss(out, step)
    logged = {f"loss_{name}": term for name, term in terms.items()}
    if "logit_scale" in variables["params"]:
      logged["logit_scale"] = variables["params"]["logit_scale"]
    return loss, (logged, {})

  @property
  def parameter_kinds(self) -> ParameterKinds:
    """As the system says."""
    return self._system.parameter_kinds

  @property
  def training_warning(self) -> str | None:
    """As the system says of the configuration."""
    return self._system.training_warning(self._config)

  @property
  def can_cache_gradients(self) -> bool:
    """Whether the towers draw nothing and see each example alone."""
    return self._system.can_cache_gradients

  def encode(self, variables: Variables, batch: Batch) -> Any:
    """{"video", "text", "text_aug": Tokens} of a batch or a part of it."""
    return self._model.apply(variables, self._with_videos(batch), method="encode_batch")

  def compare(
      self, variables: Variables, encoded: PyTree[Array], key: PRNGKeyArray,
      step: Int[ArrayLike, ""],
  ) -> Outcome:
    """`loss` from what `encode` returns."""
    dropout, noise = jax.random.split(key)
    out = self._model.apply(
        variables, encoded, deterministic=False, rngs={"dropout": dropout, "noise": noise},
        method="compare",
    )
    return self._loss_of(variables, out, step)

  def advice(self, finding: Any) -> str | None:
    """What the system knows about it, or else `finite.advice`."""
    return self._system.advice(finding, self._config.model) or finite.advice(finding)

  def constrain(self, params: PyTree, step: Int[ArrayLike, ""]) -> PyTree:
    """As the system says, see `protocols.System`."""
    return self._system.constrain(params, step, self._config)

  def similarity(
      self, variables: Variables, split: str, place: Place
  ) -> Float32[np.ndarray, "V S"]:
    """Scores of all videos and sentences of a split: (videos, sentences) float32."""
    _, texts = self._eval_batches(split)
    fields = lambda batch: {name: x for name, x in batch.items() if name != "mask"}
    texts = map(fields if self.text_reader else lambda batch: batch["text"], texts)
    texts = prefetch.to_devices(texts, place)
    all_texts = self._join([self._encode_text(variables, text) for text in texts])
    found = (
        {"scores": self._score(variables, tokens, all_texts), "mask": mask}
        for tokens, mask in self.encoded_videos(variables, split, place)
    )
    fetch = functools.partial(multihost_utils.process_allgather, tiled=True)
    rows = [x["scores"][x["mask"]] for x in prefetch.from_devices(found, fetch)]
    return np.concatenate(rows)[:, : self.split(split).num_sentences]

  def encoded_videos(
      self, variables: Variables, split: str, place: Place, wanted: Sequence[int] | None = None
  ) -> Iterator[tuple[Any, Bool[Array, " B"]]]:
    """Yields, for batches of a split's videos in order, what the model makes of them for a search.

    Args:
      variables, split, place: as of `similarity`.
      wanted: numbers of the batches, of `eval_batch_size` videos each; None for all.

    Yields:
      (a tree of arrays (B, ...), and (B,) bool: False in the rows that fill up the last batch).
    """
    videos, _ = self._eval_batches(split, wanted)
    for batch in prefetch.to_devices(videos, place):
      yield self._encode_video(variables, batch), batch["mask"]

  def _eval_batches(self, split, wanted=None):
    """Iterators of batches of a split's videos, of those that are wanted, and of its texts."""
    return pipeline.eval_batches(
        self.split(split), batch_size=self._config.eval_batch_size,
        shard_index=jax.process_index(), shard_count=jax.process_count(),
        texts=self._texts(split), wanted=wanted, **self._shapes(),
    )

  def evaluate(self, variables: Variables, split: str, place: Place) -> dict[str, float]:
    """{"t2v/R@1": percent, ...}; see `metrics.retrieval`.

    With several scorers (`tasks.fusion`) these numbers are of all of them together, and those of
    each alone are under its name, as "sr/t2v/R@1".

    Where a geometric mean of recalls selects the best checkpoint, those of both directions are
    told too. Systems that read poses have "left_out": the number of videos without usable hands.

    Raises:
      UserError: when scores are not finite.
    """
    self._warn_of_order(self.split(split), split)
    parts = self._parts(variables, split, place)
    numbers = {}
    if len(parts) > 1:
      for name, scores in parts.items():
        found = self._numbers(variables, scores, split)
        numbers |= {f"{name}/{key}": value for key, value in found.items()}
    scores = fusion.combined(parts, self._config.get("fusion", {}).get("weights", ()))
    numbers |= self._numbers(variables, scores, split)
    return numbers | ({"left_out": len(self.split(split).left_out)} if self._poses else {})

  def _parts(self, variables, split, place):
    """{scorer: (V, S)} of the system's own and then of other runs."""
    found = {}
    for name in self._scorers:
      scorer = self._system.scorers.get(name)
      found[name] = (
          scorer(self._config, self.split(split)) if scorer
          else self.similarity(variables, split, place)
      )
    for name, other in self.others.items():
      found[name] = other(self.split(split), split, place)
    return found

  def _numbers(self, variables, scores, split):
    data = self.split(split)
    if not np.isfinite(scores).all():
      raise UserError(
          f"the similarities of the {split} split are not finite, "
          f"{report.first_bad(scores, data)}: "
          + (finite.bad_weights(variables) or "lower --config.optim.lr or look for bad values in "
             "the data")
      )
    numbers = metrics.retrieval_metrics(scores, data.sentence_of_video, ties=self._config.ties)
    if self.selection.name in metrics.GEOMETRIC_MEANS:
      numbers |= metrics.geometric_means(numbers)
    return numbers

  def _warn_of_order(self, data, split):
    """Of a corpus that an earlier version built, where a number depends on its order."""
    if self._config.ties == "released" and getattr(data, "protocol", None) and not data.in_order:
      tqdm.write(
          f"warning: the videos of {split} are not in the order of the annotations, so ties do not "
          "count quite as in the released program: delete the data set and build it again",
          sys.stderr,
      )

  def table(self, results: dict[str, float], split: str) -> str:
    """The two directions as a text table."""
    names = (*self._scorers, *self.others)
    parts = ("", *names) if len(names) > 1 else ("",)
    title = f"{self._data.name}, {split}"
    if len(names) > 1:
      title += f", {' and '.join(names)}"
    return report.table(results, title, self.split(split), split, self._protocol, parts)
