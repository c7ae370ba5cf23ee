"""Which file of the user's folder of videos a clip is of.

Names come from the index, which a stranger may have written: none leads out of the folder, by dots
or by links, and nothing is given out but videos.
"""

import pathlib

from sign_jax.errors import shown
from sign_jax.search.entries import Entry
from sign_jax.search.page.refusal import Refusal
from sign_jax.video import frames

# What browsers know containers by; others they refuse whatever they are called.
_TYPES = {
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/mp4", ".qt": "video/mp4",
    ".webm": "video/webm", ".mkv": "video/x-matroska", ".ogv": "video/ogg", ".3gp": "video/3gpp",
}  # fmt: skip


class Media:
  """The folder of the videos; `Media(None)` where there is none."""

  def __init__(self, folder: pathlib.Path | None) -> None:
    self.folder = folder and folder.resolve(strict=True)

  def path_of(self, clip: Entry) -> pathlib.Path:
    """The file of a clip's video, or its folder of pictures, without links.

    Raises:
      Refusal: there is none, or its name leads elsewhere.
    """
    if self.folder is None:
      raise Refusal("the page was started without --media, the folder of the videos", 404)
    name = pathlib.PurePosixPath(clip.source)
    if not name.parts:
      raise Refusal("the index does not say which video this clip is of", 404)
    if name.is_absolute() or ".." in name.parts or "\0" in clip.source:
      raise Refusal(f"{shown(clip.source)} leads out of the folder of the videos", 403)
    for path in self._candidates(name):
      try:
        found = path.resolve(strict=True)
      except (OSError, RuntimeError):  # not there, or links without end
        continue
      if not found.is_relative_to(self.folder):
        raise Refusal(f"{shown(clip.source)} leads out of the folder of the videos", 403)
      if found.is_dir() or found.is_file() and found.suffix.lower() in frames.EXTENSIONS:
        return found
    raise Refusal(f"there is no video {shown(clip.source)} in {self.folder.name}", 404)

  def file_of(self, clip: Entry) -> pathlib.Path:
    """As `path_of`, for videos that a browser may play: files."""
    found = self.path_of(clip)
    if found.is_dir():
      raise Refusal(f"{shown(clip.source)} is a folder of pictures, and browsers play none", 404)
    return found

  def fault_of(self, clip: Entry) -> str:
    """Why nothing of a clip can be shown, as a sentence; "" where it can."""
    try:
      self.path_of(clip)
    except Refusal as fault:
      return str(fault)
    return ""

  def _candidates(self, name):
    yield self.folder / name
    # Data sets name their videos without the end of the file's name.
    if name.suffix.lower() not in frames.EXTENSIONS:
      yield from (self.folder / name.with_name(name.name + end) for end in frames.EXTENSIONS)


def type_of(path: pathlib.Path) -> str:
  """The media type of a video."""
  return _TYPES.get(path.suffix.lower(), "application/octet-stream")
