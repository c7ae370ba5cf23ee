"""Sentences against an open index: bounds, exact scores, places."""

import functools
import math
from typing import Any

import jax
import numpy as np
from jaxtyping import Float32

from sign_jax.api.retrieval import EncodedTexts, RetrievalModel
from sign_jax.errors import UserError
from sign_jax.search import bound, close, codes, overlaps, places, ranking
from sign_jax.search.hits import Answer, Hit
from sign_jax.search.scorer import Scorer, names
from sign_jax.search.store import Store

__all__ = ["Searcher", "names"]

_TOGETHER = 8  # sentences that one scan serves
_TILE = 256  # clips that are scored at once where all are
_PROBED = 16  # clips of the highest bounds, from whose scores it is told what bounds are worth
_FEW = 1 / 8  # of the clips; to score one takes some times as long as a close bound of it
_NARROW = 2.0**-6  # what tokens of another dtype may change in a similarity


class Searcher:
  """What a search needs beside the sentences, made once."""

  def __init__(self, store: Store, model: RetrievalModel) -> None:
    self._store, self._model, self._score = store, model, Scorer(model)
    self._is_late = model.trained.system.late_interaction
    self._module = model.trained.model

  def __call__(
      self, texts: list[str], encoded: EncodedTexts, k: int, seconds: float | None,
      chosen: np.ndarray, prune: bool,
  ) -> list[Answer]:
    """Arguments as of `index.Index.search`, where `chosen` (rows,) bool says which may be found."""
    deadline, found = ranking.Deadline(seconds), []
    for start in range(0, len(texts), _TOGETHER):
      some = slice(start, start + _TOGETHER)
      upper, scores = self._looked_through(encoded[some], k, chosen, prune, deadline)
      upper[:, ~chosen] = -np.inf
      found += [
          self._answer(text, encoded[start + i].tokens, k, upper[i], scores and scores[i], deadline)
          for i, text in enumerate(texts[some])
      ]
    return found

  def similarity(self, encoded: EncodedTexts) -> Float32[np.ndarray, "rows Q"]:
    """Exact scores of all rows, removed ones too, with sentences."""
    return self._all_scores(encoded.tokens, ranking.Deadline(None)).T

  def _looked_through(self, encoded, k, chosen, prune, deadline):
    """(bounds (Q, rows), exact scores (Q, rows) or None)."""
    if not (self._is_late and prune):
      scores = self._all_scores(encoded.tokens, deadline)
      return scores.copy(), list(scores)
    upper = self._bounds(encoded.tokens, deadline)
    upper[:, ~chosen] = -np.inf
    loose = [i for i in range(len(upper)) if self._is_loose(upper[i], encoded[i].tokens, k)]
    if loose:
      upper[loose] = np.minimum(upper[loose], self._close(encoded[loose].tokens, deadline))
    return upper, None

  def _is_loose(self, upper, tokens, k):
    """Whether bounds leave so many clips to be scored that a look at all is quicker."""
    known = np.where(np.isposinf(upper), -np.inf, upper)
    some = min(max(k, _PROBED), int((known > -np.inf).sum()))
    if some < k:
      return False
    rows = np.argpartition(-known, some - 1)[:some]
    values = self._numbers(self._score(self._store.read(rows, self._score.fields), tokens))[:, 0]
    return (upper > np.partition(values, some - k)[some - k]).mean() > _FEW

  @functools.cached_property
  def _interaction(self):
    module = self._module
    return close.Interaction(
        module.token_pooling, bool(module.mask_padding), float(module.temperature)
    )

  def _bounds(self, tokens, deadline):
    """Bounds from the codes, (Q, rows)."""
    store, basis = self._store, self._store.basis()
    queries, text, width = tokens.features.shape
    field, rows = store.manifest.fields["features"], int(store.first[-1])
    if basis is None:
      return np.full((queries, rows), -np.inf, np.float32)
    query = bound.Query(
        codes.of_query(basis, tokens.features), np.asarray(tokens.weights), np.asarray(tokens.mask)
    )
    size = bound.tile_clips(field.shape[0], text)
    compute = lambda x: bound.upper(**x, query=query, mask_padding=self._interaction.mask_padding)
    found = bound.scan(
        store.tiles(bound.FIELDS, size), compute, queries, rows, size, deadline.is_over
    )
    # Tokens of another dtype than the model's are rounded to it first.
    narrow = field.numpy != tokens.features.dtype and field.dtype != "float16"
    slack = bound.rounding(width, field.shape[0], text) + narrow * _NARROW
    return self._numbers(found) + np.float32(slack)

  def _close(self, tokens, deadline):
    """Close bounds from the tokens, (Q, rows)."""
    store, interaction = self._store, self._interaction
    queries, text, width = tokens.features.shape
    video = store.manifest.fields["features"].shape[0]
    texts = close.Sentences(tokens.features, tokens.weights, tokens.mask)
    size = bound.tile_clips(video, text)
    compute = lambda x: close.scores(
        x["features"], x["weights"], x["mask"], texts, interaction, self._model_dtype
    )
    found = bound.scan(
        store.tiles(close.FIELDS, size), compute, queries, int(store.first[-1]), size,
        deadline.is_over,
    )
    return self._numbers(found) + np.float32(close.error(width, video, text, interaction))

  @functools.cached_property
  def _model_dtype(self):
    return self._model.video_form.features.dtype.name

  def _all_scores(self, tokens, deadline):
    found = np.full((len(jax.tree.leaves(tokens)[0]), int(self._store.first[-1])), np.inf)
    found = found.astype(np.float32)
    for first, arrays in self._store.tiles(self._score.fields, _TILE):
      if first and deadline.is_over():
        break
      scores = self._numbers(self._score(arrays, tokens))
      found[:, first : first + len(scores)] = scores.T
    return found

  def _numbers(self, found):
    """The same; raises UserError where something is no number, which damaged files can lead to."""
    if np.isnan(found).any():
      raise UserError(
          f"scores of {self._store.folder} are no numbers: `python -m sign_jax.search verify` "
          "tells whether its files are damaged"
      )
    return found

  def _answer(self, text, tokens, k, upper, scores, deadline):
    known = {}

    def score(rows):
      new = [row for row in map(int, rows) if row not in known]
      if new:
        arrays = self._store.read(new, self._score.fields)
        values = self._numbers(self._score(arrays, tokens))[:, 0]
        known.update(zip(new, values, strict=True))
      return np.array([known[row] for row in map(int, rows)], np.float32)

    if scores is not None:
      done = np.flatnonzero(np.isfinite(upper))
      known = dict(zip(done.tolist(), scores[done], strict=True))
    clips, wanted = int((upper > -np.inf).sum()), k
    while True:
      best = ranking.best(upper, min(wanted, clips), score, deadline.is_over)
      hits = self._hits(best, tokens)
      # Several hits may show one place: more of them are looked at until k places are found.
      if len(hits) >= k or wanted >= clips or deadline.is_over():
        break
      wanted *= 2
    is_short = len(hits) < k and len(best.rows) < clips
    may_miss = math.inf if is_short else best.may_miss
    return Answer(text, hits[:k], clips, len(known), may_miss)

  def _hits(self, best, tokens):
    """`Hit`s, of which no two show the same place of a video."""
    entries = [self._store.entry(int(row)) for row in best.rows]
    found = self._places(best.rows, tokens)
    hits = []
    for entry, score, place in zip(entries, best.scores, found, strict=True):
      start, end, curve = place or (entry.start, entry.end, None)
      hits.append(Hit(entry, float(score), start, end, curve))
    return [hits[i] for i in overlaps.distinct((x.clip.source, x.start, x.end) for x in hits)]

  def _places(self, rows, tokens):
    """Of each row (begin, end, curve), None where they are not known."""
    times = self._store.read(rows, ["times"])["times"]
    if not self._is_late or np.isnan(times[:, 0, 0]).all():
      return [None] * len(rows)
    arrays = self._store.read(rows, ["features", "weights", "mask"])
    length = times.shape[1]
    mask = arrays["mask"].copy()
    mask[:, : mask.shape[1] - length] = False  # the class token is no window
    video = self._score.tree(arrays)
    one = jax.tree.map(lambda x: x[0], tokens)
    shares = self._shares(
        *map(_rows, (video.features, video.weights, mask)), one.features, one.weights, one.mask
    )
    shares = np.asarray(shares)[: len(rows), -length:]
    return [_place(*x) for x in zip(times, shares, strict=True)]

  @functools.cached_property
  def _shares(self):
    module = self._module
    return functools.partial(
        places.shares, pooling=module.token_pooling, temperature=module.temperature
    )


def _rows(array):
  """Filled up to a power of two, so that few programs serve all numbers of hits."""
  missing = 2 ** max(math.ceil(math.log2(len(array))), 4) - len(array)
  return np.pad(np.asarray(array), [(0, missing), *[(0, 0)] * (array.ndim - 1)])


def _place(times, shares) -> Any:
  there = np.isfinite(times[:, 0])
  if not there.any():
    return None
  times, shares = times[there], shares[there]
  first, last = places.best_run(shares)
  curve = np.column_stack([times, shares.astype(np.float64)])
  return float(times[first, 0]), float(times[last, 1]), curve
