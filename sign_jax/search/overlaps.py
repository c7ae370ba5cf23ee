"""Long videos as windows of sentences' length that overlap, and what of their hits is one hit."""

import collections
import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from sign_jax.search import places

SECONDS = 8.0  # of a part, about a long sentence, where nothing says what a model was trained on
SHORTEST = 1.0  # seconds; a window of 16 frames has 0.64 at 25 a second
_LONGER = 1.25  # times that length is still one part
_SAME = 0.5  # of the shorter of two spans


class Length(NamedTuple):
  """How long the parts are that a long video is cut into.

  Attributes:
    seconds: of a part.
    windows: of a part, in place of seconds; None for none.
  """

  seconds: float = SECONDS
  windows: int | None = None

  def of(self, times: Float[np.ndarray, "n 2"]) -> float:
    """Seconds of a part of a video with windows at such times, begin and end of each."""
    if self.windows is None:
      return self.seconds
    step = float(times[-1, 0] - times[0, 0]) / max(len(times) - 1, 1)
    return max(self.windows * step, SHORTEST)  # so many windows have their middles in it


DEFAULT = Length()


def parts(times: Float[np.ndarray, "n 2"], length: Length = DEFAULT) -> list[slice]:
  """Parts of a video, each half in the next one.

  Args:
    times: begin and end of each of its windows, in seconds.
    length: of a part. A video that is not much longer is one part.

  Returns:
    slices of the windows, which together hold all of them.
  """
  seconds = length.of(times)
  begin, whole = times[0, 0], times[-1, 1] - times[0, 0]
  is_short = length.windows is not None and len(times) <= _LONGER * length.windows
  if is_short or whole <= _LONGER * seconds:
    return [slice(0, len(times))]
  count = max(math.ceil(2 * whole / seconds) - 1, 2)
  step = (whole - seconds) / (count - 1)
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
