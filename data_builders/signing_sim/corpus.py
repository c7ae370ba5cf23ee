"""The corpus: which videos there are, and how one of them is simulated."""

import dataclasses
import functools

import numpy as np

from data_builders.signing_sim import (
  features,
  grammar,
  lexicon,
  motion,
  observe,
  phonology,
  signers,
  skeleton,
)
from data_builders.signing_sim.rng import Random

FPS = 24.0
SPLITS = ("train", "validation", "test")
_VIDEOS = (1, 1, 1, 2, 2, 3)  # of a sentence, each with the same probability


@dataclasses.dataclass(frozen=True)
class Settings:
  """The numbers of a corpus.

  Attributes:
    sentences: number of sentences of train, validation and test.
    signers: number of signers in all; about a sixth appears only in the test split, one other only
      in the validation split.
    width: columns of a feature stream.
    stride: frames from one 16-frame window to the next.
    lookalike_share: share of the glosses that look the same as another one.
    seed: everything but the lexicon and the feature projection depends on it.
  """

  sentences: tuple[int, int, int]
  signers: int
  width: int = 256
  stride: int = 2
  lookalike_share: float = 0.12
  seed: int = 0


TINY = Settings(sentences=(24, 8, 8), signers=5, width=32)
STUDY = Settings(sentences=(400, 100, 150), signers=10)
SMALL = Settings(sentences=(800, 200, 240), signers=12)
MEDIUM = Settings(sentences=(4000, 400, 800), signers=30, width=512)


@dataclasses.dataclass(frozen=True)
class Video:
  """One video to be simulated."""

  video_id: str
  sentence: grammar.Sentence
  signer: signers.Signer
  glosses: tuple[str, ...]


def signer_names(settings):
  """Dict from split to the indices of its signers; see `Settings.signers`."""
  only_test = max(1, settings.signers // 6)
  train = list(range(settings.signers - only_test - 1))
  known = train[:only_test + 1]
  test = list(range(settings.signers - only_test, settings.signers))
  return {"train": train, "validation": train[-2:] + [len(train)], "test": known + test}


def _videos(settings, split, sentence, people):
  random = Random(settings.seed, "videos", sentence.sentence_id)
  chosen = random.shuffled(people)[:random.choice(_VIDEOS)]
  for number, index in enumerate(chosen):
    person = signers.signer(settings.seed, index)
    yield Video(f"{sentence.sentence_id}_{number}", sentence, person,
                person.glosses(sentence.concepts))


@functools.lru_cache(maxsize=4)
def videos(settings):
  """Dict from split to a list of `Video`, in the order of sentences."""
  sentences = grammar.sentences(settings.seed, dict(zip(SPLITS, settings.sentences, strict=True)))
  people = signer_names(settings)
  return {split: [video for sentence in sentences[split]
                  for video in _videos(settings, split, sentence, people[split])]
          for split in SPLITS}


def tremor(frames, signer, random):
  """(F, 2, 2) pixels: noise, averaged over three frames, of both arms."""
  noise = random.normal((frames + 2, 2, 2))
  return signer.tremor * (noise[:-2] + noise[1:-1] + noise[2:]) / 3


def simulate(video, settings):
  """The motion of a video.

  Returns:
    Noise-free keypoints `(F, 133, 2)` float64 in pixels (see `skeleton`), and the spans of its
    glosses `(G, 2)` int32, first and last frame, inclusive.
  """
  forms = phonology.forms(settings.lookalike_share)
  random = Random(settings.seed, "motion", video.video_id)
  track, spans = motion.utterance([forms[g] for g in video.glosses], video.signer, random)
  shaking = tremor(len(track), video.signer, random)
  return skeleton.keypoints(track, video.signer, shaking), spans


def example(video, settings):
  """The record of a video: a dict with the features of `signing_sim_dataset_builder.Builder`."""
  points, spans = simulate(video, settings)

  def random(name):
    return Random(settings.seed, name, video.video_id)

  streams = {name: features.features(points, video.signer, name, settings.width, settings.stride,
                                     settings.seed, random(name)) for name in features.STREAMS}
  return {
    **facts(video, len(points), spans),
    "pose": observe.observe(points, random("pose")),
    **streams,
  }


def facts(video, num_frames, spans):
  """What a video's record says of it, whatever it shows it in; `spans` as from `simulate`."""
  return {
    "video_id": video.video_id,
    "sentence_id": video.sentence.sentence_id,
    "text": video.sentence.text,
    "signer": video.signer.name,
    "num_frames": num_frames,
    "fps": np.float32(FPS),
    "glosses": " ".join(video.glosses),
    "gloss_spans": spans,
    "domain": video.sentence.domain,
  }


def metadata(settings):
  """JSON-like facts about a corpus: pictures' size, settings, look-alike pairs, splits' signers."""
  names = {split: [signers.signer(settings.seed, k).name for k in indices]
           for split, indices in signer_names(settings).items()}
  return {
    "pose": {"image_size": [skeleton.CANVAS] * 2},
    "settings": dataclasses.asdict(settings),
    "glosses": list(lexicon.GLOSSES),
    "lookalike_pairs": [
      {"glosses": [a, b], "related": related}
      for a, b, related in lexicon.lookalike_pairs(settings.lookalike_share)],
    "two_signs": {name: f"{name}-2" for name in lexicon.TWO_SIGNS},
    "signers": names,
    "unseen_signers": {split: sorted(set(names[split]) - set(names["train"]))
                       for split in SPLITS[1:]},
  }
