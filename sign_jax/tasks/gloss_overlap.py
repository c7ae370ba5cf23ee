"""How well segments of videos agree with the frames in which glosses are signed."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float, Int

from sign_jax.data.frame_sampling import STRIDE

Span = Int[np.ndarray, "G 2"]  # first and last frame or step, inclusive


def frames_of(steps: Int[np.ndarray, "G 2"], first: int) -> Int[np.ndarray, "G 2"]:
  """The first and the last frame of spans of steps.

  Args:
    steps: first and last step of each.
    first: frame at which the first step begins.
  """
  return steps * STRIDE + np.array([0, STRIDE - 1]) + first


def equal_cuts(count: int, steps: int) -> Int[np.ndarray, "{count} 2"]:
  """Segments of nearly the same length that a video of so many steps is cut into."""
  ends = np.arange(count + 1) * steps // max(count, 1)
  return np.stack([ends[:-1], np.maximum(ends[1:] - 1, ends[:-1])], axis=1)


def overlaps(found: Span, true: Span) -> Float[np.ndarray, " G"]:
  """Of each gloss, the frames in both of its spans as a share of those in either."""
  both = np.minimum(found[:, 1], true[:, 1]) - np.maximum(found[:, 0], true[:, 0]) + 1
  both = np.maximum(both, 0)
  lengths = (x[:, 1] - x[:, 0] + 1 for x in (found, true))
  return both / (sum(lengths) - both)


def numbers(
    true: Sequence[Int[np.ndarray, "_ 2"]], segments: Int[np.ndarray, "V N 2"],
    steps: Int[np.ndarray, " V"], starts: Sequence[int],
) -> dict[str, float]:
  """Means over all glosses whose sentences have a path, in percent.

  Args:
    true: of each video, the frames of its glosses.
    segments: steps of the same glosses on the likeliest path; -1 where there is none.
    steps: of each video.
    starts: the frame at which the first step of each begins.

  Returns:
    {"segments": the overlap of `segments` with `true`, "equal_cuts": that of segments of equal
    length, which a recogniser must exceed}; {} where no sentence has a path.
  """
  rows = list(_rows(true, segments, steps, starts))
  if not rows:
    return {}
  found, cuts = (100 * float(np.concatenate(part).mean()) for part in zip(*rows, strict=True))
  return {"segments": found, "equal_cuts": cuts}


def _rows(true, segments, steps, starts) -> Iterator[tuple[np.ndarray, np.ndarray]]:
  for spans, own, count, first in zip(true, segments, steps, starts, strict=True):
    own = own[: len(spans)]
    if len(spans) and (own >= 0).all():
      cuts = equal_cuts(len(spans), int(count))
      yield tuple(overlaps(frames_of(x, first), spans) for x in (own, cuts))
