"""How well places in videos agree with the true ones.

The overlap of two spans is the time that lies in both, as a share of the time that lies in either
(intersection over union). A place is compared with two that know nothing of what was asked for: a
window of its own length in the middle of what was searched, and the whole of it.
"""

import numpy as np
from jaxtyping import Float

HALF = 0.5  # the overlap above which a place counts as found
FOUND, MIDDLE, WHOLE = "found", "middle", "whole"

Spans = Float[np.ndarray, "n 2"]  # begin and end, seconds


def overlaps(one: Spans, other: Spans) -> Float[np.ndarray, " n"]:
  """The overlap of each span with its counterpart; 0 where both have no length."""
  both = np.minimum(one[:, 1], other[:, 1]) - np.maximum(one[:, 0], other[:, 0])
  both = np.maximum(both, 0.0)
  either = (one[:, 1] - one[:, 0]) + (other[:, 1] - other[:, 0]) - both
  return np.divide(both, either, out=np.zeros(len(both)), where=either > 0)


def middle(places: Spans, whole: Spans) -> Float[np.ndarray, "n 2"]:
  """Spans as long as `places` in the middle of `whole`."""
  half, centre = (places[:, 1] - places[:, 0]) / 2, whole.mean(1)
  return np.stack([centre - half, centre + half], 1)


def summary(found: Spans, true: Spans, whole: Spans) -> dict[str, float]:
  """Means over all places, in percent.

  Args:
    found: where something was found.
    true: where it is.
    whole: the video, or the part of it, that was searched for each.

  Returns:
    {"found/overlap", "found/above_half", "middle/...", "whole/..."}: the mean overlap of each with
    `true`, and the share of overlaps above HALF; and "places", their number. Without any, only
    "places".
  """
  numbers = {"places": float(len(found))}
  if not len(found):
    return numbers
  for name, spans in ((FOUND, found), (MIDDLE, middle(found, whole)), (WHOLE, whole)):
    values = overlaps(spans, true)
    numbers[f"{name}/overlap"] = 100 * float(values.mean())
    numbers[f"{name}/above_half"] = 100 * float((values > HALF).mean())
  return numbers
