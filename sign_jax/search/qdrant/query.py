"""Sentences against a collection in Qdrant: its candidates, ranked by the evaluation's score."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sign_jax.errors import UserError, shown
from sign_jax.search.hits import Hit
from sign_jax.search.index import Index
from sign_jax.search.qdrant import collection
from sign_jax.search.queries import TEXT, Part, Prepared
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


class Asker:
  """Sentences against a collection; what it needs of the model is made once."""

  def __init__(self, index: Index, place: collection.Place) -> None:
    """Prepares it.

    Args:
      index: with its model, the one that was uploaded.
      place: `collection.Place`.

    Raises:
      UserError: the index has no tokens.
    """
    collection.check(index)
    self._index, self._place, self._tools = index, place, Searcher(index.model)

  def __call__(
      self, texts: Sequence[str], k: int = 10, *, candidates: int = CANDIDATES, rescored: int = 0,
      only: dict[str, str] | None = None, measure: bool = True,
  ) -> list[Ranked]:
    """The best of the clips that Qdrant proposes, in the order of their exact scores.

    Args:
      texts: sentences.
      k: hits of each.
      candidates: clips that Qdrant proposes for each.
      rescored: see `collection.candidates`.
      only: as `Index.search` takes it.
      measure: whether the certified search of the index says which share of the exact best is
        among the candidates; it takes as long as that search.

    Raises:
      UserError: as `collection.candidates` and `Index.search`.
    """
    if type(candidates) is not int or candidates < k:
      raise UserError(
          f"candidates={shown(candidates)} must be at least the {k} hits of a sentence"
      )
    encoded, found = self._index.model.encode_texts(texts), []
    for number, text in enumerate(texts):
      tokens = encoded[number].tokens
      proposed = collection.candidates(self._place, tokens, candidates, rescored, only)
      rows = np.array(collection.rows_of(self._index, proposed, self._place), int)
      recall = self._recall(text, k, only, rows) if measure else None
      prepared = Prepared(text, [Part(TEXT, 1.0, tokens)], np.zeros(0, int))
      hits = self._tools.ranked(self._index.store, prepared, rows, k)
      found.append(Ranked(text, hits, len(rows), recall))
    return found

  def _recall(self, text, k, only, rows):
    """The share of the exact best clips that are among these rows."""
    (answer,) = self._index.search([text], k, only=only)
    names = {self._index.store.entry(int(row)).name for row in rows}
    return sum(hit.name in names for hit in answer.hits) / max(len(answer.hits), 1)
