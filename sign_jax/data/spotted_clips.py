"""The stretch of a video from which a spotted sign's training windows are drawn (SPOT-ALIGN)."""

from typing import NamedTuple

from sign_jax.video.frames import WINDOW

# Frames before and after t, both included: t is the peak of a mouthing, or the first frame of the
# window that an exemplar was found in. An I3D reads windows of these frames; an encoder on features
# has those windows whose middle lies among them.
AROUND = {
  "i3d": {"mouthing": (15, 4), "dictionary": (3, 22)},
  # The simulator's, whose signs last twelve frames and are mouthed at their middle.
  "films": {"mouthing": (WINDOW // 2 + 2, WINDOW // 2 + 1), "dictionary": (2, WINDOW + 1)},
  "features": {"mouthing": (2, 2), "dictionary": (2 - WINDOW // 2, 2 + WINDOW // 2)},
}


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


def interval(kind: str, t: int, frames: int, encoder: str = "i3d") -> Interval:
  """The interval about an annotation, cut to its video.

  Windows that reach beyond the video's end repeat its last frame.

  Args:
    kind: "mouthing" or "dictionary".
    t: frame of the annotation, in [0, `frames`).
    frames: of the video, at least 1.
    encoder: whose training it is for, a key of AROUND.

  Raises:
    ValueError: t lies outside of the video, or another kind.
  """
  if kind not in AROUND[encoder] or not 0 <= t < frames:
    raise ValueError(f"no {kind!r} at frame {t} of {frames}")
  before, after = AROUND[encoder][kind]
  last = min(t + after, frames - 1)
  first = min(max(t - before, 0), last)
  spare = max(0, last - first + 1 - WINDOW)
  return Interval(first, last, first + spare, first + spare // 2)


def seconds(found: Interval, fps: float) -> tuple[float, float]:
  """(start, end) of an interval's frames, with half a frame of room on both sides."""
  return max(found.first - 0.5, 0.0) / fps, (found.last + 0.5) / fps
