"""Scores of all clips of a split, and what several crops of a clip say together."""

import functools
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from jax.experimental import multihost_utils
from jaxtyping import Array, Float, Int

from sign_jax.protocols import Batch, Place
from sign_jax.train import prefetch

Scores = dict[str, Float[np.ndarray, "_ C"]]  # by the name of the heads that they are of


def collect(
    run: Callable[[Batch], dict[str, Float[Array, "B C"]]], batches: Iterable[Batch],
    fields: Sequence[str], place: Place,
) -> tuple[Scores, Int[np.ndarray, " N"]]:
  """Scores and labels of all rows of batches that their masks keep, fetched from all processes.

  Args:
    run: function of a batch on the devices.
    batches: host batches with `label`, `mask` and further fields.
    fields: names of those that `run` reads.
    place: host batch -> device batch.

  Returns:
    ({name: (N, C)}, (N,)).
  """
  found = (
      {"scores": run({name: batch.pop(name) for name in fields}), **batch}
      for batch in prefetch.to_devices(iter(batches), place)
  )
  fetch = functools.partial(multihost_utils.process_allgather, tiled=True)
  parts, labels = [], []
  for rows in prefetch.from_devices(found, fetch):
    parts.append({name: x[rows["mask"]] for name, x in rows["scores"].items()})
    labels.append(rows["label"][rows["mask"]])
  scores = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
  return scores, np.concatenate(labels)


def averaged(
    scores: Scores, labels: Int[np.ndarray, " M"], crops: int
) -> tuple[Scores, Int[np.ndarray, " N"]]:
  """One row for each clip: the logarithms of the crops' mean probabilities.

  Args:
    scores: {name: (M, C)}, the crops of a clip one after the other, M = N * crops; logarithms of
      what is proportional to probabilities.
    labels: (M,).
    crops: of each clip.

  Returns:
    ({name: (N, C)}, (N,)); with more crops than one, those of the central one too, under
    "one_crop" and "one_crop/NAME".
  """
  if crops == 1:
    return scores, labels
  found = {}
  for name, rows in scores.items():
    logs = rows - np.logaddexp.reduce(rows, -1, keepdims=True)
    logs = logs.reshape(-1, crops, rows.shape[-1])
    found[name] = np.logaddexp.reduce(logs, 1) - np.float32(np.log(crops))
    found[f"one_crop/{name}".rstrip("/")] = logs[:, crops // 2]
  return found, labels[::crops]


def not_finite(scores: Scores) -> Int[np.ndarray, " n"]:
  """The rows in which a score is not finite."""
  return np.flatnonzero(~np.logical_and.reduce([np.isfinite(x).all(1) for x in scores.values()]))
