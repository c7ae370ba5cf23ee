"""Retrieval metrics of a similarity matrix: R@1, R@5, R@10, median and mean rank.

Protocol (CiCo, UPRet; How2Sign's test split has 2348 videos of 1969 sentences): several videos may
show one sentence, and these form the sentence's group.

- V2T: every video ranks all sentences; the right one is its own sentence.
- T2V: a sentence ranks all groups; a group's score is the maximum over its videos; the right one
  is its own group.

A rank is 1 + the number of strictly greater scores, when nothing ties with the right answer.

Ties, `ties=`:

- "expected": the ranks that a random order of the tied positions gives on average, and R@k is the
  probability that the rank is at most k. A model that gives all pairs one score is then as
  good as chance.
- "released": the published PyTorch code. T2V counts every tied position as one more query, V2T
  takes the order in which an unstable sort leaves the tied scores (`introsort.py`) and the lower
  of two middle ranks as the median.
- "averaged": SPOT-ALIGN's released code. The position, counted from 0, is the mean of the tied
  ones; R@1 counts the position 0 alone, and so no tie, R@5 and R@10 those below 5 and 10.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Int

from sign_jax.metrics.introsort import place_among_equals

RECALL_AT = (1, 5, 10)
TIES = ("expected", "released", "averaged")
DIRECTIONS = ("t2v", "v2t")
GEOMETRIC_MEANS = tuple(f"{direction}/geometric_mean" for direction in DIRECTIONS)
_CHUNK_ELEMENTS = 1 << 22  # scores compared at a time: a few tens of MB, whatever the matrix


class Places(NamedTuple):
  """Where the right answer of each of Q queries stands among the candidates; int64 arrays (Q,)."""

  better: Int[np.ndarray, " Q"]  # candidates with a strictly greater score
  tied: Int[np.ndarray, " Q"]  # candidates with the same score, the right answer included


def v2t_places(
  similarity: Float[np.ndarray, "V S"], sentence_of_video: Int[np.ndarray, " V"]
) -> Places:
  """Places of the videos' own sentences.

  Args:
    similarity: (V, S) float scores of V videos against S sentences.
    sentence_of_video: (V,) int index of each video's sentence.

  Returns:
    `Places` with Q = V.

  Raises:
    ValueError: shapes disagree, a score is not finite, or a sentence has no video.
  """
  similarity, sentence_of_video = _checked(similarity, sentence_of_video)
  blocks = (
    _places(similarity[rows], sentence_of_video[rows]) for rows in _chunks(*similarity.shape)
  )
  return _concatenate(blocks)


def t2v_places(
  similarity: Float[np.ndarray, "V S"], sentence_of_video: Int[np.ndarray, " V"]
) -> Places:
  """Places of the sentences' own groups of videos; arguments and errors as in `v2t_places`.

  Returns:
    `Places` with Q = S, in the order of the sentences.
  """
  similarity, sentence_of_video = _checked(similarity, sentence_of_video)
  videos, sentences = similarity.shape
  by_sentence = np.argsort(sentence_of_video, kind="stable")
  first = np.searchsorted(sentence_of_video[by_sentence], np.arange(sentences))

  def block(columns):
    group_scores = np.maximum.reduceat(similarity[by_sentence, columns], first, axis=0)
    return _places(group_scores.T, np.arange(columns.start, columns.stop))

  return _concatenate(block(columns) for columns in _chunks(sentences, videos))


def v2t_ranks(
  similarity: Float[np.ndarray, "V S"],
  sentence_of_video: Int[np.ndarray, " V"],
  ties: str = "expected",
) -> Float64[np.ndarray, " V"]:
  """(V,) float64 rank, from 1, of each video's sentence; see `v2t_places` and the module's text."""
  places = v2t_places(similarity, sentence_of_video)
  if _check_ties(ties) != "released":
    return expected_ranks(places)
  return _argsort_ranks(places, similarity, sentence_of_video)


def t2v_ranks(
  similarity: Float[np.ndarray, "V S"],
  sentence_of_video: Int[np.ndarray, " V"],
  ties: str = "expected",
) -> Float64[np.ndarray, " ranks"]:
  """float64 ranks, from 1, of each sentence's group of videos: (S,), with "released" ties more."""
  places = t2v_places(similarity, sentence_of_video)
  return expected_ranks(places) if _check_ties(ties) != "released" else _every_tied_rank(places)


def expected_ranks(places: Places) -> Float64[np.ndarray, " Q"]:
  """(Q,) float64 mean rank over all orders of the tied candidates."""
  return places.better + (places.tied + 1) / 2


def rank_std(ranks: Float[np.ndarray, " Q"]) -> float:
  """Population standard deviation of ranks (the released `Std_Rank`)."""
  return float(np.std(ranks))


