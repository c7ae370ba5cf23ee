"""Batches that are on the devices before the step that needs them begins, and results that are
fetched after the next ones have begun."""

import collections
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

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


def from_devices(
  results: Iterable[Any], fetch: Callable[[Any], Any], depth: int = DEPTH
) -> Iterator[Any]:
  """Yields fetched results; while one is waited for, the next ones are computed.

  Args:
    results: iterator that begins a computation at each step and does not wait for it.
    fetch: device result -> host result.
    depth: how many results lie on the devices before the first of them is fetched.
  """
  waiting = collections.deque()
  for result in results:
    waiting.append(result)
    if len(waiting) == depth:
      yield fetch(waiting.popleft())
  yield from map(fetch, waiting)


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
