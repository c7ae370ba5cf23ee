"""Twenty training steps of the released UPRet on features that carry their sentences.

`systems.pipeline_case` compares them as they were measured in float32; here they are batches and a
configuration for other arithmetic.
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
    config: ConfigDict, inputs: pathlib.Path, facts: Facts, arrays: Quantities,
    state: Mapping[str, np.ndarray], order: Sequence[int],
) -> Iterator[Batch]:
  """Training batches in an order, with noise 0 for the model.

  Args:
    config: of `settings`.
    inputs: file with what the features are made from, see `golden.rebuilt_features`.
    facts, arrays: the case, with the `videos` of each batch and token ids of the augmented texts.
    state: {released name: array}, see `rebuilt_features.state_dict`.
    order: numbers of batches.
  """
  features = rebuilt_features.Features(state)
  split = pipeline_case.RebuiltSplit(rebuilt_features.read_inputs(inputs), features)
  videos = [facts["videos"][number] for number in order]
  return pipeline_case.batches(
      split, config, videos, arrays["text_aug"][list(order)], golden.no_noise
  )
