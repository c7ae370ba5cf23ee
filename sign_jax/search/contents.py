"""What an index holds, in numbers."""

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sign_jax.search import manifest
from sign_jax.search.store import Store

_UNITS = ("B", "kB", "MB", "GB", "TB")


class Contents(NamedTuple):
  """Numbers of an index.

  Attributes:
    clips, removed: how many there are, and were.
    videos: that the clips are of.
    seconds: of the videos that clips show, counted once where clips overlap.
    untimed: clips whose place in their video is not known, which are not in `seconds`.
    bytes: of all files.
    storage, run: of the manifest.
  """

  clips: int
  removed: int
  videos: int
  seconds: float
  untimed: int
  bytes: int
  storage: str
  run: dict[str, str]


def of(store: Store) -> Contents:
  """Counts what an index holds.

  Raises:
    UserError: its texts are damaged.
  """
  spans, clips, untimed = {}, 0, 0
  for _, entry in store.clips():
    own = spans.setdefault(entry.source or entry.name, [])
    clips += 1
    if entry.end > entry.start:  # which NaN is not
      own.append((entry.start, entry.end))
    else:
      untimed += 1
  size = (store.folder / manifest.FILE).stat().st_size + sum(x.bytes for _, x in store.files())
  removed = sum(len(set(shard.note.removed)) for shard in store.shards)
  return Contents(
      clips, removed, len(spans), sum(map(_covered, spans.values())), untimed, size,
      store.manifest.storage, store.manifest.run,
  )


def _covered(spans: Iterable[tuple[float, float]]) -> float:
  """Seconds that lie in any of some spans."""
  total, last = 0.0, -math.inf
  for start, end in sorted(spans):
    total += max(end - max(start, last), 0.0)
    last = max(last, end)
  return total


def table(found: Contents) -> Iterator[str]:
  """Yields the lines of a table."""
  rows = (
      ("clips", found.clips), ("removed clips", found.removed), ("videos", found.videos),
      ("hours of video", f"{found.seconds / 3600:.2f}"), ("clips without times", found.untimed),
      ("size on disk", size(found.bytes)), ("storage", found.storage),
  )  # fmt: skip
  of_run = ((f"the run's {name}", value) for name, value in found.run.items())
  for name, value in itertools.chain(rows, of_run):
    yield f"{name:<24}{value:>12}"


def size(count: int) -> str:
  """Bytes as people read them, such as 1.5 GB of 10^9 bytes each."""
  unit = min(int(math.log10(max(count, 1))) // 3, len(_UNITS) - 1)
  return f"{count / 1000**unit:.{min(unit, 1)}f} {_UNITS[unit]}"
