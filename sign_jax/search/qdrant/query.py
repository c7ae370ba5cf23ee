"""Sentences against a collection in Qdrant: its candidates, ranked by the evaluation's score."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sign_jax.errors import UserError, shown
from sign_jax.search import ranking
from sign_jax.search.hits import Hit
from sign_jax.search.index import Index
from sign_jax.search.qdrant import collection
from sign_jax.search.queries import TEXT, Part
from sign_jax.search.searcher import Searcher

CANDIDATES = 200


class Ranked(NamedTuple):
  """What a sentence has found.

  Attributes:
    text: the sentence.
    hits: [`hits.Hit`], best first, with scores as an evaluation computes them.
    candidates: how many clips were scored.
    recall: the share of the exact best among the candidates; None where it was not measured.
  """

  text: str
  hits: list[Hit]
  candidates: int
  recall: float | None = None


def query(
    index: Index, place: collection.Place, texts: Sequence[str], k: int = 10, *,
    candidates: int = CANDIDATES, rescored: int = 0, only: dict[str, str] | None = None,
    measure: bool = True,
) -> list[Ranked]:
  """The best of the clips that Qdrant proposes, in the order of their exact scores.

  Args:
    index: with its model, the one that was uploaded.
    place: `collection.Place`.
    texts: sentences.
    k: hits of each.
    candidates: clips that Qdrant proposes for each.
    rescored: see `collection.candidates`.
    only: as `Index.search` takes it.
    measure: whether the certified search of the index says which share of the exact best is among
      the candidates; it takes as long as that search.

  Raises:
    UserError: as `collection.candidates` and `Index.search`.
  """
  if type(candidates) is not int or candidates < k:
    raise UserError(f"candidates={shown(candidates)} must be at least the {k} hits of a sentence")
  collection.check(index)
  tools, store, encoded = Searcher(index.model), index.store, index.model.encode_texts(texts)
  found = []
  for number, text in enumerate(texts):
    tokens = encoded[number].tokens
    proposed = collection.candidates(place, tokens, candidates, rescored, only)
    rows = np.array(collection.rows_of(index, proposed, place), int)
    if not len(rows):
      found.append(Ranked(text, [], 0))
      continue
    scores = tools.scorer(store.read(rows, tools.scorer.fields), tokens)[:, 0]
    order = np.lexsort((rows, -scores))[:k]
    best = ranking.Best(rows[order], scores[order], len(rows), np.inf)
    hits = tools.shower.hits(store, best, [Part(TEXT, 1.0, tokens)])
    found.append(Ranked(text, hits, len(rows)))
    if measure:
      names = {store.entry(int(row)).name for row in rows}
      found[-1] = found[-1]._replace(recall=_recall(index, text, k, only, names))
  return found


def _recall(index, text, k, only, names):
  (answer,) = index.search([text], k, only=only)
  best = [hit.name for hit in answer.hits]
  return sum(name in names for name in best) / max(len(best), 1)
