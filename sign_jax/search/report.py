"""What a search says: a table for people, JSON for programs, a run file for evaluation tools."""

import math
import re
import urllib.parse
from collections.abc import Iterable, Sequence

from sign_jax.errors import printable
from sign_jax.search.hits import Answer, Hit

_LONGEST, _LONGEST_SIGN = 48, 24
_NO_WORD = re.compile(r"[\s%]")


def table(answer: Answer, signs: bool = False) -> Iterable[str]:
  """Yields the lines of a query's table; of a dictionary, `signs`, with what each clip shows."""
  yield printable(answer.text)
  yield f"  {proof(answer)}"
  yield from rows(answer.hits, signs)


def rows(hits: Sequence[Hit], signs: bool = False) -> Iterable[str]:
  """Yields a line of names, and one for each hit."""
  sign = lambda text: f"  {printable(text, _LONGEST_SIGN):<{_LONGEST_SIGN}}" if signs else ""
  yield f"  {'':>4} {'score':>7} {'from':>9} {'to':>9}{sign('sign')}  clip"
  for rank, hit in enumerate(hits, 1):
    times = " ".join(f"{_clock(x):>9}" for x in (hit.start, hit.end))
    name = printable(hit.name, _LONGEST)
    source = hit.clip.source
    beside = "" if source in ("", hit.name) else f"  {printable(source, _LONGEST)}"
    shown = sign(hit.clip.text)
    yield f"  {rank:>4} {hit.score:7.4f} {times}{shown}  {name}{beside}"


def proof(answer: Answer) -> str:
  """What is known of how complete the hits are."""
  share = 100 * answer.scored / max(answer.clips, 1)
  scored = f"{answer.scored} of {answer.clips} clips scored exactly ({share:.1f} %)"
  if answer.is_certified:
    return f"the exact best: {scored}"
  if math.isfinite(answer.may_miss):
    return (
        f"time was up: {scored}; others score at most {answer.may_miss:.4f} more than the last one"
    )
  return f"time was up: {scored}; of others nothing is known"


def trec(answers: Sequence[Answer], names: Sequence[str], tag: str) -> str:
  """A TREC run file: a line `query Q0 clip rank score tag` for every hit.

  Args:
    answers: of the queries.
    names: of the queries; in these and in names of clips, white space and "%" are written as in
      addresses, such as %20, so that no two become one.
    tag: of the run.
  """
  lines = [
      f"{_word(name)} Q0 {_word(hit.name)} {rank} {hit.score:.7f} {_word(tag)}"
      for name, answer in zip(names, answers, strict=True)
      for rank, hit in enumerate(answer.hits, 1)
  ]
  return "".join(f"{line}\n" for line in lines)


def _word(text):
  return _NO_WORD.sub(lambda match: urllib.parse.quote(match[0]), text)


def _clock(seconds):
  """m:ss.s, "" where it is not known."""
  if not math.isfinite(seconds):
    return ""
  tenths = round(10 * seconds)
  return f"{tenths // 600}:{tenths // 10 % 60:02d}.{tenths % 10}"
