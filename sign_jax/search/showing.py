"""From rows to hits: what is known of each clip, the place in it, which of them show the same."""

import functools
import math
from collections.abc import Sequence

import jax
import numpy as np

from sign_jax.search import embedding, fields, overlaps, places, queries, ranking
from sign_jax.search.embedding import Embedding
from sign_jax.search.hits import Hit
from sign_jax.search.queries import Part
from sign_jax.search.ranking import Best
from sign_jax.search.scorer import Scorer
from sign_jax.search.store import Store


class Shower:
  """Makes hits of a model's rows."""

  def __init__(self, model: Embedding, scorer: Scorer) -> None:
    self._model, self._scorer = model, scorer
    self._has_places = model.trained.system.late_interaction
    # Signs that follow each other share the frames between them, and are not the same.
    self._may_share = embedding.is_of_signs(model)

  def hits(self, store: Store, best: Best, parts: Sequence[Part]) -> list[Hit]:
    """`Hit`s in the order of their scores, of which no two show the same place of a video, but for
    the signs of a dictionary.

    Args:
      store: `Store`.
      best: `Best` rows of it.
      parts: of the query.
    """
    entries = [store.entry(int(row)) for row in best.rows]
    found = []
    for entry, score, place in zip(
        entries, best.scores, self._places(store, best.rows, parts), strict=True
    ):
      start, end, curve = place or (entry.start, entry.end, None)
      found.append(Hit(entry, float(score), start, end, curve))
    if self._may_share:
      return found
    return [found[i] for i in overlaps.distinct((x.clip.source, x.start, x.end) for x in found)]

  def _places(self, store, rows, parts):
    """Of each row (begin, end, curve), None where they are not known."""
    places = (self._places_of_some(store, some, parts) for some in ranking.pieces(rows))
    return [place for some in places for place in some]

  def _places_of_some(self, store, rows, parts):
    times = store.read(rows, [fields.TIMES])[fields.TIMES]
    if not self._has_places or np.isnan(times[:, 0, 0]).all():
      return [None] * len(rows)
    video = self._scorer.tree(store.read(rows, self._scorer.fields))
    windows = [_filled(x) for x in (video.features, video.weights, self._of_windows(video))]
    curves = [
        (part.weight, np.asarray(self._shares(*windows, *self._words(part)))) for part in parts
    ]
    shares = queries.together(curves)[: len(rows), -self._length :]
    return [_place(*x) for x in zip(times, shares, strict=True)]

  @property
  def _length(self):
    """The most windows of a clip."""
    return self._model.trained.inputs["video_valid"][0][0]

  def _of_windows(self, video):
    """The mask of tokens without those that stand for no window, such as the class token."""
    mask = np.array(video.mask)
    mask[:, : mask.shape[1] - self._length] = False
    return mask

  def _words(self, part):
    """(tokens, weights, mask) of a sentence, or of the windows of a video."""
    mask = part.tokens.mask if part.kind == queries.TEXT else self._of_windows(part.tokens)
    return jax.tree.map(lambda x: x[0], (part.tokens.features, part.tokens.weights, mask))

  @functools.cached_property
  def _shares(self):
    module = self._model.trained.model
    return functools.partial(
        places.shares, pooling=module.token_pooling, temperature=module.temperature
    )


def _filled(array):
  """Filled up to a power of two, so that few programs serve all numbers of hits."""
  missing = 2 ** max(math.ceil(math.log2(len(array))), 4) - len(array)
  return np.pad(np.asarray(array), [(0, missing), *[(0, 0)] * (array.ndim - 1)])


def _place(times, shares):
  there = np.isfinite(times[:, 0])
  if not there.any():
    return None
  times, shares = times[there], shares[there]
  first, last = places.best_run(shares)
  curve = np.column_stack([times, shares.astype(np.float64)])
  return float(times[first, 0]), float(times[last, 1]), curve
