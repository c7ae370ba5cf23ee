"""Clips that reach behind the end of their video: cut to it where enough of them is there."""

import math

from sign_jax.video.containers import VideoError

WINDOW = 16  # frames that a sign encoder reads at once: less is no good part of a clip
CUT = "cut"  # the kind of the notes
TOLERANCE = 1.0  # seconds that a corpus's times may lie behind the last frame of a short clip
_SHARE = 0.5  # of a clip that must be there


def check(path, start, end, seconds, length):
  """Looks how much of a clip there is.

  Args:
    path: of the video, for messages.
    start, end: of the clip, seconds; `end` may be infinite.
    seconds: when its frames are shown, in order.
    length: of the video in seconds, as far as it is known: 0 where not.

  Returns:
    A sentence where the clip reaches behind the video's end and is cut to it, else "".

  Raises:
    VideoError: no frame, or less than half of the clip, or less than a window of it where the times
      lie more than `TOLERANCE` behind the video's end.
  """
  lasts = f"{path} ends at {length:.2f} seconds"
  if not seconds:
    known = f", it ends at {length:.2f} seconds" if length else ""
    raise VideoError(
      f"{path} has no frame from {start} to {end} seconds{known}: correct the times"
    )
  if math.isinf(end):
    return ""
  # Frames of a strange file may all be shown at one time.
  period = (seconds[-1] - seconds[0]) / max(len(seconds) - 1, 1) or 0.04
  there = seconds[-1] + period
  lost = end - there
  if lost <= period / 2:
    return ""
  if not is_enough(len(seconds), (end - start) / period, 1 / period):
    raise VideoError(
      f"{lasts}, which leaves {len(seconds)} frames of the clip from {start} to {end}: get the "
      "whole video or correct the times"
    )
  return f"{lasts}, the clip from {start} to {end} is cut to it"


def is_enough(count, wanted, fps):
  """Whether so many frames are a good part of a clip.

  Args:
    count: frames that are there.
    wanted: frames that the clip should have.
    fps: frames per second.
  """
  is_half = count >= _SHARE * wanted
  return is_half and (count >= WINDOW or wanted - count <= TOLERANCE * fps)
