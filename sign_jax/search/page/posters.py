"""Single frames of videos as small pictures, kept while there is room."""

import io
import pathlib

from PIL import Image

from sign_jax.search.page import kept
from sign_jax.search.page.refusal import Refusal
from sign_jax.video import frames

_SIDE = 480  # pixels of the longer side
_QUALITY = 82
_AT_ONCE = 2  # decoders
MOST_SKIPPED = 1500  # frames decoded in vain, where a video cannot be jumped in
_STEPS = 10  # of a second: places closer than that share a picture


class Posters:
  """Pictures by file and second."""

  def __init__(self) -> None:
    self._maker = kept.Maker(_AT_ONCE)

  def at(self, path: pathlib.Path, seconds: float) -> bytes:
    """The JPEG of the frame at a second of a video.

    Raises:
      Refusal: the video cannot be read there, or not in a reasonable time.
    """
    step = round(seconds * _STEPS)
    key = path, path.stat().st_mtime_ns, step
    return self._maker.of(key, lambda: _jpeg(_frame(path, step / _STEPS)))


def _frame(path, seconds):
  try:
    for _, picture in frames.timed_frames(path, start=seconds, most_skipped=MOST_SKIPPED):
      return picture
  except frames.VideoError as error:
    reason = str(error).replace(str(path), path.name)
    raise Refusal(reason, 404) from error
  raise Refusal(f"{path.name} has no frame at {seconds:.1f} seconds", 404)


def _jpeg(picture):
  image = Image.fromarray(picture)
  image.thumbnail((_SIDE, _SIDE))
  file = io.BytesIO()
  image.save(file, "JPEG", quality=_QUALITY)
  return file.getvalue()
