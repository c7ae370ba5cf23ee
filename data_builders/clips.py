"""What a corpus's annotations say of one video of one sentence."""

from typing import NamedTuple

SPLITS = ("train", "validation", "test")


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
