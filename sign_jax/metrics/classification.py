"""Accuracies of classifiers, in percent."""

import numpy as np
from jaxtyping import Float, Int

TOP = (1, 5)


def accuracies(
  scores: Float[np.ndarray, "N C"], labels: Int[np.ndarray, " N"]
) -> dict[str, float]:
  """Top-1 and top-5 accuracy over examples, and top-1 averaged over the classes that occur.

  Args:
    scores: (N, C) float, higher is better; classes that tie with the right one count against it.
    labels: (N,) int in [0, C).

  Returns:
    percent under the names "top1", "top5" and "class_top1".
  """
  scores, labels = np.asarray(scores), np.asarray(labels)
  own = scores[np.arange(len(labels)), labels]
  ranks = (scores >= own[:, None]).sum(1)  # from 1
  numbers = {f"top{k}": 100 * float(np.mean(ranks <= k)) for k in TOP}
  per_class = [np.mean(ranks[labels == label] == 1) for label in np.unique(labels)]
  return {**numbers, "class_top1": 100 * float(np.mean(per_class))}
