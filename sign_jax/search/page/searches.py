"""Searches that the page asks for, one at a time; the last answers are kept."""

import collections
import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sign_jax.search.hits import Answer
from sign_jax.search.index import Index
from sign_jax.search.page.media import Media
from sign_jax.search.page.notes import Note
from sign_jax.search.page.refusal import Refusal

TOP, MOST = 10, 100  # hits
LONGEST = 2000  # characters of a sentence
_KEPT = 64  # answers
_PATIENCE = 60.0  # seconds that a search waits for those before it


class Asked(NamedTuple):
  """What is searched for, and among which clips; "" for no choice."""

  text: str
  top: int = TOP
  split: str = ""
  signer: str = ""
  source: str = ""

  @property
  def query(self) -> str:
    """What notes on the hits are kept under."""
    return self.text

  @property
  def only(self) -> dict[str, str]:
    chosen = {"split": self.split, "signer": self.signer, "source": self.source}
    return {name: value for name, value in chosen.items() if value}


class Searches:
  """An index with a time limit."""

  def __init__(self, index: Index, seconds: float | None) -> None:
    """Takes an index opened with its model.

    Args:
      index: `Index`.
      seconds: of one search; None for as long as a proof takes.
    """
    self._index, self._seconds = index, seconds
    self._lock, self._answers = threading.Lock(), collections.OrderedDict()

  def warm(self) -> None:
    """Compiles what a search needs; raises UserError where there is nothing to search."""
    self._index.search("hello", TOP)

  def answer(self, asked: Asked, again: bool = False) -> Answer:
    """The answer to a search.

    Args:
      asked: `Asked`.
      again: whether to search once more where the time was up before all was proved.

    Raises:
      UserError: as `Index.search`; Refusal: a search that is no such, or too many wait.
    """
    _check(asked)
    with self._turn():
      found = self._answers.get(asked)
      if found is None or again and not found.is_certified:
        (found,) = self._index.search(
            asked.text, asked.top, seconds=self._seconds, only=asked.only
        )
        self._answers[asked] = found
      self._answers.move_to_end(asked)
      while len(self._answers) > _KEPT:
        self._answers.popitem(last=False)
    return found

  @contextlib.contextmanager
  def _turn(self) -> Iterator[None]:
    if not self._lock.acquire(timeout=_PATIENCE):
      raise Refusal("other searches take all the time: ask again later", 503)
    try:
      yield
    finally:
      self._lock.release()


def _check(asked):
  if not asked.text.strip():
    raise Refusal("write a sentence to search for")
  if len(asked.text) > LONGEST:
    raise Refusal(f"a sentence has at most {LONGEST} characters")
  if not 1 <= asked.top <= MOST:
    raise Refusal(f"the number of hits is 1 to {MOST}")


def to_json(answer: Answer, media: Media, notes: Mapping[str, Note]) -> dict[str, Any]:
  """An answer as the page shows it: `Answer.to_json`, and of each hit what can be done with it."""
  found = answer.to_json()
  for shown, hit in zip(found["hits"], answer.hits, strict=True):
    note = notes.get(hit.name)
    shown |= {
        "split": hit.clip.split, "signer": hit.clip.signer, "fault": media.fault_of(hit.clip),
        "note": note and {"verdict": note.verdict, "start": note.start, "end": note.end},
    }
  return found
