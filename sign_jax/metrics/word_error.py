"""Word error rate of continuous recognition: errors of the whole corpus over its reference words.

Sentences are aligned with the costs of NIST's sclite, so that an alignment may have more errors
than the fewest possible: "A B C X Y" and "X Y D E F" are three deletions and three insertions.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Int

_SUBSTITUTION, _GAP = 4, 3  # costs; a gap is a deletion or an insertion
_GAP_MARK = "*"  # stands in a printed line where a word is missing

Pair = tuple[str | None, str | None]  # a reference's word and a hypothesis's; None is a gap


@dataclasses.dataclass(frozen=True)
class WordErrors:
  """Counts of errors, and of the references' words."""

  substitutions: int = 0
  deletions: int = 0
  insertions: int = 0
  words: int = 0

  def __add__(self, other: "WordErrors") -> "WordErrors":
    """The counts of both."""
    mine, others = dataclasses.astuple(self), dataclasses.astuple(other)
    return WordErrors(*(a + b for a, b in zip(mine, others, strict=True)))

  @property
  def errors(self) -> int:
    """Errors of all three kinds."""
    return self.substitutions + self.deletions + self.insertions

  def percent(self) -> dict[str, float]:
    """{"wer", "substitutions", "deletions", "insertions"} in percent of the references' words.

    Raises:
      ValueError: the references have no words.
    """
    if not self.words:
      raise ValueError("no reference has a word, so that there is no word error rate")
    share = lambda count: 100 * count / self.words
    kinds = ("substitutions", "deletions", "insertions")
    return {"wer": share(self.errors), **{kind: share(getattr(self, kind)) for kind in kinds}}


def align(reference: Sequence[str], hypothesis: Sequence[str]) -> list[Pair]:
  """The cheapest alignment; of equal ones, matches are preferred from the end, then S, I, D.

  Args:
    reference, hypothesis: the words of one sentence; both may be empty.

  Returns:
    [(word of the reference or None, word of the hypothesis or None)] in their order.
  """
  cost = _costs(reference, hypothesis)
  i, j, pairs = len(reference), len(hypothesis), []
  while i or j:
    diagonal = cost[i - 1, j - 1] if i and j else np.inf
    is_match = i and j and reference[i - 1] == hypothesis[j - 1] and cost[i, j] == diagonal
    if is_match or cost[i, j] == diagonal + _SUBSTITUTION:
      i, j = i - 1, j - 1
      pairs.append((reference[i], hypothesis[j]))
    elif j and cost[i, j] == cost[i, j - 1] + _GAP:
      j -= 1
      pairs.append((None, hypothesis[j]))
    else:
      i -= 1
      pairs.append((reference[i], None))
  return pairs[::-1]


def _costs(reference: Sequence[str], hypothesis: Sequence[str]) -> Int[np.ndarray, "_ _"]:
  """[i, j]: the least cost of the first i words of one and the first j words of the other."""
  words = {word: number for number, word in enumerate({*reference, *hypothesis})}
  number = lambda sentence: np.array([words[word] for word in sentence], int)
  ours, others = number(reference), number(hypothesis)
  inserted = _GAP * np.arange(len(others) + 1)
  cost = np.empty((len(ours) + 1, len(others) + 1), int)
  cost[0] = inserted
  for i, word in enumerate(ours, 1):
    without = cost[i - 1] + _GAP
    without[1:] = np.minimum(without[1:], cost[i - 1, :-1] + _SUBSTITUTION * (others != word))
    # An insertion behind any earlier place.
    cost[i] = np.minimum.accumulate(without - inserted) + inserted
  return cost


def count(pairs: Iterable[Pair]) -> WordErrors:
  """What an alignment counts."""
  pairs = list(pairs)
  return WordErrors(
      substitutions=sum(None not in pair and pair[0] != pair[1] for pair in pairs),
      deletions=sum(pair[1] is None for pair in pairs),
      insertions=sum(pair[0] is None for pair in pairs),
      words=sum(pair[0] is not None for pair in pairs),
  )


def word_errors(
    references: Sequence[Sequence[str]], hypotheses: Sequence[Sequence[str]]
) -> WordErrors:
  """The sums over all sentences; one with an empty reference counts its insertions.

  Args:
    references, hypotheses: sentences in the same order, each a sequence of words.

  Raises:
    ValueError: there are not as many of one as of the other.
  """
  pairs = zip(references, hypotheses, strict=True)
  return sum((count(align(*sentences)) for sentences in pairs), WordErrors())


def lines(pairs: Sequence[Pair]) -> str:
  """An alignment for a person: three lines of columns, with S, D or I below each error.

  The first two begin with "REF:" and "HYP:", the last with "Eval:". Missing words are asterisks,
  wrong ones stand in capitals where the script has any and right ones in lower case.
  """
  columns = [("REF:", "HYP:", "Eval:"), *map(_column, pairs)]
  padded = [
      [cell.ljust(max(map(len, column))) for cell in column] for column in columns
  ]
  return "\n".join(" ".join(row).rstrip() for row in zip(*padded, strict=True))


def _column(pair):
  ours, other = pair
  if ours == other:
    return ours.lower(), other.lower(), ""
  kind = "I" if ours is None else "D" if other is None else "S"
  length = len(ours or other)
  return (*(_GAP_MARK * length if word is None else word.upper() for word in pair), kind)
