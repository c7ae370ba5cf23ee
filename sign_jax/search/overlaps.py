"""Long videos as windows of sentences' length that overlap, and what of their hits is one hit."""

import collections
import math
from collections.abc import Iterable

import numpy as np
from jaxtyping import Float

from sign_jax.search import places

SECONDS = 8.0  # of a part, about a long sentence
_LONGER = 1.25  # times that length is still one part
_SAME = 0.5  # of the shorter of two spans


def parts(times: Float[np.ndarray, "n 2"], seconds: float = SECONDS) -> list[slice]:
  """Parts of a video, each half in the next one.

  Args:
    times: begin and end of each of its windows, in seconds.
    seconds: of a part. A video that is not much longer is one part.

  Returns:
    slices of the windows, which together hold all of them.
  """
  begin, length = times[0, 0], times[-1, 1] - times[0, 0]
  if length <= _LONGER * seconds:
    return [slice(0, len(times))]
  count = max(math.ceil(2 * length / seconds) - 1, 2)
  step = (length - seconds) / (count - 1)
  found = []
  for number in range(count):
    first = begin + number * step
    # A window belongs to the parts that its middle lies in.
    middle = times.mean(1)
    inside = np.flatnonzero((middle >= first) & (middle <= first + seconds))
    if len(inside):
      found.append(slice(int(inside[0]), int(inside[-1]) + 1))
  return _without_gaps(found, len(times))


def _without_gaps(found, count):
  """Windows at the ends whose middles lie in no part belong to the first and to the last."""
  if not found:
    return [slice(0, count)]
  first, last = found[0], found[-1]
  if len(found) == 1:
    return [slice(0, count)]
  return [slice(0, first.stop), *found[1:-1], slice(last.start, count)]


def distinct(spans: Iterable[tuple[str, float, float]]) -> list[int]:
  """Which hits stay: of two that show the same place of a video, the first.

  Args:
    spans: (video, begin, end) of each, best first; "" and NaN where they are not known.
  """
  kept, shown = [], collections.defaultdict(list)
  for number, (video, begin, end) in enumerate(spans):
    is_known = bool(video) and not math.isnan(begin)
    if is_known and any(places.overlap((begin, end), x) >= _SAME for x in shown[video]):
      continue
    kept.append(number)
    if is_known:
      shown[video].append((begin, end))
  return kept
