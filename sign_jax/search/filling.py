"""Fills an index from what `sources` makes, a piece at a time; what is done is kept."""

import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import jax
import numpy as np
from tqdm import tqdm

from sign_jax.api.model import joined
from sign_jax.api.retrieval import EncodedVideos
from sign_jax.errors import UserError, shown
from sign_jax.search import entries
from sign_jax.search.index import Index
from sign_jax.search.sources import Made

_CLIPS, _SECONDS = 256, 30.0  # of a piece


class Summary(NamedTuple):
  """What became of the videos: names of those that were added and were there, and {name: reason}.

  Attributes:
    clips: how many clips were added.
  """

  added: list[str]
  there: list[str]
  failed: dict[str, str]
  clips: int


def fill(
    index: Index, videos: Iterable[Made], total: int, there: Sequence[str] = ()
) -> Summary:
  """Adds videos; one that cannot be read, or that does not fit the model, does not stop the others.

  A video is added with all its parts or with none, and one that is there stays as it was cut. What
  is done when the program is asked to stop is added first.

  Args:
    index: `Index`.
    videos: [`Made`].
    total: their number, for the progress bar.
    there: names of videos that are in the index, and not among these.
  """
  piece = _Piece(index)
  found = list(there)
  try:
    for video in tqdm(videos, "indexing", total, unit="video", mininterval=1):
      if video.error:
        piece.failed[video.name] = str(video.error)
      elif not video.clips or index.store.has_video(video.name):
        found.append(video.name)
      else:
        piece.take(video)
  finally:
    piece.write()
  return Summary(piece.added, found, piece.failed, piece.clips)


class _Piece:
  """Videos that wait until the index takes them together."""

  def __init__(self, index):
    self._index = index
    self.added, self.failed, self.clips = [], {}, 0
    self._begin()

  def _begin(self):
    self._videos, self._names, self._begun = [], set(), time.monotonic()

  def take(self, video):
    """Encodes a video, and writes when there are enough; notes one that does not fit."""
    try:
      self._check(video)
      self._videos.append(_encoded(self._index, video))
    except UserError as error:
      self.failed[video.name] = str(error)
      return
    self._names |= {clip.name for clip in video.clips}
    if len(self._names) >= _CLIPS or time.monotonic() - self._begun > _SECONDS:
      self.write()

  def _check(self, video):
    entries.checked(video.clips)
    for clip in video.clips:
      if clip.name in self._names or clip.name in self._index:
        raise UserError(
            f"there is another clip {shown(clip.name)}: rename the video, or list the videos with "
            "names in a table and pass it with --csv"
        )

  def write(self):
    """Adds what waits."""
    videos = self._videos
    self._begin()
    self._add(videos)

  def _add(self, videos):
    """Adds videos together or, where the index refuses them, each alone."""
    if not videos:
      return
    tokens = joined([jax.tree.map(np.asarray, video.videos.tokens) for video in videos])
    clips = [clip for video in videos for clip in video.clips]
    try:
      self._index.add(EncodedVideos(tokens), clips, [x for video in videos for x in video.times])
    except UserError as error:
      if isinstance(error.__cause__, OSError):  # a full disk, which is no video's fault
        raise
      if len(videos) == 1:
        self.failed[videos[0].name] = str(error)
      else:
        for video in videos:
          self._add([video])
      return
    self.added += [video.name for video in videos]
    self.clips += len(clips)


def _encoded(index, video):
  """The video after the model."""
  if isinstance(video.videos, EncodedVideos):
    return video
  return video._replace(videos=index.model.encode_videos(list(video.videos)))
