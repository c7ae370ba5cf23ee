"""Accuracies of classifiers, in percent."""

import numpy as np
from jaxtyping import Float, Int

TOP = (1, 5, 10)


def accuracies(
  scores: Float[np.ndarray, "N C"], labels: Int[np.ndarray, " N"]
) -> dict[str, float]:
  """Top-1, top-5 and top-10 accuracy over examples, and averaged over the classes that occur.

  Args:
    scores: (N, C) float, higher is better; classes that tie with the right one count against it.
    labels: (N,) int in [0, C).

  Returns:
    percent under the names "top1", "top5", "top10", "class_top1", "class_top5", "class_top10".
  """
  scores, labels = np.asarray(scores), np.asarray(labels)
  own = scores[np.arange(len(labels)), labels]
  ranks = (scores >= own[:, None]).sum(1)  # from 1
  per_class = [ranks[labels == label] for label in np.unique(labels)]
  within = lambda k: 100 * float(np.mean(ranks <= k))
  mean_within = lambda k: 100 * float(np.mean([np.mean(own <= k) for own in per_class]))
  return {f"top{k}": within(k) for k in TOP} | {f"class_top{k}": mean_within(k) for k in TOP}
