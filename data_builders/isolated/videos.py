"""The videos of isolated signs: where they are, and what their headers say. Nothing is decoded."""

import os
import pathlib
import re
from typing import NamedTuple

from PIL import Image

from data_builders.isolated import frame_range
from data_builders.isolated.signs import VIDEO, WHOLE
from sign_jax.errors import UserError, first_line
from sign_jax.video import containers, pictures
from sign_jax.video.ends import CUT
from sign_jax.video.frames import NOTES

_PICTURES = ("PNG", "JPEG", "BMP", "WEBP")  # what a decoder may take a file for
_NUMBER = re.compile(r"(\d{1,9})\D*")  # the last of a picture's name
_SAME_SHAPE = 0.03  # of the ratio of width and height
_OUTSIDE = 0.5  # of a box; then it is of a copy of another size


class Location(NamedTuple):
  """Where the video of a clip is."""

  video: str  # path below the manual_dir, of a file or a folder of pictures
  holds: str  # see `signs.Place`


class Extract(NamedTuple):
  """What of a video is a clip."""

  first: int  # frame, from 0
  end: int  # exclusive
  count: int  # frames of the whole file
  fps: float  # frames per second, of pictures `pictures.FPS`
  size: tuple  # (width, height) of the pictures
  box: tuple  # left, top, right, bottom as shares of the picture, `WHOLE` for all of it
  counts: dict  # {what is unusual: 0 or 1}, "clips" and "cut" among them


class _Whole(NamedTuple):
  count: int
  fps: float
  size: tuple


class Videos:
  """The videos in a user's folder."""

  def __init__(self, root):
    """`root` is the manual_dir."""
    self._root = pathlib.Path(root)
    self._folders, self._known = {}, {}  # each is listed, and each file opened, once

  def find(self, clip):
    """The `Location` of a clip, None where its video is missing.

    Raises:
      UserError: there are two.
    """
    for stem, holds in clip.places:
      folder, _, name = stem.rpartition("/")
      names = self._listed(folder).get(name, ())
      if len(names) > 1:
        raise UserError(
          f"{self._root / folder} holds {' and '.join(names)} for one clip, remove all but one"
        )
      if names:
        return Location(f"{folder}/{names[0]}" if folder else names[0], holds)
    return None

  def path(self, location):
    """pathlib.Path of a `Location`."""
    return self._root / location.video

  def read(self, clip, location):
    """The `Extract` of a clip.

    Raises:
      UserError: the file is no video, cut short or damaged as its header shows, another one, or too
        little of the clip is there.
    """
    path = self.path(location)
    whole = self._opened(path)
    first, end, is_cut = frame_range.find(clip, location.holds, whole.count, whole.fps, path)
    is_alone = location.holds != VIDEO and (first, end) == (0, whole.count)
    box, is_strange = _box(clip, is_alone, whole.size)
    counts = {"clips": 1, "cut": is_cut, "boxed": box != WHOLE, "unboxed": is_strange}
    return Extract(first, end, *whole, box, {name: int(count) for name, count in counts.items()})

  def _listed(self, folder):
    """{name without extension: [names of videos and folders]} of a folder."""
    if folder not in self._folders:
      found = self._folders[folder] = {}
      for name in _names(self._root / folder):
        found.setdefault(_stem(name), []).append(name)
    return self._folders[folder]

  def _opened(self, path):
    if path not in self._known:
      try:
        self._known[path] = _pictures(path) if path.is_dir() else _video(path)
      except UserError as error:
        self._known[path] = error
    found = self._known[path]
    if isinstance(found, UserError):
      raise UserError(str(found))  # anew, as one that is raised again keeps every traceback
    return found


def described(counts):
  """Sentences on what is unusual in the videos of a set, of the sum of their `counts`."""
  clips = counts.get("clips")
  if cut := counts.get("cut"):
    yield f"{cut} of {clips} {NOTES[CUT]}"
  if boxes := counts.get("unboxed"):
    yield (
      f"the boxes of {boxes} of {clips} clips do not fit the pictures of their videos, which are "
      "read whole"
    )


def _names(folder):
  """Names of videos and of folders, sorted."""
  try:
    with os.scandir(folder) as entries:
      return sorted(x.name for x in entries if not x.name.startswith(".") and (
        _stem(x.name) != x.name or x.is_dir()))  # fmt: skip
  except (FileNotFoundError, NotADirectoryError):
    return []


def _stem(name):
  path = pathlib.PurePath(name)
  return path.stem if path.suffix.lower() in containers.EXTENSIONS else name


def _video(path):
  with containers.opened(path) as container:
    stream = container.streams.video[0]
    containers.check_not_truncated(path, stream)
    count = stream.frames or sum(packet.size > 0 for packet in container.demux(stream))
  info = containers.probe(path)
  if not count:
    raise UserError(f"{path} holds no frames, get it anew")
  return _Whole(count, info.fps, (info.width, info.height))


def _pictures(path):
  found = pictures.paths(path)
  if not found:
    raise UserError(f"{path} holds no pictures, get them anew")
  first, last = (_NUMBER.findall(picture.stem) for picture in (found[0], found[-1]))
  if first and last and int(last[-1]) - int(first[-1]) + 1 != len(found):
    raise UserError(
      f"{path} holds {len(found)} pictures from {found[0].name} to {found[-1].name}, so some are "
      "missing, get them anew"
    )
  try:
    with Image.open(found[0], formats=_PICTURES) as image:
      size = image.size
  except Exception as error:  # Pillow raises almost anything over hostile bytes
    raise UserError(f"{found[0]} is no picture ({first_line(error)}), get it anew") from error
  return _Whole(len(found), pictures.FPS, size)


def _box(clip, is_alone, size):
  """(box as shares of the picture, whether one that is stated does not fit and is left out)."""
  if clip.pixels != WHOLE:
    width, height = size
    left, top, right, bottom = clip.pixels
    inside = (
      min(max(left, 0), width), min(max(top, 0), height), min(right, width), min(bottom, height)
    )  # fmt: skip
    if _area(inside) < _OUTSIDE * _area(clip.pixels):
      return WHOLE, True
    return tuple(x / n for x, n in zip(inside, (width, height) * 2, strict=True)), False
  # Who cuts clips out of videos may have cut out the persons too.
  if clip.box != WHOLE and is_alone and all(clip.size) and not _same_shape(size, clip.size):
    return WHOLE, True
  return clip.box, False


def _area(box):
  left, top, right, bottom = box
  return max(right - left, 0) * max(bottom - top, 0)


def _same_shape(one, other):
  return abs(one[0] * other[1] / (one[1] * other[0]) - 1) <= _SAME_SHAPE
