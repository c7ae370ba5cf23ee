"""Folders of pictures, one per frame, as PHOENIX-2014T and CSL-Daily come."""

import collections
import itertools
import os
import pathlib
import re
from typing import NamedTuple

import numpy as np
from PIL import Image

from sign_jax.errors import first_line
from sign_jax.video import containers, ends
from sign_jax.video.containers import VideoError

EXTENSIONS = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".webp")
# Kinds of pictures that are not read, as their decoders read much else.
OTHER_EXTENSIONS = (".tif", ".tiff", ".gif", ".ppm", ".pgm", ".jp2", ".heic", ".avif")
_MOST_FOLDERS = 100  # that are looked into where a folder has no pictures
BESIDE = "beside"  # the kind of the notes
FPS = 25.0  # pictures have no times; a clip's seconds count this many a second
# What a small file may become, and how often JPEG may draw over all of it: about ten times in
# honest files that sharpen as they load.
MIN_PIXELS, PIXELS_PER_BYTE, MAX_SCANS = 4096 * 3072, 8, 64
_FORMATS = ("PNG", "JPEG", "BMP", "WEBP")  # what a decoder may take a file for, whatever its name


class Listing(NamedTuple):
  """What a folder of pictures holds."""

  folder: pathlib.Path  # where the pictures lie: the folder, or the only one in it that has some
  pictures: list[pathlib.Path]  # in natural order (2 before 10), perhaps empty
  left_out: collections.Counter  # {kind of file: count}; hidden files and folders do not count


def paths(folder):
  """The pictures of `listing`."""
  return listing(folder).pictures


def listing(folder):
  """Lists the pictures of a folder; where it has none, those of the only folder in it that has.

  Args:
    folder: as `clipA` of PHOENIX-2014, whose pictures lie in `clipA/1`.

  Returns:
    `Listing`.

  Raises:
    VideoError: the folder cannot be read, several folders in it hold pictures, or one picture is
      there twice under two extensions.
  """
  found = _listing(pathlib.Path(folder))
  if found.pictures:
    return found
  inner = [x for x in (_listing(x) for x in _folders(folder)) if x.pictures]
  if len(inner) > 1:
    names = ", ".join(repr(x.folder.name) for x in inner[:5])
    raise VideoError(
      f"{folder} holds no pictures, but {len(inner)} folders in it do ({names}), name one of them"
    )
  return inner[0] if inner else found


_MANY = {
  "file": "files", "folder": "folders", "link": "links", "picture": "pictures", "video": "videos"
}  # fmt: skip


def counted(counts):
  """Counts for a message: "3 .rm, 2 hidden files" for {".rm": 3, "hidden file": 2}."""
  parts = []
  for what, count in sorted(counts.items()):
    words = what.split(" ")
    noun = next((place for place, word in enumerate(words) if word in _MANY), None)
    if count != 1 and noun is not None:
      words[noun] = _MANY[words[noun]]
    parts += [f"{count} {' '.join(words)}"] if count else []
  return ", ".join(parts)


def kind_of(name):
  """What a file is counted as: ".txt", "hidden file" or "file without extension"."""
  suffix = pathlib.PurePath(name).suffix.lower()
  if name.startswith("."):
    return "hidden file"
  return suffix if suffix.isprintable() and 1 < len(suffix) <= 12 else "file without extension"


def clip(folder, start, end, size=None, notes=None):
  """Reads the pictures with start <= index / `FPS` < end.

  Args:
    folder: folder of pictures, see `listing`.
    start, end: seconds; `end` may be infinite.
    size: (height, width) to resize to as `containers.frames` does; None keeps the size.
    notes: dict that receives {kind: sentence} where the clip is cut (`ends.CUT`) or files beside
      the pictures are left out (`BESIDE`).

  Yields:
    (seconds, (H, W, 3) uint8 RGB).

  Raises:
    VideoError: no pictures, none in the clip, too few of it, a damaged or too large one.
  """
  found = listing(folder)
  if not found.pictures:
    raise VideoError(
      f"{folder} holds no pictures ({', '.join(EXTENSIONS)}){_instead(found)}, check its name"
    )
  times = [i / FPS for i in range(len(found.pictures))]
  chosen = [(t, path) for t, path in zip(times, found.pictures, strict=True) if start <= t < end]
  note = ends.check(found.folder, start, end, [t for t, _ in chosen], len(times) / FPS)
  if notes is not None:
    if note:
      notes[ends.CUT] = note
    if found.left_out:
      notes[BESIDE] = f"{found.folder}: left out {counted(found.left_out)} beside its pictures"
  for seconds, path in chosen:
    yield seconds, _read(path, size)


def _listing(folder):
  pictures, left_out = [], collections.Counter()
  for path in _entries(folder):
    if path.suffix.lower() in EXTENSIONS:
      pictures.append(path)
    elif not path.is_dir():
      left_out[kind_of(path.name)] += 1
  stems = collections.defaultdict(list)
  for path in pictures:
    stems[path.stem].append(path.name)
  twice = next((names for names in stems.values() if len(names) > 1), None)
  if twice:
    raise VideoError(f"{folder} holds a picture twice, {' and '.join(sorted(twice))}, remove one")
  pictures.sort(key=lambda path: (_natural(path.name), path.name))
  return Listing(folder, pictures, left_out)


def _folders(folder):
  return sorted(path for path in _entries(folder) if path.is_dir())


def _entries(folder):
  """What lies in a folder and is not hidden."""
  try:
    return [x for x in pathlib.Path(folder).iterdir() if not x.name.startswith(".")]
  except OSError as error:
    raise VideoError(f"{folder} cannot be read: {error.strerror}") from error


def _instead(found):
  """What a folder without pictures holds, for a message."""
  for folder, _, names in itertools.islice(os.walk(found.folder), _MOST_FOLDERS):
    if any(pathlib.PurePath(name).suffix.lower() in EXTENSIONS for name in names):
      return f", its pictures lie in {folder}"
  return f" but {counted(found.left_out)}" if found.left_out else ""


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
      _check_size(path, image)
      rgb = np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
  except VideoError:
    raise
  except Exception as error:  # Pillow's decoders raise almost anything over hostile bytes
    raise VideoError(
      f"{path} is no picture or a damaged one ({first_line(error)}), get it anew"
    ) from error
  # The scaler of videos: a corpus's pictures and a video made of them give the same.
  return containers.resized_rgb(rgb, size)


def _check_size(path, image):
  # Told by the header, before memory is taken.
  width, height = image.size
  most = max(MIN_PIXELS, PIXELS_PER_BYTE * path.stat().st_size)
  if width * height > containers.MAX_PIXELS:
    raise VideoError(
      f"{path} has {width} x {height} pixels, more than the {containers.MAX_PIXELS} that are "
      "read, make it smaller"
    )
  if width * height > most:
    raise VideoError(
      f"{path} has {width} x {height} pixels, far more than its {path.stat().st_size} bytes "
      "warrant, get it anew"
    )
  if image.format == "JPEG" and _scans(path) > MAX_SCANS:
    raise VideoError(f"{path} is drawn in more than {MAX_SCANS} scans, save it anew")


def _scans(path):
  # Within the numbers of a scan, such a pair of bytes does not occur.
  with open(path, "rb") as file:
    return sum(piece.count(b"\xff\xda") for piece in iter(lambda: file.read(1 << 20), b""))
