"""What one search has found beside what another one has, ties named."""

import contextlib
import importlib.metadata

import numpy as np

from launch.benchmarks import _search_tokens as made
from launch.benchmarks._search_torch import Found
from sign_jax.search.hits import Answer

SAME, TIED, OTHER = "same", "tied", "other"
TOLERANCE = 4e-6  # by which scores of two orders of summation may differ


def agreement(found: Found, right: Found, k: int, tolerance: float = TOLERANCE) -> str:
  """How the k best of an engine agree with those of another one, which has told more than k.

  Args:
    found: k rows.
    right: more than k rows, or all there are.
    tolerance: by how much scores of two orders of summation may differ.

  Returns:
    SAME: rows in the same order; TIED: rows of other places whose scores are the same to
    rounding; OTHER: other rows.
  """
  k = min(k, len(right.rows))
  if len(found.rows) < k:
    return OTHER
  if np.array_equal(found.rows[:k], right.rows[:k]):
    return SAME
  known = dict(zip(right.rows.tolist(), right.scores.tolist(), strict=True))
  scores = np.array([known.get(row, -np.inf) for row in found.rows[:k].tolist()])
  is_distinct = len(set(found.rows[:k].tolist())) == k
  # Each place holds a clip whose right score is that of the place.
  is_tied = is_distinct and (np.abs(scores - right.scores[:k]) <= tolerance).all()
  return TIED if is_tied else OTHER


def recall(found: Found, right: Found, k: int) -> float:
  """The share of the k best that an engine has found."""
  k = min(k, len(right.rows))
  return len(set(found.rows[:k].tolist()) & set(right.rows[:k].tolist())) / k


def found(answer: Answer) -> Found:
  """What a search of ours has found."""
  rows = np.array([made.number_of(hit.name) for hit in answer.hits])
  return Found(rows, np.array([hit.score for hit in answer.hits], np.float32))


def packages() -> dict[str, str]:
  """{package: version} of the engines beside ours, as far as they are installed."""
  versions = {}
  for name in ("torch", "qdrant-client"):
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
      versions[name] = importlib.metadata.version(name)
  return versions
