"""Twenty training steps of the released UPRet on features that carry their sentences.

Files: STEM.json with the `videos` of each batch, STEM.npz with the token ids of both views, and
STEM_inputs.npz with what the features are made from, see `golden.rebuilt_features`.
"""

import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from sign_jax.data import assemble, sampling
from sign_jax.golden import rebuilt_features, retrieval_inputs, steps
from sign_jax.golden.compare import Facts, Quantities
from sign_jax.protocols import Batch
from sign_jax.systems.base import System
from sign_jax.systems.upret import golden

ALPHA = 0.8
BATCH = 16


def settings(
    system: System, params: list, weights: pathlib.Path, overrides: Mapping[str, Any]
) -> ConfigDict:
  """The configuration of a training of twenty steps.

  Args:
    system: UPRet's card.
    params: [(released name, shape)].
    weights: file with the weights that it begins with.
    overrides: {dotted name: value}, such as the rate "optim.lr".
  """
  facts = {"params": params, "batch": BATCH}
  return golden.settings(system, facts, {"init.model": str(weights), "steps": 20, **overrides})


def batches(
    stem: str | pathlib.Path, facts: Facts, arrays: Quantities, state: Mapping[str, np.ndarray],
    order: Iterable[int],
) -> Iterator[Batch]:
  """Training batches in an order, with noise 0 for the model.

  Args:
    stem: of the files.
    facts, arrays: what the first two hold.
    state: {released name: array}, see `rebuilt_features.state_dict`.
    order: numbers of batches.
  """
  inputs = rebuilt_features.read_inputs(f"{stem}_inputs.npz")
  inputs = {name: (name, *rest) for name, *rest in zip(*inputs, strict=True)}
  features = rebuilt_features.Features(state)
  dim = state["clip.visual.proj"].shape[1]
  silence = {k: np.zeros_like(x) for k, x in retrieval_inputs.noise(size=BATCH, dim=dim).items()}
  for number in order:
    videos = [_video(features(*inputs[name])) for name in facts["videos"][number]]
    video, valid = (np.stack(x) for x in zip(*videos, strict=True))
    texts = {name: arrays[name][number].astype(np.int32) for name in ("text", "text_aug")}
    yield {"video": video, "video_valid": valid, **texts, steps.NOISE: silence}


def _video(streams):
  """(L_v, D) float32 and (L_v,) bool of a video's features."""
  length = retrieval_inputs.VIDEO_LENGTH
  rows = assemble.combine(streams, "sum", ALPHA)
  rows = rows[sampling.sample_indices(len(rows), length)]
  missing = length - len(rows)
  return np.pad(rows, ((0, missing), (0, 0))), np.arange(length) < len(rows)
