"""What the annotations of isolated signs say of one clip."""

import math
from typing import NamedTuple

from data_builders.corpus import clips, findings
from sign_jax.errors import UserError
from sign_jax.untrusted import csv_table

# What a file holds: the clip alone, a longer video with the clip in it, or one of both, which the
# number of its frames tells.
CLIP, VIDEO, EITHER = "clip", "video", "either"
WHOLE = (0.0, 0.0, 0.0, 0.0)  # the box of clips without one
MAX_FRAMES = 2**31 - 1  # what a data set's records hold


class Place(NamedTuple):
  """Where the video of a clip may be."""

  stem: str  # path below the manual_dir, without extension: of a file, or of a folder of pictures
  holds: str = CLIP  # CLIP, VIDEO or EITHER


class SignClip(NamedTuple):
  """One video of one sign."""

  video_id: str  # unique in the corpus
  label: int  # class, from 0
  gloss: str = ""  # the class's name, "" where it has none
  signer: str = ""
  places: tuple[Place, ...] = ()  # the likeliest first
  first_frame: int = 0  # of the clip in a longer video, from 0
  end_frame: int = 0  # exclusive, 0: to the end
  fps: float = 0.0  # frames per second of these two; 0: frames of the file, whatever its rate
  box: tuple[float, float, float, float] = WHOLE  # left, top, right, bottom: shares of the picture
  pixels: tuple[float, float, float, float] = WHOLE  # the same in pixels, where no size is known
  size: tuple[int, int] = (0, 0)  # (width, height) of the pictures that the box was drawn on
  num_frames: int = 0  # 0: the annotations do not say
  ending: str = ".mp4"  # what its video is called with, where that is not there
  other_names: tuple[str, ...] = ()  # further names that its keypoints may carry

  @property
  def video(self):
    """Path of its video below the manual_dir, where that is not there: where it should be."""
    whole = next((place for place in self.places if place.holds == VIDEO), self.places[0])
    return whole.stem + self.ending

  @property
  def names(self):
    """Names of its keypoints, the likeliest first."""
    return (self.video_id, *self.other_names)

  @property
  def span(self):
    """How many frames it has as the annotations say, 0 where they do not."""
    return self.num_frames or (self.end_frame and self.end_frame - self.first_frame)


class Collector(findings.Collector):
  """Gathers the clips of a corpus while its annotations are read."""

  def add(self, split, clip, where):
    """Adds a clip.

    Raises:
      UserError: as `check`; a clip that is there already.
    """
    check(clip, where)
    self.keep(split, clip, where)


def check(clip, where):
  """Checks that a clip is one that can be built; what `vocabulary` gives is right already.

  Args:
    clip: `SignClip`.
    where: what the error names, e.g. a file and an entry.

  Raises:
    UserError: a name that could leave a folder or no file can carry, impossible frames, an
      impossible box.
  """
  clips.check_name(clip.video_id, where)
  for name in (*clip.other_names, *(place.stem for place in clip.places)):
    csv_table.check_inside(name, where)
  if not clip.places:
    raise UserError(f"{where} does not say which video it is of, correct it")
  if len(clip.signer) > clips.LONGEST_TEXT:
    raise UserError(f"{where} has a signer of {len(clip.signer)} characters, correct it")
  first, end = clip.first_frame, clip.end_frame
  if not 0 <= first <= MAX_FRAMES or not 0 <= end <= MAX_FRAMES or end and end <= first:
    raise UserError(f"{where} lasts from frame {first} to frame {end}, counted from 0, correct it")
  if not 0 <= clip.num_frames <= MAX_FRAMES or not 0 <= clip.fps < math.inf:
    raise UserError(f"{where} states no possible number of frames or rate, correct it")
  if not _is_box(clip.box, 0, 1) or not _is_box(clip.pixels, -math.inf, math.inf):
    raise UserError(f"{where} has no possible box of the signer, correct it")


def whole_number(value, name, where):
  """A number of frames or the like from annotations that may hold anything.

  Raises:
    UserError: it is no whole number.
  """
  if type(value) is float and value.is_integer():
    value = int(value)
  if type(value) is not int:
    raise UserError(f"{where}: {name!r} is no whole number, correct it")
  return value


def _is_box(box, least, most):
  left, top, right, bottom = box
  # NaN compares false.
  return box == WHOLE or least <= left < right <= most and least <= top < bottom <= most
