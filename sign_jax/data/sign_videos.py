"""Frames of clips of signs in video files and folders of pictures."""

import numpy as np

from sign_jax.video import boxes, containers, frames, pictures

_MISSING = 2  # frames that may be missing at a clip's end, whose number a header may overstate


def frames_of(path, clip, start, stop, size):
  """Frames start <= i < stop of a clip of a video file or folder of pictures.

  Args:
    path: pathlib.Path.
    clip: `sign_records.Clip`.
    start, stop: of its frames.
    size: S.

  Returns:
    (stop - start, S, S, 3) uint8 RGB; the last frame again for the two at most that a header may
    have promised in vain.

  Raises:
    UserError: names the clip and its video, which is missing, damaged, or ends too early.
  """
  try:
    found = list(_decoded(path, clip, start, stop, size))
  except frames.VideoError as error:
    raise frames.VideoError(f"{clip.name} cannot be read: {error}") from error
  found, wanted = found[: stop - start], stop - start
  if not found or wanted - len(found) > _MISSING:
    raise frames.VideoError(
      f"{clip.name} cannot be read: {path} ends after {len(found)} of the {wanted} frames that are "
      f"read from frame {clip.first + start} on, get it anew or build the data set again"
    )
  return np.stack(found + found[-1:] * (wanted - len(found)))


def _decoded(path, clip, start, stop, size):
  whole = (0.0, np.inf)
  fps = frames.probe(path).fps or pictures.FPS
  is_whole = clip.to_end and not clip.first and (start, stop) == (0, clip.count)
  # Half a frame early, so that rounding moves no frame.
  part = ((clip.first + n - 0.5) / fps for n in (start, stop))
  begin, end = whole if is_whole else (max(seconds, 0.0) for seconds in part)
  if clip.box is None:
    yield from frames.read_frames(path, (size, size), begin, end)
    return
  for frame in frames.read_frames(path, None, begin, end):
    box = _pixels(clip.box, frame)
    yield containers.resized_rgb(boxes.cut(frame, box, path), (size, size))


def _pixels(box, frame):
  """`boxes.Box` of shares of a picture (H, W, 3); at least a pixel large, and inside."""
  height, width = frame.shape[:2]
  left, top = (int(np.clip(round(x * n), 0, n - 1)) for x, n in ((box[0], width), (box[1], height)))
  right, bottom = (round(x * n) for x, n in ((box[2], width), (box[3], height)))
  clipped = (max(min(x, n) - low, 1) for x, n, low in ((right, width, left), (bottom, height, top)))
  return boxes.Box(left, top, *clipped)
