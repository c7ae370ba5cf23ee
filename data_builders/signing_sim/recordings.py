"""Long videos of several sentences, with the times of the signing and those of the speech.

An interpreter signs what is said behind the speech, and a sentence that is long to say need not be
long to sign. So a clip that is cut at the times of the speech shows a part of its own sentence and
a part of another one.
"""

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Float, Int

from data_builders.signing_sim import corpus, features, gap
from data_builders.signing_sim.rng import Random
from sign_jax.video.frames import WINDOW, window_starts

ALIGNMENTS = ("signing", "speech")
_SENTENCES = 6  # of a long video
_DELAY = (6, 24)  # frames by which the signing is behind the speech, at least and at most
_STREAM = "agnostic"


@dataclasses.dataclass(frozen=True)
class Recording:
  """One long video: what one signer signs, sentence after sentence."""

  name: str
  split: str
  videos: tuple[corpus.Video, ...]  # of the sentences


def recordings(settings: corpus.Settings) -> Iterator[Recording]:
  """All long videos of a corpus; each of its videos is in one of them."""
  for split, videos in corpus.videos(settings).items():
    yield from grouped(split, videos, _SENTENCES)


def grouped(split: str, videos: Iterable[corpus.Video], sentences: int) -> Iterator[Recording]:
  """Long videos of so many sentences of one signer, the last one of a signer of what is left."""
  of_signer = {}
  for video in videos:
    of_signer.setdefault(video.signer.name, []).append(video)
  for signer, members in sorted(of_signer.items()):
    for number, first in enumerate(range(0, len(members), sentences)):
      yield Recording(f"{split}_{signer}_{number:03d}", split,
                      tuple(members[first:first + sentences]))


def simulate(recording: Recording, settings: corpus.Settings
             ) -> tuple[Float[np.ndarray, "F 133 2"], list[int], list[Int[np.ndarray, "G 2"]]]:
  """The motion of a long video.

  Returns:
    Noise-free keypoints, pixels; the first frame of each sentence, and the first one behind all;
    for each sentence the first and last frames of its signs. The signer waits for the first words.
  """
  random = Random(settings.seed, "speech", recording.name)
  delay = _DELAY[0] + random.integer(_DELAY[1] - _DELAY[0] + 1)
  parts, starts, spans = [], [delay], []
  for video in recording.videos:
    points, own = corpus.simulate(video, settings)
    parts += [points] if parts else [np.repeat(points[:1], delay, 0), points]
    spans.append(own + np.int32(starts[-1]))
    starts.append(starts[-1] + len(points))
  return np.concatenate(parts), starts, spans


def clips(recording: Recording, starts: list[int], alignment: str) -> list[tuple[int, int]]:
  """The first frame of each sentence, and the first one behind it.

  Args:
    recording: the long video.
    starts: as from `simulate`.
    alignment: one of `ALIGNMENTS`.
  """
  if alignment == "speech":  # as long as they are to say, and from the beginning
    said = np.cumsum([0] + [len(video.sentence.text) for video in recording.videos])
    starts = (said * (starts[-1] - starts[0]) // said[-1]).tolist()
  return list(zip(starts[:-1], starts[1:], strict=True))


def stream(recording: Recording, points: Float[np.ndarray, "F 133 2"], settings: corpus.Settings
           ) -> Float[np.ndarray, "windows width"]:
  """The noisy features of all windows of a long video, one frame apart."""
  plain = features.features(points, recording.videos[0].signer, _STREAM, settings.width, 1,
                            settings.seed, Random(settings.seed, _STREAM, recording.name))
  return gap.noisy(plain, Random(settings.seed, "noise", recording.name))


def feature(rows: Float[np.ndarray, "windows width"], first: int, stop: int, stride: int
            ) -> Float[np.ndarray, "own width"]:
  """Those of a clip, as they would be of a video of its own; `rows` as from `stream`."""
  starts = first + window_starts(max(stop - first, WINDOW), stride)
  return rows[np.minimum(starts, len(rows) - 1)]
