"""Twenty training steps of the released UPRet on features that carry their sentences.

Files: STEM.json with the `videos` of each batch, STEM.npz with the token ids of both views, and
STEM_inputs.npz with what the features are made from, see `golden.rebuilt_features`.
"""

import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from sign_jax.golden import rebuilt_features
from sign_jax.golden.compare import Facts, Quantities
from sign_jax.protocols import Batch
from sign_jax.systems import pipeline_case
from sign_jax.systems.base import System
from sign_jax.systems.upret import golden

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
    config: ConfigDict, stem: str | pathlib.Path, facts: Facts, arrays: Quantities,
    state: Mapping[str, np.ndarray], order: Sequence[int],
) -> Iterator[Batch]:
  """Training batches in an order, with noise 0 for the model.

  Args:
    config: of `settings`.
    stem: of the files.
    facts, arrays: what the first two hold.
    state: {released name: array}, see `rebuilt_features.state_dict`.
    order: numbers of batches.
  """
  inputs = rebuilt_features.read_inputs(f"{stem}_inputs.npz")
  split = pipeline_case.RebuiltSplit(inputs, rebuilt_features.Features(state))
  videos = [facts["videos"][number] for number in order]
  return pipeline_case.batches(
      split, config, videos, arrays["text_aug"][list(order)], golden.no_noise
  )
