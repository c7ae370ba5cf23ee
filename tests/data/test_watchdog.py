"""Batches that do not come end the waiting."""

import contextlib
import gc
import multiprocessing
import os
import re
import signal
import threading
import time

import grain
import pytest

from sign_jax.data import pipeline, watchdog
from sign_jax.errors import ReaderLost, UserError


class Numbers:
  """0, 1, 2, ...; `at` says what is called instead of one."""

  def __init__(self, count=100, at=None):
    self.count, self.at, self.now, self.closed = count, at or {}, 0, threading.Event()

  def __next__(self):
    if self.now == self.count:
      raise StopIteration
    self.now += 1
    return self.at.get(self.now - 1, lambda: self.now - 1)()

  def close(self):
    self.closed.set()


def test_items_come_in_order_and_the_iterator_is_closed_at_their_end():
  numbers = Numbers(5)
  watched = watchdog.Watched(numbers, 60)
  assert list(watched) == [0, 1, 2, 3, 4] and list(watched) == []
  assert numbers.closed.wait(60)


def test_items_are_read_when_they_are_wanted():
  numbers = Numbers()
  with contextlib.closing(watchdog.Watched(numbers, 60)) as watched:
    assert [next(watched), next(watched)] == [0, 1] and numbers.now == 2
  assert numbers.closed.is_set() and list(watched) == []


def test_an_iterator_that_nobody_uses_is_closed():
  numbers = Numbers()
  next(watchdog.Watched(numbers, 60))
  gc.collect()
  assert numbers.closed.wait(60)


def test_errors_arrive():
  def fail():
    raise UserError("record 3 is damaged")

  watched = watchdog.Watched(Numbers(at={2: fail}), 60)
  with pytest.raises(UserError, match="record 3"):
    list(watched)


@pytest.fixture
def quick(monkeypatch):
  monkeypatch.setattr(watchdog, "_TICK", 0.05)
  monkeypatch.setattr(watchdog, "_CLOSING_SECONDS", 0.05)


def test_a_reader_that_hangs_ends_the_waiting_alone(quick):
  stuck = threading.Event()
  watched = watchdog.Watched(Numbers(at={2: stuck.wait}), 0.5)
  assert [next(watched), next(watched)] == [0, 1]
  with pytest.raises(ReaderLost, match="no batch came in 1 s: .* --config.data.reader_timeout"):
    next(watched)
  watched.close()  # without waiting for it
  stuck.set()


class Acting:
  """Calls an action in the worker that reads a certain number."""

  def __init__(self, number, action):
    self.number, self.action = number, action

  def __call__(self, number):
    if number == self.number:
      self.action()
    return number


def stop():
  os.kill(os.getpid(), signal.SIGSTOP)


def die():
  os.kill(os.getpid(), signal.SIGKILL)


def leave():
  os._exit(3)


def numbers(action, limit, count=1000, workers=1):
  steps = grain.MapDataset.range(count).map(Acting(40, action))
  return pipeline.iterate(steps, workers, limit)


def read(batches):
  """What comes before the reader is lost, and the error."""
  found = []
  with pytest.raises(ReaderLost) as lost, contextlib.closing(batches):
    found += batches
  return found, lost.value


def no_workers():
  for child in watchdog.grain_workers():
    child.join(60)
  return not watchdog.grain_workers()


def test_a_stopped_worker_is_named_and_ended():
  batches = numbers(stop, 3600, workers=2)

  def limit_when_stopped():  # only then, so that a slow start is no reason
    while not any(watchdog._is_stopped(worker.pid) for worker in watchdog.grain_workers()):
      time.sleep(0.1)
    batches._limit = 1

  watcher = threading.Thread(target=limit_when_stopped)
  watcher.start()
  found, lost = read(batches)
  watcher.join()
  assert found == list(range(len(found))) and len(found) <= 40
  assert re.search(r"no batch came in \d+ s, and the reading process \d+ is stopped", str(lost))
  assert lost.status == 70 and no_workers()


@pytest.mark.parametrize(("action", "status"), [(die, -9), (leave, 3)])
def test_a_dead_worker_is_named_before_the_limit(action, status):
  began = time.monotonic()
  workers = 2 if action is die else 1  # of two, one is left
  found, lost = read(numbers(action, 3600, workers=workers))
  assert found == list(range(len(found))) and len(found) <= 40
  assert f"(status {status})" in str(lost) and "has ended" in str(lost)
  assert time.monotonic() - began < 3000
  assert no_workers()


def test_workers_that_have_read_everything_are_no_loss():
  with contextlib.closing(numbers(len, 3600, count=30)) as batches:
    assert list(batches) == list(range(30))


def test_without_a_limit_nothing_is_watched():
  steps = grain.MapDataset.range(3)
  assert not isinstance(pipeline.iterate(steps, 0, 0), watchdog.Watched)
  assert not multiprocessing.active_children()
