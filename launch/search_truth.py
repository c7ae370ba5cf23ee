"""How often a search finds a sentence where it is signed, on films whose sentences are known."""

from collections.abc import Iterable, Sequence

from sign_jax.data.clip_table import Row
from sign_jax.search.hits import Answer

MOST = 5  # hits that are looked at
_RANKS = (1, MOST)


def rank(row: Row, answer: Answer) -> int | None:
  """The rank of the first hit whose middle lies in a sentence's place, from 1; None for none."""
  for number, hit in enumerate(answer.hits, 1):
    if hit.clip.source == row.video and row.start <= (hit.start + hit.end) / 2 < row.end:
      return number
  return None


def measure(
    rows: Sequence[Row], answers: Sequence[Answer], seconds: float
) -> dict[str, float | int]:
  """Percentages of sentences that are found, and of those that would be found by chance.

  Args:
    rows: sentences with their places; each is signed in one place only.
    answers: of these.
    seconds: of all films together: chance is a hit at any second of these.

  Returns:
    {"sentences", "found/1", "found/5", "at_random/1", "at_random/5"}.
  """
  ranks = [rank(*pair) for pair in zip(rows, answers, strict=True)]
  share = sum(min((row.end - row.start) / seconds, 1.0) for row in rows) / len(rows)
  found = {"sentences": len(rows)}
  for k in _RANKS:
    found[f"found/{k}"] = 100 * sum(x is not None and x <= k for x in ranks) / len(rows)
    found[f"at_random/{k}"] = 100 * (1 - (1 - share) ** k)
  return found


def seconds(rows: Iterable[Row]) -> float:
  """The length of all films, whose last sentences end with them."""
  last = {}
  for row in rows:
    last[row.video] = max(last.get(row.video, 0.0), row.end)
  return sum(last.values())


def place(row: Row) -> str:
  """Where a sentence is, for people."""
  return f"it is signed in {row.video} from {_clock(row.start)} to {_clock(row.end)}"


def _clock(value):
  return f"{int(value // 60)}:{value % 60:04.1f}"


def table(found: dict[str, float | int]) -> Iterable[str]:
  """Yields the lines of what `measure` returns."""
  yield f"{found['sentences']} sentences of films without subtitles, searched for in all films:"
  yield f"  {'the middle of a hit lies in the sentence':42}{'found':>9}{'at random':>12}"
  for k in _RANKS:
    what = "the first hit" if k == 1 else f"one of the first {k}"
    yield f"  {what:42}{found[f'found/{k}']:7.1f} %{found[f'at_random/{k}']:10.2f} %"
