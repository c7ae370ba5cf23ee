"""Signs that look alike, found by a baseline that cannot tell them apart.

Source: NLA-SLR, section 4.4 and table 9, without the native signers who took out wrong pairs.
"""

import numpy as np
from jaxtyping import Float, Int

MARGIN, SIMILARITY = 0.1, 0.5
KINDS = ("others", "unrelated", "related")  # the numbers of `kinds` are their places


def kinds(
  scores: Float[np.ndarray, "N C"],
  embeddings: Float[np.ndarray, "C E"],
  margin: float = MARGIN,
  similarity: float = SIMILARITY,
) -> Int[np.ndarray, " N"]:
  """What the two likeliest classes of each example are to each other.

  Args:
    scores: (N, C) float of the baseline, logarithms of what is proportional to probabilities.
    embeddings: (C, E) float of the classes' glosses; one of zeros is like nothing.
    margin: of the two probabilities, below which the classes look alike.
    similarity: the cosine of their embeddings above which they are related in meaning.

  Returns:
    (N,) int: 0 where the baseline is sure, 1 of classes of distinct and 2 of similar meaning.
  """
  scores = np.asarray(scores, np.float64)
  shares = np.exp(scores - scores.max(1, keepdims=True))
  shares /= shares.sum(1, keepdims=True)
  second, first = np.argsort(shares, axis=1, kind="stable")[:, -2:].T
  rows = np.arange(len(scores))
  alike = shares[rows, first] - shares[rows, second] < margin
  unit = np.asarray(embeddings, np.float64)
  unit = unit / np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
  related = (unit[first] * unit[second]).sum(1) > similarity
  return np.where(alike, 1 + related, 0)


def accuracies(
  found: Int[np.ndarray, " N"],
  scores: Float[np.ndarray, "N C"],
  labels: Int[np.ndarray, " N"],
) -> dict[str, float]:
  """Top-1 accuracies in percent, a row of table 9.

  Args:
    found: of `kinds`, by the baseline's scores.
    scores: (N, C) float of the model that is measured, on the same examples.
    labels: (N,) int.

  Returns:
    {"related/top1", "unrelated/top1", "others/top1": those of the kind, which have any; "top1"}.
  """
  right = np.argmax(scores, axis=1) == labels
  percent = lambda chosen: 100 * float(right[chosen].mean())
  rows = {name: found == number for number, name in enumerate(KINDS)}
  told = {f"{name}/top1": percent(chosen) for name, chosen in rows.items() if chosen.any()}
  return {**told, "top1": percent(slice(None))}