def retrieval_metrics(
  similarity: Float[np.ndarray, "V S"],
  sentence_of_video: Int[np.ndarray, " V"],
  ties: str = "expected",
) -> dict[str, float]:
  """All metrics in both directions.

  Args:
    similarity: (V, S) float scores of V videos against S sentences.
    sentence_of_video: (V,) int index of each video's sentence.
    ties: one of TIES, see the module's text.

  Returns:
    {"t2v/R@1", "t2v/R@5", "t2v/R@10" (percent), "t2v/MedR", "t2v/MnR", "v2t/..."}: floats.

  Raises:
    ValueError: shapes disagree, a score is not finite, a sentence has no video, or `ties` is
      unknown.
  """
  _check_ties(ties)
  t2v = t2v_places(similarity, sentence_of_video)
  v2t = v2t_places(similarity, sentence_of_video)
  if ties != "released":
    summary = {"expected": _expected_summary, "averaged": _averaged_summary}[ties]
    return {**summary("t2v", t2v), **summary("v2t", v2t)}
  return {
    **_released_summary("t2v", _every_tied_rank(t2v), np.median),
    **_released_summary(
      "v2t", _argsort_ranks(v2t, similarity, sentence_of_video), _lower_median
    ),
  }


def _expected_summary(direction: str, places: Places) -> dict[str, float]:
  ranks = expected_ranks(places)
  recalls = {
    k: np.mean(np.clip((k - places.better) / places.tied, 0.0, 1.0)) for k in RECALL_AT
  }
  return _named(direction, recalls, np.median(ranks), np.mean(ranks))


def _averaged_summary(direction: str, places: Places) -> dict[str, float]:
  positions = expected_ranks(places) - 1
  recalls = {k: np.mean(positions < k if k > 1 else positions == 0) for k in RECALL_AT}
  return _named(direction, recalls, np.median(positions) + 1, np.mean(positions) + 1)


def _released_summary(
  direction: str, ranks: Float64[np.ndarray, " ranks"], median: Callable
) -> dict[str, float]:
  recalls = {k: np.mean(ranks <= k) for k in RECALL_AT}
  return _named(direction, recalls, median(ranks), np.mean(ranks))


def geometric_means(numbers: dict[str, float]) -> dict[str, float]:
  """{"t2v/geometric_mean", "v2t/geometric_mean"}: of R@1, R@5 and R@10, in percent.

  Args:
    numbers: what `retrieval_metrics` returns.
  """
  recalls = lambda direction: [numbers[f"{direction}/R@{k}"] for k in RECALL_AT]
  return {
    name: float(np.prod(recalls(direction)) ** (1 / len(RECALL_AT)))
    for name, direction in zip(GEOMETRIC_MEANS, DIRECTIONS, strict=True)
  }


def _named(direction, recalls, median, mean):
  named = {f"{direction}/R@{k}": 100.0 * float(recall) for k, recall in recalls.items()}
  return {**named, f"{direction}/MedR": float(median), f"{direction}/MnR": float(mean)}


def _argsort_ranks(
  places: Places, similarity: Float[np.ndarray, "V S"], sentence_of_video: Int[np.ndarray, " V"]
) -> Float64[np.ndarray, " V"]:
  """Ranks of a descending `std::sort` of every row."""
  ranks = (1 + places.better).astype(np.float64)
  for video in np.flatnonzero(places.tied > 1):
    ranks[video] += place_among_equals(similarity[video], sentence_of_video[video])
  return ranks


def _every_tied_rank(places: Places) -> Float64[np.ndarray, " ranks"]:
  """Ranks better + 1 ... better + tied of every query, one after another."""
  first_of_query = np.cumsum(places.tied) - places.tied
  within = np.arange(places.tied.sum()) - np.repeat(first_of_query, places.tied)
  return (1 + np.repeat(places.better, places.tied) + within).astype(np.float64)


def _lower_median(ranks: Float64[np.ndarray, " ranks"]) -> float:
  return np.sort(ranks)[(len(ranks) - 1) // 2]


def _places(
  scores: Float[np.ndarray, "Q candidates"], right: Int[np.ndarray, " Q"]
) -> Places:
  """Places of column `right[q]` in row q of `scores` (q, candidates)."""
  own = np.take_along_axis(scores, right[:, None], axis=1)
  return Places(
    better=np.count_nonzero(scores > own, axis=1),
    tied=np.count_nonzero(scores == own, axis=1),
  )


def _concatenate(blocks: Iterable[Places]) -> Places:
  return Places(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))


def _chunks(queries: int, candidates: int) -> list[slice]:
  """Slices of the queries whose scores against all candidates fit in one chunk."""
  size = max(1, _CHUNK_ELEMENTS // max(1, candidates))
  return [slice(at, min(at + size, queries)) for at in range(0, queries, size)]


def _checked(similarity, sentence_of_video):
  similarity, sentence_of_video = np.asarray(similarity), np.asarray(sentence_of_video)
  if similarity.ndim != 2 or sentence_of_video.shape != similarity.shape[:1]:
    raise ValueError(
      "Expected similarity (V, S) and sentence_of_video (V,), got "
      f"{similarity.shape} and {sentence_of_video.shape}."
    )
  if not np.array_equal(np.unique(sentence_of_video), np.arange(similarity.shape[1])):
    raise ValueError(
      f"sentence_of_video must name each of the {similarity.shape[1]} sentences and no other."
    )
  if not all(np.isfinite(similarity[rows]).all() for rows in _chunks(*similarity.shape)):
    raise ValueError("The similarity matrix holds values that are not finite.")
  return similarity, sentence_of_video


def _check_ties(ties: str) -> str:
  if ties not in TIES:
    raise ValueError(f"ties must be one of {TIES}, got {ties!r}.")
  return ties
