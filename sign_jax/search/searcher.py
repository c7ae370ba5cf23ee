"""Queries against an open index: bounds, exact scores, proofs, places."""

import functools
import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Float32, Int

from sign_jax.api.retrieval import RetrievalModel
from sign_jax.search import passes, processes, queries, ranking, showing
from sign_jax.search.hits import Answer, Hit
from sign_jax.search.passes import Found
from sign_jax.search.queries import Prepared
from sign_jax.search.store import Store

_TOGETHER = 8  # queries that one look serves
_PROBED = 64  # clips of the highest bounds, which tell by a close look what bounds are worth
_FEW = 1 / 8  # of the clips; where more of them need a close look, all are looked at in their order
_MANY = 256  # clips; for fewer, a close look is quick enough
_SHARPENED = 4096  # clips, from one look at the clock to the next
_IDLE = 3 / 4  # of clips that tighter bounds from codes leave: others are not asked then
_ROUNDED = 2.0**-20  # what float32 takes from differences of scores


class Searcher:
  """What a search needs beside queries and an index, made once; threads may share it."""

  def __init__(self, model: RetrievalModel) -> None:
    self.passes = passes.Passes(model)
    self.scorer = self.passes.scorer
    self.shower = showing.Shower(model, self.scorer)

  def similarity(
      self, store: Store, prepared: Sequence[Prepared]
  ) -> Float32[np.ndarray, "rows Q"]:
    """Exact scores of all rows, removed ones too, with queries."""
    look = functools.partial(self.passes.scores, store, is_over=lambda: False)
    return of_parts(prepared, look).values.T

  def scores(
      self, store: Store, query: Prepared, rows: Int[np.ndarray, " n"]
  ) -> Float32[np.ndarray, " n"]:
    """Exact scores of some rows."""
    found = [np.zeros(0, np.float32)]
    for some in ranking.pieces(rows):
      arrays = store.read(some, self.scorer.fields)
      found.append(queries.together(
          [(part.weight, self.scorer(arrays, part.tokens)[:, 0]) for part in query.parts]
      ))  # fmt: skip
    return passes.finite(np.concatenate(found), store)

  def close(
      self, store: Store, query: Prepared, rows: Int[np.ndarray, " n"]
  ) -> Float32[np.ndarray, " n"]:
    """Close bounds of some rows."""
    return self._bounds(self.passes.close_of, store, query, rows)

  def softmax_bounds(
      self, store: Store, query: Prepared, rows: Int[np.ndarray, " n"]
  ) -> Float32[np.ndarray, " n"]:
    """Bounds of some rows from codes, tighter than the first ones."""
    return self._bounds(self.passes.softmax_bounds_of, store, query, rows)

  def _bounds(self, look, store, query, rows):
    return queries.together([(x.weight, look(store, x.tokens, rows)) for x in query.parts])

  def looseness(self, store: Store, query: Prepared) -> float:
    """No score is lower than its close bound by more than this."""
    width = sum(x.weight * self.passes.looseness(store, x.tokens) for x in query.parts)
    return float(width) + _ROUNDED

  def ranked(
      self, store: Store, query: Prepared, rows: Int[np.ndarray, " n"], k: int
  ) -> list[Hit]:
    """The k best of some rows, fewer where some show the same place."""
    scores = self.scores(store, query, rows)
    order, wanted = np.lexsort((rows, -scores)), k
    while True:  # several of them may show one place: then more are looked at
      some = order[:wanted]
      best = ranking.Best(rows[some], scores[some], len(rows), math.inf)
      hits = self.shower.hits(store, best, query.parts)
      if len(hits) >= k or wanted >= len(rows):
        return hits[:k]
      wanted *= 2


