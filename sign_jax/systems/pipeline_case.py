"""Golden cases of whole pipelines: evaluation of a test split, and training on named batches.

The released data loaders, models, optimiser and evaluation ran on features that
`golden.rebuilt_features` makes anew. Here the task reads the same videos and token ids, with the
weights of a file, in the published configuration of the data set.
"""

import pathlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Float32, Integer
from ml_collections import ConfigDict

from sign_jax.data.assemble import VideoRows
from sign_jax.data.sampling import sample_indices
from sign_jax.data.source import RetrievalSplit
from sign_jax.data.splits import SPLITS
from sign_jax.golden import rebuilt_features, seeded, steps
from sign_jax.golden.compare import Facts, MakeTask, Quantities
from sign_jax.golden.rebuilt_features import STREAMS, Inputs
from sign_jax.metrics import retrieval as metrics
from sign_jax.protocols import Batch
from sign_jax.systems.base import System
from sign_jax.train.step import Evaluator

Settings = Callable[[System, Facts, dict[str, Any]], ConfigDict]  # `retrieval_case.settings`
Noise = Callable[[int, int], dict[str, np.ndarray]]
_RELEASED = {"R@1": "R1", "R@5": "R5", "R@10": "R10", "MedR": "MR", "MnR": "MeanR"}
_PART = slice(None, 2), slice(None, None, 16), slice(None, None, 128)  # of a batch's videos


class RebuiltSplit(RetrievalSplit):
  """A split in memory, of videos that each show a sentence of their own; no captions are needed."""

  poses = None
  left_out = {}

  def __init__(self, inputs: Inputs, features: rebuilt_features.Features) -> None:
    self._inputs, self._make = inputs, features
    self.streams = STREAMS
    self.dims = dict.fromkeys(STREAMS, features.dim)
    self.dtypes = dict.fromkeys(STREAMS, np.dtype(np.float32))
    self.video_ids = self.sentence_ids = self.sentence_texts = [str(x) for x in inputs.names]
    self.sentence_of_video = np.arange(len(self.video_ids))
    self._token_ids = {inputs.ids.shape[1]: inputs.ids.astype(np.int32)}

  def stored_features(
      self, video_indices: Iterable[Any], length: int
  ) -> Iterator[dict[str, np.ndarray]]:
    """As of the base class."""
    for video in video_indices:
      name, *rest = (x[video] for x in self._inputs)
      streams = self._make(str(name), *rest)
      yield {stream: rows[sample_indices(len(rows), length)] for stream, rows in streams.items()}


def quantities(
    system: System, facts: Facts, weights: pathlib.Path, make_task: MakeTask, settings: Settings,
    noise: Noise | None = None,
) -> Quantities:
  """Everything that a case of a pipeline can hold.

  Args:
    system, facts, weights, make_task: as for `golden.compare.quantities`.
    settings: function (system, facts, overrides) -> the configuration.
    noise: function (batch size, D) -> what the model would draw in training, if it draws.
  """
  inputs = rebuilt_features.read_inputs(facts["inputs"])
  split = RebuiltSplit(inputs, rebuilt_features.Features(seeded.state_dict(facts)))
  config = settings(system, facts, {"init.model": str(weights)})
  task = make_task(config, dict.fromkeys(SPLITS, split))
  if facts["pipeline"] == "evaluation":
    return evaluation(task, config, facts)
  return training(task, config, facts, noise)


def evaluation(task: Any, config: ConfigDict, facts: Facts) -> Quantities:
  """Scores of the test split, and the metrics that the released evaluation prints of them."""
  evaluator = Evaluator(task, config)
  with jax.set_mesh(evaluator.mesh):
    scores = task.similarity(evaluator.loaded(), "test", evaluator.place)
  return scored(scores, task.split("test").sentence_of_video, facts)


def scored(
    scores: Float32[np.ndarray, "V S"], sentence_of_video: Integer[np.ndarray, " V"],
    facts: Facts,
) -> Quantities:
  """What a case holds of the scores of all pairs."""
  found = metrics.retrieval_metrics(scores, sentence_of_video, ties="released")
  named = {f"{name[:3]}/{_RELEASED[name[4:]]}": value for name, value in found.items()}
  scores = scores * facts.get("factor", 1.0)
  return {
      **named,
      "part": scores[:: facts["rows_step"], :: facts["columns_step"]],
      "row_mean": scores.mean(1, dtype=np.float64), "col_mean": scores.mean(0, dtype=np.float64),
      "v2t_queries_with_ties": (metrics.v2t_places(scores, sentence_of_video).tied > 1).sum(),
  }


def training(
    task: Any, config: ConfigDict, facts: Facts, noise: Noise | None = None
) -> Quantities:
  """Losses, gradient norms and logit scales of the case's steps, and what went in."""
  taken = steps.Steps(task, config)
  state, found = taken.first(), []
  given = facts["videos"], facts["given"]["text_aug"]
  for batch in batches(task.split("train"), config, *given, noise):
    state, step = taken.take(state, batch)
    found.append({
        "losses": step.loss, "log_logit_scale": state.params["logit_scale"],
        "gradient_norm_before_clipping": step.gradient_norm,
        "text": batch["text"], "text_aug": batch["text_aug"],
        "windows": batch["video_valid"].sum(1), "video_part": batch["video"][_PART],
    })
  return {name: np.stack([x[name] for x in found]) for name in found[0]}


def batches(
    split: RebuiltSplit, config: ConfigDict, videos: Sequence[Sequence[str]],
    text_aug: Integer[np.ndarray, "steps B L_t"], noise: Noise | None = None,
) -> Iterator[Batch]:
  """Training batches of videos that are named.

  Args:
    split: what they are of.
    config: the whole configuration.
    videos: names, for each batch.
    text_aug: token ids of the augmented texts.
    noise: as for `quantities`.
  """
  data = config.data
  rows = VideoRows(split, data.video_length, data.combine, data.alpha)
  place = {name: index for index, name in enumerate(split.video_ids)}
  for names, augmented in zip(videos, text_aug, strict=True):
    chosen = [place[name] for name in names]
    text = split.token_ids(data.text_length)[chosen]
    drawn = {steps.NOISE: noise(len(chosen), config.model.embed_dim)} if noise else {}
    yield {**rows(chosen), "text": text, "text_aug": augmented.astype(np.int32), **drawn}
