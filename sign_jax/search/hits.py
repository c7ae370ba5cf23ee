"""What a search has found."""

import math
from typing import NamedTuple

import numpy as np

from sign_jax.search.entries import Entry


class Hit(NamedTuple):
  """A place in a clip.

  Attributes:
    clip: `Entry`, whose `source`, `start` and `end` say of which part of which video it is.
    score: as an evaluation computes it.
    start, end: seconds of that video; NaN where they are not known.
    curve: (n, 3) float64, of each window of the clip its begin, its end and the share of the score
      that it carries; None where the system has no windows, or no times are known.
  """

  clip: Entry
  score: float
  start: float = math.nan
  end: float = math.nan
  curve: np.ndarray | None = None

  @property
  def name(self) -> str:
    return self.clip.name


class Answer(NamedTuple):
  """What a sentence has found.

  Attributes:
    text: the sentence.
    hits: [`Hit`], best first.
    clips: how many there were to choose from.
    scored: how many of them were scored exactly.
    may_miss: no clip that shows another place than the hits is better than the last one by more
      than this; infinity where not even that is known. Of clips that show one place, which parts of
      a video do that overlap, the best one alone is a hit.
  """

  text: str
  hits: list[Hit]
  clips: int
  scored: int
  may_miss: float

  @property
  def is_certified(self) -> bool:
    """Whether these are proved to be the best there are (but for ties with the last one)."""
    return self.may_miss <= 0

  def to_json(self) -> dict:
    """JSON values; what is not known is null."""
    known = lambda x: None if not math.isfinite(x) else float(x)
    hits = [
        {
            "rank": rank, "name": hit.name, "score": float(hit.score), "source": hit.clip.source,
            "start": known(hit.start), "end": known(hit.end), "text": hit.clip.text,
            "clip_start": known(hit.clip.start), "clip_end": known(hit.clip.end),
            "curve": None if hit.curve is None else [[float(x) for x in y] for y in hit.curve],
        }
        for rank, hit in enumerate(self.hits, 1)
    ]
    return {
        "text": self.text, "clips": self.clips, "scored": self.scored,
        "certified": self.is_certified, "may_miss": known(self.may_miss), "hits": hits,
    }
