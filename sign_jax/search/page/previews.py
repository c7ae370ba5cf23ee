"""Places of videos that a browser cannot play itself, as small WebM films.

Archives hold AVI, MPEG-2 and folders of pictures; browsers play none of these.
"""

import io
import pathlib
from fractions import Fraction

import av
import numpy as np
from PIL import Image

from sign_jax.search.page import kept, posters
from sign_jax.search.page.refusal import Refusal
from sign_jax.video import frames

LONGEST = 20.0  # seconds of a film
_SIDE = 480  # pixels of the longer side
_MOST_FRAMES = 1200
_CODEC, _BITS = "libvpx", 1_500_000
_SPEED = {"deadline": "realtime", "cpu-used": "8"}
_TICKS = 1000  # a second


class Previews:
  """Films by file and span, one made at a time."""

  def __init__(self) -> None:
    self._maker = kept.Maker(1)

  def of(self, path: pathlib.Path, start: float, end: float) -> bytes:
    """A WebM file of a span of a video, whose first frame is shown at 0.

    Args:
      path: the video, a file or a folder of pictures.
      start, end: seconds; not more than LONGEST are made.

    Raises:
      Refusal: no span, or one that cannot be read.
    """
    if not start < end:
      raise Refusal("a film ends behind its begin")
    key = path, path.stat().st_mtime_ns, round(start, 2), round(end, 2)
    return self._maker.of(key, lambda: _film(path, start, min(end, start + LONGEST)))


def _film(path, start, end):
  file = io.BytesIO()
  try:
    with av.open(file, "w", format="webm") as container:
      _write(container, path, start, end)
  except frames.VideoError as error:
    raise Refusal(str(error).replace(str(path), path.name), 404) from error
  except (av.FFmpegError, ValueError) as error:
    raise Refusal(f"no film can be made of {path.name} ({error})", 404) from error
  return file.getvalue()


def _write(container, path, start, end):
  stream, first = None, 0.0
  timed = frames.timed_frames(path, start=start, most_skipped=posters.MOST_SKIPPED)
  for count, (seconds, picture) in enumerate(timed):
    if seconds >= end or count == _MOST_FRAMES:
      break
    picture = _small(picture)
    if stream is None:
      first = seconds
      stream = container.add_stream(_CODEC, rate=25, options=_SPEED)
      stream.height, stream.width = picture.shape[:2]
      stream.pix_fmt, stream.bit_rate = "yuv420p", _BITS
      stream.codec_context.time_base = Fraction(1, _TICKS)
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    frame.pts, frame.time_base = round(_TICKS * (seconds - first)), Fraction(1, _TICKS)
    container.mux(stream.encode(frame))
  if stream is None:
    raise Refusal(f"{path.name} has no frames from {start:.1f} to {end:.1f} seconds", 404)
  container.mux(stream.encode())


def _small(picture):
  """At most _SIDE pixels wide and high, both even numbers."""
  height, width = picture.shape[:2]
  scale = min(_SIDE / max(height, width), 1.0)
  size = [max(round(x * scale / 2), 8) * 2 for x in (width, height)]
  return np.asarray(Image.fromarray(picture).resize(size))
