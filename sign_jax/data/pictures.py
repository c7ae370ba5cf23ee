"""Folders of pictures, one per frame, as PHOENIX-2014T and CSL-Daily come."""

import pathlib
import re

import av
import numpy as np
from PIL import Image

from sign_jax.data import containers
from sign_jax.data.containers import VideoError

EXTENSIONS = (".png", ".jpg", ".jpeg")
FPS = 25.0  # pictures have no times; a clip's seconds count this many a second
_FORMATS = ("PNG", "JPEG")  # what a decoder may take a file for, whatever its name


def paths(folder):
  """The pictures of a folder in natural order (2 before 10); other and hidden files are ignored.

  Returns:
    [pathlib.Path], perhaps empty.

  Raises:
    VideoError: the folder cannot be read.
  """
  try:
    entries = list(pathlib.Path(folder).iterdir())
  except OSError as error:
    raise VideoError(f"{folder} cannot be read: {error.strerror}") from error
  found = (
    path for path in entries
    if path.suffix.lower() in EXTENSIONS and not path.name.startswith(".")
  )  # fmt: skip
  return sorted(found, key=lambda path: (_natural(path.name), path.name))


def clip(folder, start, end, size=None):
  """Reads the pictures with start <= index / `FPS` < end.

  Args:
    folder: folder of pictures.
    start, end: seconds; `end` may be infinite.
    size: (height, width) to resize to as `containers.frames` does; None keeps the size.

  Yields:
    (seconds, (H, W, 3) uint8 RGB).

  Raises:
    VideoError: no pictures, none in the clip, a damaged or too large one.
  """
  pictures = paths(folder)
  if not pictures:
    raise VideoError(f"{folder} holds no pictures ({', '.join(EXTENSIONS)}), check its name")
  chosen = [(i / FPS, path) for i, path in enumerate(pictures) if start <= i / FPS < end]
  if not chosen:
    raise VideoError(f"{folder} has no picture from {start} to {end} seconds, correct the times")
  for seconds, path in chosen:
    yield seconds, _read(path, size)


def _natural(name):
  # Digits are compared as numbers, without making numbers of a thousand digits.
  pieces = re.split(r"(\d+)", name)
  return [
    (len(piece.lstrip("0")), piece.lstrip("0")) if number % 2 else (0, piece)
    for number, piece in enumerate(pieces)
  ]


def _read(path, size):
  try:
    with Image.open(path, formats=_FORMATS) as image:
      width, height = image.size
      if width * height > containers.MAX_PIXELS:  # told by the header, before memory is taken
        raise VideoError(
          f"{path} has {width} x {height} pixels, more than the {containers.MAX_PIXELS} that are "
          "read, make it smaller"
        )
      rgb = np.asarray(image.convert("RGB"))
  except VideoError:
    raise
  except Exception as error:  # Pillow's decoders raise almost anything over hostile bytes
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    raise VideoError(f"{path} is no picture or a damaged one ({reason}), get it anew") from error
  # The scaler of videos: a corpus's pictures and a video made of them give the same.
  return containers.resized(av.VideoFrame.from_ndarray(rgb, format="rgb24"), size) if size else rgb
