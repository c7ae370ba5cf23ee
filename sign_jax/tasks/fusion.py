"""Retrieval by several scorers at once: their similarities, weighted and added (SPOT-ALIGN, COMB).

A scorer is a system's own model, another way of its card to compare videos with sentences, or the
model of another run. Similarities are added as they are.
"""

from collections.abc import Callable, Mapping, Sequence

import ml_collections
import numpy as np
from jaxtyping import Float32

from sign_jax.errors import UserError, did_you_mean, shown
from sign_jax.protocols import System

ALL = "comb"  # all scorers of a system's card
Scores = Float32[np.ndarray, "V S"]
Scorer = Callable[[str], Scores]  # of a split's name


def own_names(config: ml_collections.ConfigDict, system: System) -> tuple[str, ...]:
  """Which of a system's scorers are asked for; runs of earlier versions have the model alone.

  Raises:
    UserError: there is no scorer of that name.
  """
  known = tuple(system.scorers) or (system.name,)
  asked = config.get("fusion", {}).get("systems", "") or known[0]
  names = known if asked == ALL else tuple(asked.split(","))
  for name in names:
    if name not in known:
      raise UserError(
          f"fusion.systems={shown(asked)}: {system.name} has no scorer {shown(name)}, it has "
          f"{', '.join(known)} and, for all of them, {ALL}{did_you_mean(name, known)}"
      )
  return names


def combined(parts: Mapping[str, Scores], weights: Sequence[float] = ()) -> Scores:
  """The sum of similarities, (V, S) float32.

  Args:
    parts: {scorer: (V, S)}, at least one.
    weights: one for each; () gives all the same, so that the sum is the mean.

  Raises:
    UserError: another number of weights.
  """
  weights = tuple(weights) or (1 / len(parts),) * len(parts)
  if len(weights) != len(parts):
    raise UserError(
        f"fusion.weights has {len(weights)} numbers, and there are {len(parts)} scorers: "
        f"{', '.join(parts)}"
    )
  weighted = zip(weights, parts.values(), strict=True)
  return sum(np.float32(weight) * part for weight, part in weighted)
