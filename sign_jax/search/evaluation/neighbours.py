"""How well a dictionary finds signs: whether the clips that are nearest to each show its sign.

Each clip is looked for among all others (leave one out). It is right within k when one of the k
nearest others has its text, in the order of a search: the clip that was added first where scores
are equal. Clips whose sign no other clip shows cannot be right, and are not counted.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32
from tqdm import tqdm

from sign_jax.errors import UserError, shown
from sign_jax.search.index import Index
from sign_jax.search.queries import Query

TOP = (1, 5)
_AT_ONCE = 64  # clips that are looked for at once
ALL, OTHERS, NEW = "all clips", "among other signers", "signs not trained on"


class _Case(NamedTuple):
  """A way of counting.

  Attributes:
    asked: (N,) bool, clips that are looked for.
    among: function of a clip's number -> (N,) bool, the clips that it is looked for among.
  """

  asked: Bool[np.ndarray, " N"]
  among: Callable[[int], Bool[np.ndarray, " N"]]


def measure(index: Index, split: str | None = None) -> dict[str, dict[str, float]]:
  """How often the nearest clips show the same sign.

  Args:
    index: of single signs, opened with its model.
    split: only clips of it are looked for, among all; None is all.

  Returns:
    {ALL, OTHERS or NEW: {"clips": that are looked for, "top1": percent, "top5", "chance1": percent
    of a random order, "chance5"}}. OTHERS looks for each among the clips of other signers, where
    signers are known; NEW only for signs that the model has no class of, where there are such.

  Raises:
    UserError: no two clips show one sign, or none is of the split.
  """
  entries = [entry for _, entry in index.store.clips()]
  if split is not None and split not in {entry.split for entry in entries}:
    raise UserError(f"{index.store.folder} has no clips of the split {shown(split)}")
  cases = _cases(entries, split, index.model.labels)
  texts = np.array([entry.text for entry in entries], object)
  found = {name: [] for name in cases}
  starts = range(0, len(entries), _AT_ONCE)
  for start in tqdm(starts, "comparing signs", unit="batch", mininterval=1):
    some = range(start, min(start + _AT_ONCE, len(entries)))
    scores = index.similarity([Query(like=entries[number].name) for number in some]).T
    for number, row in zip(some, scores, strict=True):
      for name, case in cases.items():
        if case.asked[number]:
          among = case.among(number)
          found[name].append(_counted(row[among], texts[among] == texts[number]))
  numbers = {name: _summary(rows) for name, rows in found.items()}
  numbers = {name: row for name, row in numbers.items() if row["clips"]}
  if ALL not in numbers:
    raise UserError(
        f"no two clips of {index.store.folder} show one sign, by their texts: there is nothing to "
        "count"
    )
  return numbers


def _cases(entries, split, labels):
  """{name: `_Case`}."""
  texts = np.array([entry.text for entry in entries], object)
  signers = np.array([entry.signer for entry in entries], object)
  asked = (texts != "") & np.array([split in (None, entry.split) for entry in entries], bool)
  others = np.arange(len(entries))
  cases = {ALL: _Case(asked, lambda number: others != number)}
  if len(set(signers) - {""}) > 1:
    differs = lambda number: (signers != signers[number]) & (signers != "")
    cases[OTHERS] = _Case(asked & (signers != ""), differs)
  known = set(labels or ())
  new = asked & np.array([text not in known for text in texts], bool)
  if labels is not None and new.any():
    cases[NEW] = _Case(new, lambda number: others != number)
  return cases


def _counted(
    scores: Float32[np.ndarray, " n"], same: Bool[np.ndarray, " n"]
) -> tuple[bool | float, ...] | None:
  """(right within each k of TOP, what chance gives for each), None where no clip is the same."""
  if not same.any():
    return None
  order = np.argsort(-scores, kind="stable")
  rank = int(np.argmax(same[order]))
  right = tuple(float(rank < k) for k in TOP)
  return right + tuple(by_chance(len(same), int(same.sum()), k) for k in TOP)


def by_chance(clips: int, same: int, k: int) -> float:
  """The probability that one of k clips that are drawn is one of the same sign.

  Args:
    clips: to draw from.
    same: how many of them show the sign.
    k: how many are drawn, without putting back.
  """
  return 1 - math.comb(clips - same, min(k, clips)) / math.comb(clips, min(k, clips))


def _summary(rows: Sequence[tuple | None]) -> dict[str, float]:
  kept = [row for row in rows if row is not None]
  names = [f"{kind}{k}" for kind in ("top", "chance") for k in TOP]
  means = 100 * np.mean(kept, axis=0) if kept else np.zeros(len(names))
  return {"clips": float(len(kept)), **dict(zip(names, map(float, means), strict=True))}


def table(numbers: dict[str, dict[str, float]]) -> Iterator[str]:
  """Yields the lines of `measure`'s numbers."""
  heads = [f"{title:>{width}}" for title, width in _columns()]
  yield "".join([f"{'the same sign among, %':<32}{'searches':>9}", *heads])
  for name, row in numbers.items():
    cells = (row[f"{kind}{k}"] for k in TOP for kind in ("top", "chance"))
    values = [f"{x:>{width}.1f}" for x, (_, width) in zip(cells, _columns(), strict=True)]
    yield "".join([f"{name:<32}{row['clips']:>9.0f}", *values])


def _columns() -> list[tuple[str, int]]:
  """(title, width) of the columns."""
  return [x for k in TOP for x in ((f"first {k}" if k > 1 else "first", 9), ("chance", 8))]
