"""A folder of videos, walked: what is a video there, and what is left out."""

import collections
import os
import pathlib
from typing import NamedTuple

from sign_jax.video import containers, pictures
from sign_jax.video.containers import VideoError

# Videos by their names, in containers that are not read.
UNREAD = (
  ".rm", ".rmvb", ".ogm", ".h264", ".264", ".h265", ".265", ".hevc", ".av1", ".ivf", ".y4m", ".yuv",
  ".mjpeg", ".mjpg", ".mj2", ".swf", ".wtv", ".dav", ".amv", ".braw", ".r3d", ".lrv", ".nut",
)  # fmt: skip
# Files that are no videos by their names; others are opened to see.
_NO_VIDEOS = (
  ".txt", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".md", ".pdf", ".srt", ".vtt", ".ass", ".eaf",
  ".pfsx", ".wav", ".mp3", ".m4a", ".aac", ".flac", ".npz", ".npy", ".pkl", ".pose", ".zip", ".gz",
  ".tar", ".py", ".log", ".thm", ".db", ".ini", ".xlsx", ".docx",
)  # fmt: skip
_OPENED = 20  # files of a kind that are opened to see whether they are videos
_NAMED = 20  # files that a message names


class LeftOut(NamedTuple):
  """What a walk has left out.

  Attributes:
    counts: {what: how many}.
    videos: paths, relative to the folder, that look like videos.
  """

  counts: collections.Counter
  videos: list[str]

  def text(self):
    """"left out: 3 .rm, 2 hidden files", or ""."""
    return f"left out: {pictures.counted(self.counts)}" if self.counts.total() else ""

  def warning(self):
    """A sentence on what looks like a video, or ""."""
    if not self.videos:
      return ""
    more = f" and {len(self.videos) - _NAMED} more" if len(self.videos) > _NAMED else ""
    names = ", ".join(map(repr, self.videos[:_NAMED]))
    return (
      f"what looks like a video was left out: {names}{more}; convert it, give it an extension of a "
      "video, or move it elsewhere"
    )


class Tree(NamedTuple):
  """What a walk has found; all paths are relative, with "/" between folders, in their order."""

  files: list[str]  # videos
  folders: list[str]  # of pictures
  left_out: LeftOut


def walk(root, skip=(), look_inside=True):
  """Finds the videos of a folder and its subfolders.

  A folder with pictures and no video files in it is a video; pictures beside video files, such as
  previews, and in `root` itself are left out. Links are followed, each folder once. Hidden files
  and folders are left out.

  Args:
    root: the folder.
    skip: relative paths that are neither counted nor walked.
    look_inside: open files of unknown kinds to see whether they are videos.

  Returns:
    `Tree`.
  """
  walk = _Walk(pathlib.Path(root), frozenset(skip), look_inside)
  walk.folder("")
  return Tree(sorted(walk.files), sorted(walk.folders), LeftOut(walk.counts, sorted(walk.videos)))


class _Walk:
  def __init__(self, root, skip, look_inside):
    self._root, self._skip, self._look_inside = root, skip, look_inside
    self._seen, self._opened = set(), collections.Counter()
    self.files, self.folders, self.videos = [], [], []
    self.counts = collections.Counter()

  def folder(self, relative):
    waiting = [relative]
    while waiting:
      waiting += self._folder(waiting.pop())

  def _folder(self, relative):
    """Looks at one folder; returns those in it that are still to be walked."""
    path = self._root / relative
    try:
      facts = path.stat()
      entries = sorted(os.scandir(path), key=lambda entry: entry.name)
    except OSError:
      self._leave_out("folder that cannot be read", relative)
      return []
    if (facts.st_dev, facts.st_ino) in self._seen:
      self.counts["link to a folder that is read already"] += 1
      return []
    self._seen.add((facts.st_dev, facts.st_ino))
    inner, shown, unread, videos = [], 0, 0, 0
    for entry in entries:
      name = f"{relative}/{entry.name}" if relative else entry.name
      if name in self._skip:
        continue
      if entry.is_dir():
        inner += [] if self._is_hidden(entry, "folder") else [name]
      elif not self._is_hidden(entry, "file"):
        extension = pathlib.PurePath(name).suffix.lower()
        if not os.path.exists(entry.path):
          self._leave_out("broken link", name if extension in containers.EXTENSIONS else None)
        elif extension in containers.EXTENSIONS:
          self.files.append(name)
          videos += 1
        elif extension in pictures.EXTENSIONS:
          shown += 1
        else:
          unread += extension in pictures.OTHER_EXTENSIONS
          self._other(name, extension)
    self._pictures(relative, shown, videos)
    if unread > 1 and not shown and not videos:  # frames of a kind that is not read
      self.videos.append(relative or ".")
    if not entries:
      self.counts["empty folder"] += 1
    return inner

  def _is_hidden(self, entry, kind):
    is_hidden = entry.name.startswith(".")
    self.counts[f"hidden {kind}"] += is_hidden
    return is_hidden

  def _pictures(self, relative, shown, videos):
    if shown and relative and not videos:
      self.folders.append(relative)
    elif shown:
      self.counts[f"picture {'beside videos' if videos else 'in the folder itself'}"] += shown

  def _other(self, name, extension):
    is_video = extension in UNREAD or self._is_video(name, extension)
    kind = pictures.kind_of(name)
    self._leave_out(f"{kind} (not a known video)" if is_video else kind, name if is_video else None)

  def _is_video(self, name, extension):
    path = self._root / name
    if not self._look_inside or extension in _NO_VIDEOS + pictures.OTHER_EXTENSIONS:
      return False
    self._opened[extension] += 1
    if self._opened[extension] > _OPENED or not path.is_file():  # a pipe would never end
      return False
    try:
      containers.opened(path).close()
    except VideoError:
      return False
    return True

  def _leave_out(self, what, video=None):
    self.counts[what] += 1
    if video is not None:
      self.videos.append(video or ".")
