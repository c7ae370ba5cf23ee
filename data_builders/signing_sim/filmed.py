"""The corpus as isolated signs need it: pictures beside the poses, and no sign features."""

import collections

from data_builders.signing_sim import (
  camera,
  corpus,
  failures,
  film,
  lexicon,
  meanings,
  observe,
)
from data_builders.signing_sim.rng import Random

TINY = corpus.Settings(sentences=(24, 8, 8), signers=5)
FRAMES = corpus.Settings(sentences=(800, 60, 150), signers=18)
STUDY = corpus.Settings(sentences=(400, 40, 100), signers=10)
SIZE = 48  # height and width of the pictures, pixels
videos = corpus.videos
_OF_ROLE = 3  # the first so many words of every role are classes, and all look-alikes


def example(video, settings):
  """The record of a video: a dict with the features of the builder's configs with frames."""
  points, spans = corpus.simulate(video, settings)

  def random(name):
    return Random(settings.seed, name, video.video_id)

  seen = camera.place(points, random("camera"))
  estimated = failures.mislead(seen, random("failures"))
  return {
    **corpus.facts(video, len(points), spans),
    "pose": observe.observe(estimated, random("pose")),
    "frames": film.frames(seen, SIZE),
  }


def classes(settings):
  """The glosses that are to be told apart, in the order of `lexicon.GLOSSES`.

  All 160 take longer to learn than one waits for: these are some of every role.
  """
  first = {name for names in lexicon.ROLES.values() for name in names[:_OF_ROLE]}
  known = first | set(lexicon.lookalikes(settings.lookalike_share))
  return [name for name in lexicon.GLOSSES if lexicon.concept(name) in known]


def metadata(settings):
  """`corpus.metadata`, the classes of isolated signs, and vectors of their meanings.

  A sign looks like its look-alike, and each is a class. `best_without_context` is the percentage of
  a split's signs that can be named at most from the signs alone: of a pair, the more common one.
  """
  names = classes(settings)
  signs = {split: collections.Counter(x for video in videos for x in video.glosses if x in names)
           for split, videos in corpus.videos(settings).items()}
  listed = {split: sum(counts.values()) for split, counts in signs.items()}
  pairs = lexicon.lookalike_pairs(settings.lookalike_share)
  best = {split: 100 - 100 * sum(min(counts[a], counts[b]) for a, b, _ in pairs) / listed[split]
          for split, counts in signs.items()}
  return {
    **corpus.metadata(settings),
    "isolated": {
      "glosses": names, "num_classes": len(names),
      "left_out": [name for name in lexicon.GLOSSES if name not in names],
      "listed": listed, "missing": dict.fromkeys(listed, 0),
      "best_without_context": {split: round(share, 2) for split, share in best.items()},
    },
    "gloss_vectors": meanings.vectors(names).tolist(),
  }
