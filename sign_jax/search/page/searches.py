"""Searches that the page asks for, one at a time; the last answers are kept."""

import collections
import contextlib
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sign_jax.errors import shown
from sign_jax.search.hits import Answer
from sign_jax.search.index import Index
from sign_jax.search.page.media import Media
from sign_jax.search.page.notes import Note
from sign_jax.search.page.refusal import Refusal
from sign_jax.search.page.uploads import NO_UPLOADS, Uploads
from sign_jax.search.queries import EVEN, Query

TOP, MOST = 10, 100  # hits
LONGEST = 2000  # characters of a sentence
_KEPT = 64  # answers
_PATIENCE = 60.0  # seconds that a search waits for those before it


class Asked(NamedTuple):
  """What is searched for, and among which clips; "" for no choice.

  Attributes:
    text: a sentence.
    like: the name of a clip that others are to be like.
    video: the name of a video that was taken in.
    text_weight: from 0 to 1, of a sentence beside one of these.
  """

  text: str
  top: int = TOP
  split: str = ""
  signer: str = ""
  source: str = ""
  like: str = ""
  video: str = ""
  text_weight: float = EVEN

  @property
  def query(self) -> str:
    """What an answer is called, and notes on its hits are kept under."""
    like, video = self.like and f"like {self.like}", self.video and f"video {self.video}"
    return " + ".join(filter(None, (self.text, like, video)))

  @property
  def only(self) -> dict[str, str]:
    chosen = {"split": self.split, "signer": self.signer, "source": self.source}
    return {name: value for name, value in chosen.items() if value}


class Searches:
  """An index with a time limit."""

  def __init__(
      self, index: Index, seconds: float | None, uploads: Uploads | None = None
  ) -> None:
    """Takes an index opened with its model.

    Args:
      index: `Index`.
      seconds: of one search; None for as long as a proof takes.
      uploads: the videos that were taken in.
    """
    self._index, self._seconds, self._uploads = index, seconds, uploads
    self._lock, self._answers = threading.Lock(), collections.OrderedDict()
    self._of = None  # the `Store` whose answers these are

  def warm(self) -> None:
    """Compiles what a search needs; raises UserError where there is nothing to search."""
    self._index.search("hello", TOP, seconds=self._seconds)

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
      self._index.refresh()
      if self._index.store is not self._of:  # also where another request has taken the news in
        self._answers.clear()
        self._of = self._index.store
      found = self._answers.get(asked)
      if found is None or again and not found.is_certified:
        query = self._query(asked)
        (found,) = self._index.search(query, asked.top, seconds=self._seconds, only=asked.only)
        self._answers[asked] = found
      self._answers.move_to_end(asked)
      while len(self._answers) > _KEPT:
        self._answers.popitem(last=False)
    return found

  def _query(self, asked):
    video = None
    if asked.video:
      if self._uploads is None:
        raise Refusal(NO_UPLOADS, 404)
      video = self._uploads.features(asked.video)
    if asked.like and asked.like not in self._index:
      raise Refusal(f"the index has no clip {shown(asked.like)}", 404)
    # A clip is like itself: nobody asks for that.
    exclude = (asked.like,) if asked.like else ()
    return Query(
        asked.text or None, video, asked.like or None, asked.text_weight, exclude, asked.query
    )

  def finish(self) -> None:
    """Waits for the end of a search that runs: a program that ends in the middle of one crashes."""
    if not self._lock.acquire(blocking=False):
      print("waiting for the search that runs", file=sys.stderr, flush=True)
      self._lock.acquire()
    self._lock.release()

  @contextlib.contextmanager
  def _turn(self) -> Iterator[None]:
    if not self._lock.acquire(timeout=_PATIENCE):
      raise Refusal("other searches take all the time: ask again later", 503)
    try:
      yield
    finally:
      self._lock.release()


def _check(asked):
  if not asked.query:
    raise Refusal("write a sentence to search for")
  if max(map(len, (asked.text, asked.video))) > LONGEST:
    raise Refusal(f"a sentence has at most {LONGEST} characters")
  if not 1 <= asked.top <= MOST:
    raise Refusal(f"the number of hits is 1 to {MOST}")


def to_json(answer: Answer, media: Media, notes: Mapping[str, Note]) -> dict[str, Any]:
  """An answer as the page shows it: `Answer.to_json`, and of each hit what can be done with it."""
  found = answer.to_json()
  for row, hit in zip(found["hits"], answer.hits, strict=True):
    note = notes.get(hit.name)
    row |= {
        "split": hit.clip.split, "signer": hit.clip.signer, "fault": media.fault_of(hit.clip),
        "note": note and {"verdict": note.verdict, "start": note.start, "end": note.end},
    }
  return found
