"""Batches that are on the devices before the step that needs them begins."""

import collections
import itertools
from collections.abc import Callable, Iterable, Iterator

from sign_jax.protocols import Batch, Place

DEPTH = 2  # the batch in use, and the next one


def to_devices(batches: Iterator[Batch], place: Place, depth: int = DEPTH) -> Iterator[Batch]:
  """Yields placed batches; while one is computed with, the next one is copied.

  Args:
    batches: iterator of host batches.
    place: host batch -> device batch, without waiting for the copy.
    depth: how many are placed before the step that needs the first of them.
  """
  waiting = collections.deque(map(place, itertools.islice(batches, depth)))
  while waiting:
    yield waiting.popleft()
    waiting.extend(map(place, itertools.islice(batches, 1)))


def saving(batches: Iterable[Batch], save: Callable[[], object]) -> Iterator[Batch]:
  """Yields batches; where one cannot be had, calls `save` before the error goes on."""
  batches = iter(batches)
  while True:
    try:
      batch = next(batches)
    except StopIteration:
      return
    except Exception:  # a lost reader, a file that went away: the steps so far are good
      save()
      raise
    yield batch
