"""What a corpus's annotations say of one video of one sentence."""

from typing import NamedTuple

from sign_jax import errors
from sign_jax.data.tokenizer import clean
from sign_jax.errors import UserError
from sign_jax.untrusted.csv_table import LONGEST_NAME

LONGEST_TEXT = 10_000  # characters; a sentence of a real corpus has some hundred
MAX_FRAMES = 2**31 - 1  # what a data set's records hold
LAST_SECOND = 1e6  # eleven days; at any frame rate, its frame is below MAX_FRAMES


class Clip(NamedTuple):
  """One video of one sentence; files of features and poses carry one of its names."""

  video_id: str  # unique in the corpus
  sentence_id: str  # shared by all videos of a sentence
  sentence: str  # in the language of the release
  translation: str = ""  # English, where the release has one beside another language
  signer: str = ""
  glosses: str = ""  # separated by blanks
  num_frames: int = 0  # 0: the annotations do not say
  fps: float = 0.0  # frames per second, 0: unknown
  video: str = ""  # video file or folder of pictures, relative to the manual_dir
  start: float = 0.0  # seconds into `video`
  end: float = 0.0  # seconds, 0: to its end
  other_names: tuple[str, ...] = ()  # further names that its files may carry

  @property
  def text(self):
    """What the text tower reads: English where there is any."""
    return self.translation or self.sentence

  @property
  def names(self):
    """Names of its files, the likeliest first."""
    return (self.video_id, *self.other_names)


def shown(name):
  """A name for a message; the type of what is none, as a damaged file may hold anything there."""
  return errors.shown(name if isinstance(name, str) else type(name).__name__)


def check(clip, where):
  """Checks that a clip is one that can be built and trained on.

  Args:
    clip: `Clip`.
    where: what the error names, e.g. a file and a line.

  Raises:
    UserError: a name that could leave a folder or no file can carry, no text, an impossible number
      of frames, impossible times.
  """
  for name in (*clip.names, clip.sentence_id):
    check_name(name, where)
  for text in (clip.text, clip.sentence, clip.glosses, clip.signer):
    if len(text) > LONGEST_TEXT:
      raise UserError(f"{where} has a text of {len(text)} characters, correct it")
  if not clean(clip.text):
    raise UserError(f"{where} has no text, write one or remove the video")
  if not 0 <= clip.num_frames <= MAX_FRAMES:
    raise UserError(f"{where} states no possible number of frames, correct it")
  is_in_order = 0 <= clip.start < clip.end <= LAST_SECOND  # NaN compares false
  if (clip.start or clip.end) and not is_in_order:
    raise UserError(f"{where} lasts from {clip.start} to {clip.end} seconds, correct the times")


def check_name(name, where):
  """Checks that a name is one of a file, and not of one elsewhere.

  Raises:
    UserError: no text, empty, with a separator of paths or a control character, or too long.
  """
  if not isinstance(name, str) or name in ("", ".", ".."):
    raise UserError(f"{where}: {shown(name)} is no name of a video, correct it")
  if not name.isprintable() or any(c in "/\\:" for c in name):
    raise UserError(f"{where}: {shown(name)} holds characters that no video's name has, correct it")
  if len(name.encode(errors="replace")) > LONGEST_NAME:
    raise UserError(f"{where}: {shown(name)} is longer than {LONGEST_NAME} bytes, correct it")
