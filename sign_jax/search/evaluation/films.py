"""Films that show several sentences in a row, made of a split's videos.

A video of a data set shows one sentence from its beginning to its end, so that its place is the
whole video. So the videos of one signer are joined, one after the other, cut into parts as an
archive's long videos are, and indexed; then each sentence is to be found in its film.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from sign_jax.search import overlaps
from sign_jax.search.entries import Entry
from sign_jax.search.evaluation.split import Split
from sign_jax.search.index import Index

SENTENCES = 6  # of a film
_CLIPS = 256  # that are added at once


class Film(NamedTuple):
  """Some videos in a row.

  Attributes:
    name: of the film.
    signer: of its videos.
    videos: their numbers in the split.
    signed: of each, begin and end of its signs in seconds of the film.
    features: {stream: (n, D)}.
    times: (n, 2) begin and end of each window, in seconds of the film.
  """

  name: str
  signer: str
  videos: list[int]
  signed: list[tuple[float, float]]
  features: dict[str, np.ndarray]
  times: Float[np.ndarray, "n 2"]


def films(split: Split, sentences: int = SENTENCES) -> Iterator[Film]:
  """Yields films of so many videos of one signer, as far as they go; the last ones have fewer."""
  of_signer = {}
  for number, video in enumerate(split.videos):
    if video.times is not None and video.signed:
      of_signer.setdefault(video.signer, []).append(number)
  for signer, members in of_signer.items():
    for start in range(0, len(members), sentences):
      yield _film(split, signer, start // sentences, members[start : start + sentences])


def _film(split, signer, count, members):
  start, signed, times = 0.0, [], []
  for number in members:
    video = split.videos[number]
    times.append(video.times + start)
    signed.append((video.signed[0] + start, video.signed[1] + start))
    start += video.seconds
  longest = int(split.data.windows.max())
  parts = list(split.data.stored_features(members, longest))
  features = {name: np.concatenate([x[name] for x in parts]) for name in parts[0]}
  return Film(f"{signer} {count}", signer, members, signed, features, np.concatenate(times))


def add(index: Index, film: Film, split: str, length: overlaps.Length = overlaps.DEFAULT) -> None:
  """Adds a film to an index, in parts of such a length."""
  slices = overlaps.parts(film.times, length)
  videos = [{name: x[part] for name, x in film.features.items()} for part in slices]
  if len(film.features) == 1:
    videos = [next(iter(video.values())) for video in videos]
  clips = [
      Entry(f"{film.name}#{n}", film.name, split=split, signer=film.signer)
      for n in range(1, len(slices) + 1)
  ]
  for first in range(0, len(clips), _CLIPS):
    some = slice(first, first + _CLIPS)
    index.add(videos[some], clips[some], [film.times[part] for part in slices[some]])
