"""Lexicons: isolated signs, as dictionaries show them, from and to rest.

Their signers sign nothing else, slowly and largely, before cameras that see no sentence.
"""

import dataclasses

import numpy as np
from jaxtyping import Float, Int

from data_builders.signing_sim import (
  camera,
  corpus,
  features,
  gap,
  lexicon,
  motion,
  phonology,
  signers,
  skeleton,
  wording,
)
from data_builders.signing_sim.rng import Random

_SPEED, _AMPLITUDE = 0.65, 1.15
_FIRST_SIGNER = {"first": 100, "second": 200}  # numbers that no corpus has
_SIGNERS = 6  # of a lexicon
_COUNT = {"first": 3, "second": 2}  # exemplars of a sign
_STREAM = "agnostic"
NAMES = tuple(_COUNT)


@dataclasses.dataclass(frozen=True)
class Exemplar:
  """One isolated sign of a lexicon."""

  name: str  # "rain-2_0"
  lexicon: str  # one of `NAMES`
  gloss: str
  word: str  # in its dictionary form
  signer: signers.Signer


def exemplars(name: str, settings: corpus.Settings) -> list[Exemplar]:
  """The signs of lexicon `name`, in the order of `lexicon.GLOSSES`.

  Both signs of a word that has two are exemplars of it. The second lexicon has half of the words.
  """
  found = []
  for gloss in lexicon.GLOSSES:
    word = wording.headword(lexicon.concept(gloss))
    if word in words(name):
      random = Random(settings.seed, "lexicon", name, gloss)
      people = random.shuffled(range(_SIGNERS))[:_COUNT[name]]
      found += [Exemplar(f"{gloss.lower()}_{number}", name, gloss, word,
                         _signer(settings.seed, _FIRST_SIGNER[name] + index))
                for number, index in enumerate(people)]
  return found


def words(name: str) -> frozenset[str]:
  """The words that lexicon `name` has signs of."""
  known = [wording.headword(concept) for concept in lexicon.WORDS]
  if name == "second":
    known = Random(0, "lexicon", name).shuffled(known)[:len(known) // 2]
  return frozenset(known)


def simulate(exemplar: Exemplar, settings: corpus.Settings
             ) -> tuple[Float[np.ndarray, "F 133 2"], Int[np.ndarray, "2"]]:
  """Noise-free keypoints as its camera sees them, pixels, and the sign's first and last frame."""
  random = _random("motion", exemplar, settings)
  form = phonology.forms(settings.lookalike_share)[exemplar.gloss]
  track, spans = motion.utterance([form], exemplar.signer, random)
  tremor = corpus.tremor(len(track), exemplar.signer, random)
  points = skeleton.keypoints(track, exemplar.signer, tremor)
  return camera.place(points, _random("camera", exemplar, settings)), spans[0]


def feature(exemplar: Exemplar, points: Float[np.ndarray, "F 133 2"], settings: corpus.Settings
            ) -> Float[np.ndarray, "windows width"]:
  """The features of an exemplar's windows, behind the gap."""
  plain = features.features(points, exemplar.signer, _STREAM, settings.width, settings.stride,
                            settings.seed, _random(_STREAM, exemplar, settings))
  return gap.turned(plain, exemplar.lexicon, _random("noise", exemplar, settings))


def _random(name, exemplar, settings):
  return Random(settings.seed, name, exemplar.lexicon, exemplar.name)


def _signer(seed, index):
  return dataclasses.replace(signers.signer(seed, index), speed=_SPEED, amplitude=_AMPLITUDE)
