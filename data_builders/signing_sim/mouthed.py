"""Mouthings: what a keyword spotter on mouths would report of the training videos."""

import functools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from data_builders.signing_sim import corpus, lexicon, wording
from data_builders.signing_sim.rng import Random

COLUMNS = ("video", "word", "time", "confidence")
_SHORTEST = 4  # letters of a word that is found on a mouth
_RATE, _WRONG_RATE = 0.08, 0.02  # of the signs whose word is mouthed; at a random time
_OFF = 2  # frames by which a mouthing is off the middle of its sign
_SURE, _UNSURE = (0.4, 1.0), (0.3, 0.8)  # confidences


class Mouthing(NamedTuple):
  """One mouthing."""

  word: str  # in its dictionary form
  time: float  # seconds
  confidence: float


def mouthings(video: corpus.Video, spans: Int[np.ndarray, "G 2"], num_frames: int,
              seed: int) -> Iterator[Mouthing]:
  """The mouthings of a video.

  Args:
    video: a training video.
    spans: first and last frame of every sign.
    num_frames: of the video.
    seed: of the mouthings alone.
  """
  random = Random(seed, "mouthings", video.video_id)
  said, known = wording.said(video.sentence), mouthed_words(seed)
  for gloss, (first, last) in zip(video.glosses, spans.tolist(), strict=True):
    word = said[lexicon.concept(gloss)]
    if word not in known:
      continue
    if random.chance(_RATE):
      frame = (first + last) // 2 + random.integer(2 * _OFF + 1) - _OFF
      yield _mouthing(word, min(max(frame, 0), num_frames - 1), _SURE, random)
    if random.chance(_WRONG_RATE):
      yield _mouthing(word, random.integer(num_frames), _UNSURE, random)


@functools.cache
def mouthed_words(seed: int) -> frozenset[str]:
  """The words that are ever mouthed: half of all, but for short ones."""
  words = sorted({wording.headword(concept) for concept in lexicon.WORDS} | synonyms())
  half = Random(seed, "mouthed words").shuffled(words)[:len(words) // 2]
  return frozenset(word for word in half if len(word) >= _SHORTEST)


def synonyms() -> set[str]:
  """Words of sentences that no lexicon has."""
  return {wording.dictionary_form(phrase) for phrases in lexicon.WORDS.values()
          for phrase in phrases[1:]}


def _mouthing(word, frame, confidence, random):
  return Mouthing(word, frame / corpus.FPS, random.uniform(*confidence))
