"""Clips of video files: their frames from one second to another, found by jumping."""

import math
import pathlib

import av

from sign_jax.video import containers, ends
from sign_jax.video.containers import VideoError


def clip(path, start, end, size=None, notes=None, most_skipped=math.inf):
  """Decodes the frames with start <= seconds < end; those long before are jumped over.

  Args:
    path, size: as for `containers.frames`.
    start, end: seconds; `end` may be infinite.
    notes: dict that receives {`ends.CUT`: sentence} where the clip is cut to the video's end.
    most_skipped: frames before `start` that may be decoded.

  Yields:
    As `containers.frames`.

  Raises:
    VideoError: as `containers.frames`, of what is decoded; too many frames before `start`;
      as `ends.check`, after the last frame.
  """
  path, shown = pathlib.Path(path), []
  for seconds, frame in _from(path, start, most_skipped):
    if seconds >= end:
      if not shown:  # between two frames
        ends.check(path, start, end, shown, 0.0)
      return
    if seconds >= start:
      shown.append(seconds)
      yield seconds, containers.to_rgb(frame, size)
  if not shown and not math.isinf(most_skipped):  # `_length` may decode all of it
    raise VideoError(f"{path} has no frames from {start:.2f} seconds on")
  period = (shown[-1] - shown[0]) / (len(shown) - 1) if len(shown) > 1 else 0.0
  note = ends.check(path, start, end, shown, shown[-1] + period if shown else _length(path))
  if note and notes is not None:
    notes[ends.CUT] = note


def _length(path):
  """Seconds that a video lasts by its header, or by its frames where that does not say."""
  with containers.opened(path) as container:
    stream = container.streams.video[0]
    if stream.duration and stream.time_base:
      return float(stream.duration * stream.time_base)
    if container.duration:
      return container.duration / av.time_base
  return max((seconds for seconds, frame, _ in _decode_from(path, 0) if frame), default=0.0)


class _BadJump(Exception):
  """A jump into a video that went too far, or to frames that are damaged or do not say when."""


def _from(path, start, most_skipped):
  """Yields (seconds, decoded frame) from the first frame at or after `start` to the end."""
  if start > 0:
    try:
      yield from _after_jump(path, start, most_skipped)
      return
    except _BadJump:  # raised before the first frame is given
      pass
  for count, (seconds, frame, error) in enumerate(_decode_from(path, 0)):
    if error:
      raise _damaged(path, seconds, error)
    if seconds >= start:
      yield seconds, frame
    else:
      _check_skipped(path, start, count, most_skipped)


def _after_jump(path, start, most_skipped):
  is_first, is_before = True, True
  for count, (seconds, frame, error) in enumerate(_decode_from(path, start)):
    if is_before and (error or frame.pts is None):
      raise _BadJump
    if is_first and (seconds > start or not frame.key_frame):  # others are drawn on nothing
      raise _BadJump
    if error:
      raise _damaged(path, seconds, error)
    is_first, is_before = False, is_before and seconds < start
    if seconds >= start:
      yield seconds, frame
    else:
      _check_skipped(path, start, count, most_skipped)
  if is_first:  # transport streams jump behind the last key frame
    raise _BadJump


def _check_skipped(path, start, count, most):
  if count >= most:
    raise VideoError(f"{path} cannot be jumped in: {start:.2f} seconds lie behind {most} frames")


def _decode_from(path, start):
  # Yields (seconds, frame, None), or (seconds, None, what was damaged) where frames may be lost.
  with containers.opened(path) as container:
    stream = container.streams.video[0]
    containers.check_not_truncated(path, stream)
    clock, tally, damage, seconds = containers.Clock(stream), containers.Tally(), None, 0.0
    if start > 0:
      try:
        container.seek((stream.start_time or 0) + int(start / stream.time_base), stream=stream)
      except (av.FFmpegError, OSError) as error:
        yield start, None, containers.reason(error)
        return
    for frame, error in containers.decode(container, stream):
      tally.add(frame, error)
      if frame is not None and damage:
        yield seconds, None, damage
        damage = None
      damage = damage or error
      if frame is not None:
        seconds = clock.seconds(frame)
        yield seconds, frame, None
    # Bytes behind the last frame are no damage.
    if damage and (not tally.good or clock.end - seconds > containers.END_TOLERANCE):
      yield seconds, None, damage
    tally.check_end(path, stream)


def _damaged(path, seconds, reason):
  return VideoError(f"{path} is damaged near {seconds:.2f} seconds ({reason}), get it anew")
