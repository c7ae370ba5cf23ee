"""A search by several processes together: each looks at its share of the shards.

All of them see the folder of the index, and each maps the arrays of its own shards alone, but for
those of the clips that are shown at the end. The best of each are exchanged with what is proved of
them, so that every process has the same answer, and it is that of a single one.
"""

import copy
import json
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils

from sign_jax.errors import UserError
from sign_jax.search import manifest, ranking
from sign_jax.search.queries import Prepared
from sign_jax.search.ranking import Best
from sign_jax.search.store import Store
from sign_jax.train import distributed

_NUMBERS = 16  # that stand for the tokens of a query
_ALIKE = 0.05  # of other tokens they differ by about 1, by rounding much less
_OVER, _FAILED = 1, 2


class Share(NamedTuple):
  """The clips that a process looks at.

  Attributes:
    store: of them alone.
    first: the row of the first of them in the whole index.
  """

  store: Store
  first: int


def share(store: Store, process: int | None = None, count: int | None = None) -> Share:
  """The shards of one process: neighbours, of about as many clips for each process.

  Args:
    store: of the whole index.
    process, count: which of how many; None is as JAX says.
  """
  process = jax.process_index() if process is None else process
  count = jax.process_count() if count is None else count
  ends = np.arange(count + 1) * (int(store.first[-1]) / count)
  cuts = [int(np.argmin(np.abs(store.first - end))) for end in ends]
  cuts[0], cuts[-1] = 0, len(store.shards)
  start, stop = cuts[process], cuts[process + 1]
  own = copy.copy(store)
  own.shards = store.shards[start:stop]
  own.first = store.first[start : stop + 1] - store.first[start]
  return Share(own, int(store.first[start]))


def check_same(store: Store, prepared: Sequence[Prepared], asked: object) -> None:
  """Compares what the processes see and search for; a collective.

  Args:
    store: of the whole index.
    prepared: the queries.
    asked: all else that an answer depends on, as JSON can write it.

  Raises:
    UserError: something differs.
  """
  content, what = manifest.to_json(store.manifest), "what is searched for"
  distributed.check_same(json.dumps(content, sort_keys=True), "the index")
  said = [[x.name, [part[:2] for part in x.parts], x.excluded.tolist()] for x in prepared]
  distributed.check_same(json.dumps([said, asked]), what)
  own = np.array([_summary(part) for query in prepared for part in query.parts], np.float32)
  if jax.process_count() > 1:
    others = multihost_utils.process_allgather(own)
    if not np.allclose(others, own, rtol=0, atol=_ALIKE):
      raise UserError(f"{what} differs between the processes: give all of them the same video")


def _summary(part):
  """(_NUMBERS,) float32, by which the tokens of two videos differ.

  A digest would differ as well where two kinds of machines round differently.
  """
  tokens = np.asarray(jax.tree.leaves(part.tokens)[0], np.float64).ravel()
  drawn = np.random.default_rng(0).standard_normal((_NUMBERS, len(tokens)))
  return drawn @ tokens / max(np.linalg.norm(tokens), 1e-12)


def merged(
    best: Best, k: int, is_over: bool, failure: Exception | None = None
) -> tuple[Best, bool]:
  """(the k best of all processes, whether time is up in one of them); a collective.

  Args:
    best: `Best` of this process, of the rows of the whole index.
    k: as it was for these.
    is_over: whether time is up here.
    failure: what has gone wrong here.

  Raises:
    UserError: something has gone wrong in another process; or `failure` itself.
  """
  found = [(best, is_over)]
  if jax.process_count() > 1:
    state = _FAILED if failure else is_over * _OVER
    others = multihost_utils.process_allgather(_packed(best, k, state))
    found = [_unpacked(row, k) for row in np.asarray(others)]
  if failure:
    raise failure
  if any(state == _FAILED for _, state in found):
    raise UserError("another process could not search its share of the clips: see what it says")
  return ranking.merged([one for one, _ in found], k), any(state for _, state in found)


def _packed(best, k, state):
  """As bytes: JAX would make 64-bit numbers 32 bits wide on the way."""
  rows, scores = np.full(k, -1, np.int64), np.zeros(k, np.float32)
  rows[: len(best.rows)], scores[: len(best.rows)] = best.rows, best.scores
  counts = np.array([best.scored, state], np.int64)
  arrays = (rows, scores, counts, np.array([best.may_miss], np.float64))
  return np.frombuffer(b"".join(x.tobytes() for x in arrays), np.uint8)


def _unpacked(content, k):
  content, places = content.tobytes(), np.cumsum([0, 8 * k, 4 * k, 16, 8])
  kinds = (np.int64, np.float32, np.int64, np.float64)
  rows, scores, (scored, state), (may_miss,) = (
      np.frombuffer(content[a:b], kind)
      for a, b, kind in zip(places[:-1], places[1:], kinds, strict=True)
  )
  there = int((rows >= 0).sum())
  return Best(rows[:there], scores[:there], int(scored), float(may_miss)), int(state)
