"""The corpus as continuous recognition needs it: pictures, optical flow and poses of sentences.

Some videos are what recognisers stumble over in real corpora: a gloss twice in a row, one gloss
alone, and too few frames for CTC to have a path through the glosses.
"""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped, UInt8

from data_builders.signing_sim import camera, corpus, failures, film, filmed, lexicon, observe
from data_builders.signing_sim.rng import Random
from sign_jax.data import flow_encoding
from sign_jax.video import flow

SIZE = filmed.SIZE  # height and width of what is stored, pixels
_FLOW_SIZE = 96  # of the pictures that motion is estimated in: at 48 fingers are below a pixel
_LARGEST = 12.0  # pixels of motion, in those, that fill the scale
_STRIDE = 4  # frames that a recogniser makes one step of


@dataclasses.dataclass(frozen=True)
class Settings(corpus.Settings):
  """The numbers of a corpus, and what share of its videos is out of the ordinary.

  Attributes:
    domain: of the sentences that are kept; the others are drawn and left out.
    failing: share of the frames in which the pose estimator takes something else for an arm.
    repeated: share of the videos that sign a gloss twice in a row.
    single: share that sign one gloss alone.
    infeasible: share of the training videos that have fewer frames than CTC needs.
  """

  domain: str = "weather"
  failing: float = 0.1
  repeated: float = 0.05
  single: float = 0.02
  infeasible: float = 0.005


TINY = Settings(sentences=(40, 16, 16), signers=5, repeated=0.2, single=0.1, infeasible=0.1)
CONTINUOUS = Settings(sentences=(1500, 240, 360), signers=18)


@dataclasses.dataclass(frozen=True)
class Video(corpus.Video):
  """One video, of which the first or all frames are shown."""

  is_infeasible: bool = False


def videos(settings: Settings) -> dict[str, list[Video]]:
  """{split: its videos}, those of `corpus.videos` with other glosses here and there.

  Weather forecasts alone have less than half of all glosses, so that recognisers learn to read them
  in minutes.
  """
  return {
    split: [
      _changed(video, split, settings) for video in found
      if video.sentence.domain == settings.domain
    ]
    for split, found in corpus.videos(settings).items()
  }


def _changed(video, split, settings):
  random = Random(settings.seed, "continuous", video.video_id)
  glosses, kind = list(video.glosses), random.uniform()
  place = random.integer(len(glosses))
  if kind < settings.repeated:
    glosses[place:place] = [glosses[place]]
  elif kind < settings.repeated + settings.single:
    glosses = [glosses[place]]
  shares = settings.repeated + settings.single, settings.infeasible
  is_infeasible = split == "train" and shares[0] <= kind < sum(shares)
  sentence = video.sentence
  if len(glosses) == 1:  # a sentence of its own, whatever it was a part of
    name = f"{sentence.sentence_id}_{place}"
    sentence = dataclasses.replace(
      sentence, sentence_id=name, text=f"{lexicon.concept(glosses[0]).lower()}."
    )
  return Video(video.video_id, sentence, video.signer, tuple(glosses), is_infeasible)


def needed_frames(glosses: tuple[str, ...]) -> int:
  """The fewest frames with which CTC has a path: a step for each gloss, and between equal ones."""
  equal = sum(a == b for a, b in zip(glosses, glosses[1:], strict=False))
  return _STRIDE * (len(glosses) + equal)


def example(video: Video, settings: Settings) -> dict[str, Any]:
  """The record of a video: a dict with the features of the builder's configs with flow."""
  points, spans = corpus.simulate(video, settings)
  if video.is_infeasible:  # as if the film were played far too fast
    points, spans = _hurried(points, spans, needed_frames(video.glosses) - 1)

  def random(name):
    return Random(settings.seed, name, video.video_id)

  seen = camera.place(points, random("camera"))
  estimated = failures.mislead(seen, random("failures"), settings.failing)
  return {
    **corpus.facts(video, len(points), spans),
    "pose": observe.observe(estimated, random("pose")),
    "frames": film.frames(seen, SIZE),
    "flow": _flow(film.frames(seen, _FLOW_SIZE)),
  }


def _hurried(
  points: Float[np.ndarray, "F 133 2"], spans: Shaped[np.ndarray, "G 2"], most: int
) -> tuple[Float[np.ndarray, "T 133 2"], Shaped[np.ndarray, "G 2"]]:
  """At most so many frames, evenly from the whole video."""
  kept = min(most, len(points))
  chosen = np.arange(kept) * len(points) // kept
  return points[chosen], (spans * kept // len(points)).astype(np.int32)


def _flow(frames: UInt8[np.ndarray, "T s s 3"]) -> UInt8[np.ndarray, "T S S 3"]:
  """Pictures of the motion from each frame to the next one, as means over areas."""
  pictures = flow_encoding.uvm(flow.fields(frames), _LARGEST)
  parts = pictures.reshape(len(pictures), SIZE, _FLOW_SIZE // SIZE, SIZE, -1, 3)
  return np.floor(parts.mean((2, 4)) + 0.5).astype(np.uint8)


def metadata(settings: Settings) -> dict[str, Any]:
  """`corpus.metadata`, and how flow was made."""
  return {
    **corpus.metadata(settings),
    "flow": {"method": "DIS", "encoding": "uvm", "range": _LARGEST, "size": _FLOW_SIZE},
  }
