"""Windows of a video that a classifier is sure of -> segments with one label each."""

from typing import NamedTuple

import numpy as np


class Segment(NamedTuple):
  """A stretch of a video that shows one class."""

  label: int  # class
  first: int  # start of its first window, frames
  last: int  # start of its last window
  score: float  # of its best window
  peak: int  # start of that one


EXTEND = ("nearest", "first")


def select(starts, labels, scores, threshold=0.6, near=3, apart=24, extend="nearest"):
  """Keeps the windows that CiCo takes for pseudo-labels (its section on the sign encoder).

  Windows whose score exceeds `threshold` are grouped by label. Within a group, in the order of
  falling scores (of equal ones, the earlier first), a window that starts within `near` frames of a
  kept one extends a segment, one within `apart` frames is dropped, any other is kept anew.
  Distances are those from the kept window itself, not from what has extended it, so no segment
  grows longer than a window and 2 `near` frames, where windows extend the nearest.

  Args:
    starts: (W,) int, first frames of the windows of one video.
    labels: (W,) int, the most probable class of each.
    scores: (W,) float, its probability.
    threshold: scores must be greater.
    near, apart: frames; both ends belong to the range.
    extend: one of EXTEND, the segment that a window near a kept one extends: that of the nearest
      kept window; or the first one of the group, that of the highest score, wherever it is. The
      released code does the latter, so a segment may then span the whole video.

  Returns:
    [`Segment`], in the order of their first frames, then labels.
  """
  segments = []
  sure = np.flatnonzero(np.asarray(scores) > threshold)
  for label in np.unique(np.asarray(labels)[sure]):
    group = [i for i in sure if labels[i] == label]
    group.sort(key=lambda i: (-scores[i], starts[i]))
    segments += _of_group(int(label), [(int(starts[i]), float(scores[i])) for i in group],
                          near, apart, extend)  # fmt: skip
  return sorted(segments, key=lambda segment: (segment.first, segment.label))


def _of_group(label, windows, near, apart, extend):
  kept = []
  for start, score in windows:
    distances = [abs(start - segment.peak) for segment in kept]
    closest = int(np.argmin(distances)) if kept else None
    if closest is None or distances[closest] > apart:
      kept.append(Segment(label, start, start, score, start))
    elif distances[closest] <= near:
      chosen = closest if extend == "nearest" else 0
      segment = kept[chosen]
      kept[chosen] = segment._replace(
        first=min(segment.first, start), last=max(segment.last, start)
      )
  return kept
