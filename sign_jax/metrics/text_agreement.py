"""How far the features of videos of sentences agree with those of their glosses' text.

The measures of SignVTCL's two alignment losses beside what features that tell nothing get.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from sign_jax.metrics.retrieval import retrieval_metrics


def of_glosses(
    shares: Float[np.ndarray, "V N"], glosses: Int[np.ndarray, "V N"],
    counted: Bool[np.ndarray, " V"],
) -> dict[str, float]:
  """Means over all glosses of the sentences that count, in percent.

  Args:
    shares: what the softmax of a gloss gives to the right ones, as
      `ops.alignment.positive_shares`.
    glosses: 0 behind the end.
    counted: which sentences count: those that have a path.

  Returns:
    {"align_positives": the mean of `shares`, "align_positives_chance": that of a softmax that is
    uniform over its sentence: c / N for a gloss that stands c times among N}; {} without any.
  """
  glosses, shares = glosses[counted], shares[counted]
  there = glosses != 0
  if not there.any():
    return {}
  same = (glosses[:, :, None] == glosses[:, None]) & there[:, None]
  chances = same.sum(2) / np.maximum(there.sum(1, keepdims=True), 1)
  return {
      "align_positives": 100 * float(shares[there].mean()),
      "align_positives_chance": 100 * float(chances[there].mean()),
  }


def of_sentences(
    video: Float[np.ndarray, "V D"], text: Float[np.ndarray, "V D"],
    sentences: Sequence[Sequence[str]],
) -> dict[str, float]:
  """How often a video's own sentence is the likest of all distinct ones, in percent.

  Equal likenesses count by chance: features that are all the same find as much as a guess.

  Args:
    video, text: of each video and of its sentence; their products are likenesses.
    sentences: glosses of each.

  Returns:
    {"align_sentence_R@1", "align_sentence_chance": of a guess}; {} without videos.
  """
  distinct = sorted({tuple(one) for one in sentences})
  if not distinct:
    return {}
  number = {one: place for place, one in enumerate(distinct)}
  own = np.array([number[tuple(one)] for one in sentences])
  first = np.unique(own, return_index=True)[1]
  # A product at a time: one of matrices sums equal columns in different orders.
  likeness = np.stack([np.sum(video * one, axis=1, dtype=np.float64) for one in text[first]], 1)
  return {
      "align_sentence_R@1": retrieval_metrics(likeness, own)["v2t/R@1"],
      "align_sentence_chance": 100 / len(distinct),
  }
