"""The corpus as isolated signs need it: pictures beside the poses, and no sign features."""

import collections

from data_builders.signing_sim import camera, corpus, film, lexicon, meanings, observe
from data_builders.signing_sim.rng import Random

TINY = corpus.Settings(sentences=(24, 8, 8), signers=5)
FRAMES = corpus.Settings(sentences=(600, 80, 150), signers=18)
STUDY = corpus.Settings(sentences=(300, 50, 120), signers=10)
SIZE = 48  # height and width of the pictures, pixels


def example(video, settings):
  """The record of a video: a dict with the features of the builder's configs with frames."""
  points, spans = corpus.simulate(video, settings)
  seen = camera.place(points, Random(settings.seed, "camera", video.video_id))
  return {
    **corpus.facts(video, len(points), spans),
    "pose": observe.observe(seen, Random(settings.seed, "pose", video.video_id)),
    "frames": film.frames(seen, SIZE),
  }


def metadata(settings):
  """`corpus.metadata`, the classes of isolated signs, and vectors of their meanings.

  A sign looks like its look-alike, and each is a class. `best_without_context` is the percentage of
  a split's signs that can be named at most from the signs alone: of a pair, the more common one.
  """
  signs = {split: collections.Counter(name for video in videos for name in video.glosses)
           for split, videos in corpus.videos(settings).items()}
  listed = {split: sum(counts.values()) for split, counts in signs.items()}
  pairs = lexicon.lookalike_pairs(settings.lookalike_share)
  best = {split: 100 - 100 * sum(min(counts[a], counts[b]) for a, b, _ in pairs) / listed[split]
          for split, counts in signs.items()}
  return {
    **corpus.metadata(settings),
    "isolated": {
      "glosses": list(lexicon.GLOSSES), "num_classes": len(lexicon.GLOSSES),
      "listed": listed, "missing": dict.fromkeys(listed, 0),
      "best_without_context": {split: round(share, 2) for split, share in best.items()},
    },
    "gloss_vectors": meanings.vectors().tolist(),
  }
