"""The stretch of a video from which a spotted sign's training windows are drawn (SPOT-ALIGN)."""

from typing import NamedTuple

from sign_jax.video.frames import WINDOW

# Frames before and after t, both included: t is the peak of a mouthing, or the first frame of the
# window that an exemplar was found in.
AROUND = {"mouthing": (15, 4), "dictionary": (3, 22)}


class Interval(NamedTuple):
  """Frames of a video, counted from 0.

  Attributes:
    first, last: both included.
    last_start: where the last window of 16 frames begins that training may draw.
    test_start: where the window begins that evaluation reads.
  """

  first: int
  last: int
  last_start: int
  test_start: int


def interval(kind: str, t: int, frames: int) -> Interval:
  """The interval about an annotation, cut to its video.

  Windows that reach beyond the video's end repeat its last frame.

  Args:
    kind: "mouthing" or "dictionary".
    t: frame of the annotation, in [0, `frames`).
    frames: of the video, at least 1.

  Raises:
    ValueError: t lies outside of the video, or another kind.
  """
  if kind not in AROUND or not 0 <= t < frames:
    raise ValueError(f"no {kind!r} at frame {t} of {frames}")
  before, after = AROUND[kind]
  first, last = max(t - before, 0), min(t + after, frames - 1)
  spare = max(0, last - first + 1 - WINDOW)
  return Interval(first, last, first + spare, first + spare // 2)
