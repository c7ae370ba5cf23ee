"""How many annotations are right: those that were spotted, and windows drawn at random."""

import collections
import functools
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from jaxtyping import Float

from sign_jax.data import feature_segments, spotted_clips
from sign_jax.data.feature_files import FeatureFile
from sign_jax.data.label_table import Label
from sign_jax.video import frames


def share_right(labels: Sequence[Label], true: Iterable[Label]) -> float:
  """Percent of annotations during which the word is signed.

  Args:
    labels: annotations, at least one.
    true: all signs of the same videos.
  """
  signs = _signs(true)
  own = (_during(np.array([[x.start, x.end]]), signs[x.video, x.gloss]) for x in labels)
  return 100 * sum(map(float, own)) / len(labels)


def share_right_at_random(
    labels: Sequence[Label], true: Iterable[Label], extent: Callable[[str], FeatureFile],
    encoder: str,
) -> float:
  """The same, as expected of the same words in windows drawn at random from the same videos.

  Args:
    labels, true: as of `share_right`; their provenance tells mouthings, which are at any frame.
    extent: tells how many frames a label's video has, and its windows' stride.
    encoder: see `spotted_clips.interval`.
  """
  signs = _signs(true)
  expected = (
      _during(_places(x.provenance.kind, extent(x.video), encoder), signs[x.video, x.gloss])
      for x in labels
  )
  return 100 * sum(map(float, expected)) / len(labels)


def _signs(true):
  found = collections.defaultdict(list)
  for sign in true:
    found[sign.video, sign.gloss].append((sign.start, sign.end))
  return found


def _during(places, signs):
  """The share of places (n, 2) during which one of the signs [(start, end)] is signed."""
  starts, ends = np.array(signs).reshape(-1, 2).T
  return ((places[:, :1] < ends) & (starts < places[:, 1:])).any(1).mean()


def _places(kind, content, encoder):
  fps = content.fps or feature_segments.FPS
  return _cached_places(kind, content.num_frames, content.stride, fps, encoder)


@functools.lru_cache(1024)
def _cached_places(
    kind: str, num_frames: int, stride: int, fps: float, encoder: str
) -> Float[np.ndarray, "places 2"]:
  """Start and end, in seconds, of all annotations of a kind that a video could have."""
  if kind == "mouthing":
    stride, count = 1, num_frames
  else:
    count = frames.num_windows(num_frames, stride)
  at = (min(number * stride, num_frames - 1) for number in range(count))
  return np.array([
      spotted_clips.seconds(spotted_clips.interval(kind, t, num_frames, encoder), fps) for t in at
  ])
