"""Fills an index from what `sources` makes, a piece at a time; what is done is kept."""

import time
from collections.abc import Iterable
from typing import NamedTuple

import jax
import numpy as np
from tqdm import tqdm

from sign_jax.api.model import joined
from sign_jax.api.retrieval import EncodedVideos
from sign_jax.errors import UserError
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


def fill(index: Index, videos: Iterable[Made], total: int) -> Summary:
  """Adds videos; one that cannot be read, or that does not fit the model, does not stop the others.

  Args:
    index: `Index`.
    videos: [`Made`].
    total: their number, for the progress bar.
  """
  summary, waiting, begun = Summary([], [], {}, 0), [], time.monotonic()
  clips = 0
  for video in tqdm(videos, "indexing", total, unit="video", mininterval=1):
    if video.error:
      summary.failed[video.name] = str(video.error)
    elif all(clip.name in index for clip in video.clips):
      summary.there.append(video.name)
    else:
      try:
        waiting.append(_encoded(index, video))
        summary.added.append(video.name)
      except UserError as error:
        summary.failed[video.name] = str(error)
    if sum(len(x.clips) for x in waiting) >= _CLIPS or time.monotonic() - begun > _SECONDS:
      clips += _add(index, waiting)
      waiting, begun = [], time.monotonic()
  clips += _add(index, waiting)
  return summary._replace(clips=clips)


def _encoded(index, video):
  """The clips of a video that the index lacks, after the model."""
  entries.checked(video.clips)
  new = [n for n, clip in enumerate(video.clips) if clip.name not in index]
  videos = video.videos
  if isinstance(videos, EncodedVideos):
    videos = videos[new]
  else:
    videos = index.model.encode_videos([videos[n] for n in new])
  return video._replace(
      videos=videos, clips=[video.clips[n] for n in new], times=[video.times[n] for n in new]
  )


def _add(index, videos):
  if not videos:
    return 0
  tokens = joined([jax.tree.map(np.asarray, video.videos.tokens) for video in videos])
  clips = [clip for video in videos for clip in video.clips]
  index.add(EncodedVideos(tokens), clips, [x for video in videos for x in video.times])
  return len(clips)
