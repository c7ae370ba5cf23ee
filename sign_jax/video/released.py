"""Frames as the authors of CiCo, UPRet and SEDS prepared them for the sign encoder.

Their sign features differ from those of `frames.cropped_frames` in three things:

- a clip has a frame more at either end, see `times`;
- pictures are resized by Pillow, bicubic;
- the encoder reads no crop of whole pixels, but points between them, see `sampled`.

They also wrote the resized clips as MPEG-4 before they read them again. That is not done here: the
bytes that it gives depend on the encoder and its version.
"""

import math
import pathlib

import numpy as np
from PIL import Image

from sign_jax.video import ends, frames, pictures
from sign_jax.video.containers import VideoError

LEAST = 3  # frames of a clip; the released programs leave shorter ones out
_ROOM = 0.25  # of a frame's time: files round the times of their frames


def whole_frames(path, start=0.0, end=math.inf, crop=frames.CROP, notes=None, box=None):
  """Reads a clip as `frames.cropped_frames` does, resized and not cropped.

  Args:
    path, crop, notes, box: as there.
    start, end: seconds; `times` says which frames are read.

  Yields:
    (seconds, (R, R, 3) uint8 RGB), R = `frames.resize_of(crop)`, of which `sampled` takes its
    points.

  Raises:
    VideoError: as `frames.timed_frames`; a clip of a video that does not say its frame rate.
  """
  size = (frames.resize_of(crop),) * 2
  start, end = times(path, start, end, notes)
  for second, frame in frames.timed_frames(path, None, start, end, notes, box):
    yield second, np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC))


def times(path, start, end, notes=None):
  """The times between which lie the frames that the released programs read of a clip.

  They count frames: from floor(start * fps) to ceil(end * fps), both ends included, as far as the
  video has them, however much of the clip that is.

  Args:
    path: of the video.
    start, end: seconds; `end` may be infinite.
    notes: dict that receives {`ends.CUT`: sentence} where the clip is cut to the video's end.

  Returns:
    (start, end): seconds between two frames; 0 and infinity stay.

  Raises:
    VideoError: the video does not say its frame rate.
  """
  if start <= 0 and math.isinf(end):
    return start, end
  info = frames.probe(path)
  fps = pictures.FPS if pathlib.Path(path).is_dir() else info.fps
  if not fps:
    raise VideoError(f"{path} does not say its frames per second, get it anew")
  first, last = frame_range(start, end, fps)
  if first + LEAST <= info.num_frames < last < math.inf:
    last = info.num_frames
    if notes is not None:
      notes[ends.CUT] = (
        f"{path} has {info.num_frames} frames, the clip from {start} to {end} is cut to them"
      )
  return max(first - _ROOM, 0.0) / fps, (last + _ROOM) / fps


def frame_range(start, end, fps):
  """(first, last) frame of a clip, both included, `last` perhaps infinite; see `times`."""
  return math.floor(start * fps), end if math.isinf(end) else math.ceil(end * fps)


def points(side, crop):
  """Where `sampled` reads along one axis: (crop,) float64 pixels; 15.5 to 239.5 for 256 and 224.

  The released sampler spreads as many points as the crop has pixels over a length of that many
  steps, so that points are not a pixel apart.
  """
  middle = (side - 1) / 2
  return np.linspace(middle - crop / 2, middle + crop / 2, crop).clip(0, side - 1)


def sampled(pixels, crop):
  """Reads (..., R, R, 3) frames at `points` of both axes, bilinear; numpy or JAX arrays.

  Returns:
    (..., crop, crop, 3) float32 in the same range.
  """
  return _between(_between(pixels, -3, crop), -2, crop)


def _between(pixels, axis, crop):
  side = pixels.shape[axis]
  places = points(side, crop)
  low = np.minimum(places.astype(np.int64), side - 2)
  shape = [crop if place == axis else 1 for place in range(-pixels.ndim, 0)]
  share = (places - low).astype(np.float32).reshape(shape)
  below, above = (
    pixels.take(low + more, axis=axis).astype(np.float32) for more in (0, 1)
  )  # fmt: skip
  return below + (above - below) * share