class Search:
  """One search of one index, which does not change meanwhile.

  In several processes that search together each looks at its own share of the clips.
  """

  def __init__(
      self, tools: Searcher, store: Store, chosen: Bool[np.ndarray, " rows"],
      deadline: ranking.Deadline, prune: bool = True, spread: bool = False,
  ) -> None:
    """Prepares it.

    Args:
      tools: `Searcher`.
      store: `Store` of the whole index.
      chosen: which rows may be found.
      deadline: `ranking.Deadline`.
      prune: whether bounds choose what is scored, where the system has such.
      spread: whether all processes search together: then all call this, with the same arguments.
    """
    self._tools, self._store, self._chosen, self._deadline = tools, store, chosen, deadline
    self._share = processes.share(store) if spread else processes.Share(store, 0)
    self._spread, self._prune = spread, prune and tools.passes.has_bounds
    self._failure = None

  def __call__(self, prepared: Sequence[Prepared], k: int) -> list[Answer]:
    """The k best clips of each query.

    The first query is always looked for; others are not when time is up.
    """
    answers = []
    for start in range(0, len(prepared), _TOGETHER):
      some = prepared[start : start + _TOGETHER]
      states = [_State(query, self._share, self._chosen, self._tools) for query in some]
      is_begun = not start or not self._deadline.is_over()
      if is_begun:
        self._kept(self._look, states, k)
      for number, state in enumerate(states):
        is_left = is_begun and (not start + number or not self._deadline.is_over())
        answers.append(self._answer(state, k, is_left))
    return answers

  def _look(self, states, k):
    """Gives each state a bound of every clip, or its score."""
    if not self._prune:
      self._passed(states, self._tools.passes.scores, _State.take_scores)
      return
    self._passed(states, self._tools.passes.bounds, _State.take_bounds)
    loose = [x for x in states if not self._deadline.is_over() and x.sharpen(k, self._deadline)]
    if loose and not self._deadline.is_over():
      self._passed(loose, self._tools.passes.close, _State.take_close)

  def _passed(self, states, look, take):
    look = functools.partial(look, self._share.store, is_over=self._deadline.is_over)
    found = of_parts([state.query for state in states], look)
    for state, values in zip(states, found.values, strict=True):
      take(state, values, found.seen)

  def _answer(self, state, k, is_left):
    clips = state.clips
    wanted = min(k, clips)
    while True:
      best, is_over = self._best(state, wanted, is_left)
      hits = self._tools.shower.hits(self._store, best, state.query.parts)
      # Several hits may show one place: more of them are looked at until k places are found.
      if len(hits) >= k or wanted >= clips or is_over:
        break
      wanted = min(2 * wanted, clips)
    is_short = len(hits) < k and len(best.rows) < clips
    may_miss = math.inf if is_short else best.may_miss
    return Answer(state.query.name, hits[:k], clips, best.scored, may_miss)

  def _best(self, state, wanted, is_left):
    """(`Best` rows of the whole index, whether time is up)."""
    best = self._kept(state.best, wanted, self._deadline.is_over) if is_left else None
    best = state.nothing() if best is None else best
    if not self._spread:
      return best, self._deadline.is_over()
    return processes.merged(best, wanted, self._deadline.is_over(), self._failure)

  def _kept(self, work, *args):
    """What work gives; None where it goes wrong in one of several processes.

    The others wait for what is found here: so it is kept until it can be told to them.
    """
    if not self._spread:
      return work(*args)
    if self._failure is None:
      try:
        return work(*args)
      except Exception as error:
        self._failure = error
    return None


class _State:
  """What is known of a query and the clips of this process.

  Attributes:
    query: `queries.Prepared`.
    clips: how many there are to choose from, those of other processes too.
  """

  def __init__(self, query, share, chosen, tools):
    self.query, self._share, self._tools = query, share, tools
    if len(query.excluded):
      chosen = chosen.copy()
      chosen[query.excluded] = False
    self.clips, rows = int(chosen.sum()), int(share.store.first[-1])
    self._chosen = chosen[share.first : share.first + rows]
    self._upper = np.full(rows, np.inf, np.float32)
    self._seen, self._scored = np.zeros(rows, bool), np.zeros(rows, bool)
    self._is_close, self._is_bounded = np.zeros(rows, bool), False
    self._scores = np.zeros(rows, np.float32)

  def take_bounds(self, values, seen):
    self._is_bounded = True
    self._upper = np.where(seen & ~self._scored, np.minimum(self._upper, values), self._upper)
    self._seen |= seen

  def take_scores(self, values, seen):
    self._upper, self._scores, self._seen, self._scored = values, values, seen, seen

  def sharpen(self, k, deadline):
    """Takes tighter bounds from codes of clips whose first ones are not low enough.

    Returns:
      whether this leaves so many clips that a close look at all in their order is quicker.
    """
    rows = np.flatnonzero(self._chosen & self._seen)
    some = min(max(k, _PROBED), len(rows))
    if some < k:
      return False
    highest = rows[np.argpartition(-self._upper[rows], some - 1)[:some]]
    least = np.partition(self._lower(highest), some - k)[some - k]
    left = rows[self._upper[rows] > least]
    if len(left) > _MANY and self._tools.passes.has_softmax_bounds:
      left = self._sharpened(left, least, deadline)
    return (~self._is_close[left]).sum() > _FEW * len(self._upper)

  def _sharpened(self, rows, least, deadline):
    """Rows whose tighter bounds, from codes as well, are above `least`."""
    every, rows = rows, rows[~self._is_close[rows]]
    order = np.random.default_rng(0).permutation(len(rows))  # the first ones speak for all
    ends = [0, *range(_MANY, len(rows), _SHARPENED), len(rows)] if len(rows) else []
    for start, stop in itertools.pairwise(ends):
      new = np.sort(rows[order[start:stop]])
      values = self._tools.softmax_bounds(self._share.store, self.query, new)
      self._upper[new] = np.minimum(self._upper[new], values)
      is_idle = not start and (self._upper[new] > least).mean() > _IDLE
      if is_idle or deadline.is_over():
        break
    return every[self._upper[every] > least]

  def take_close(self, values, seen):
    """Takes close bounds of all clips that were seen."""
    self.take_bounds(values, seen)
    self._is_close |= seen

  def _lower(self, rows):
    """What the scores of rows are at least, from a close look, which gives them close bounds."""
    new = rows[~self._is_close[rows]]
    if len(new):
      values = self._tools.close(self._share.store, self.query, new)
      self._upper[new] = np.minimum(self._upper[new], values)
      self._is_close[new] = True
    return self._upper[rows] - np.float32(self._looseness)

  @functools.cached_property
  def _looseness(self):
    return self._tools.looseness(self._share.store, self.query)

  def _score(self, rows):
    """Exact scores of rows; each is computed once."""
    new = rows[~self._scored[rows]]
    if len(new):
      self._scores[new] = self._tools.scores(self._share.store, self.query, new)
      self._scored[new] = True
    return self._scores[rows]

  def best(self, wanted, is_over):
    """`ranking.Best` of this process's clips, by their rows in the whole index."""
    there = self._chosen & self._seen
    if self._is_bounded:  # close looks until as many clips are known to be better than all others
      ranking.best(self._upper.copy(), wanted, self._lower, is_over, there)
    found = ranking.best(self._upper, wanted, self._score, is_over, there)
    may_miss = found.may_miss if self._seen[self._chosen].all() else math.inf
    rows = found.rows + self._share.first
    return found._replace(rows=rows, scored=self._count, may_miss=may_miss)

  def nothing(self):
    """`ranking.Best` where no clip is named."""
    return ranking.Best(np.zeros(0, int), np.zeros(0, np.float32), self._count, math.inf)

  @property
  def _count(self):
    """Of the clips that may be found, how many are scored."""
    return int((self._scored & self._chosen).sum())


def of_parts(prepared: Sequence[Prepared], look: Callable[..., Found]) -> Found:
  """What a look at all clips finds for queries, of which some have two parts.

  Args:
    prepared: Q of them.
    look: function of the tokens of several sentences, or of several videos, -> `Found`.
  """
  values, all_seen = [[] for _ in prepared], None
  for kind in (queries.TEXT, queries.VIDEO):
    own = [
        (number, part) for number, query in enumerate(prepared) for part in query.parts
        if part.kind == kind
    ]
    if not own:
      continue
    found = look(tokens=queries.stacked([part for _, part in own]))
    all_seen = found.seen if all_seen is None else all_seen & found.seen
    for (number, part), row in zip(own, found.values, strict=True):
      values[number].append((part.weight, row))
  return Found(np.stack([queries.together(parts) for parts in values]), all_seen)
