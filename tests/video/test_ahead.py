import threading
import time

import pytest

from sign_jax.video.ahead import ahead


def wait_until(is_so):
  end = time.monotonic() + 20
  while not is_so():
    assert time.monotonic() < end
    time.sleep(0.002)


class Counted:
  """Readers of five items each, which count what they have read."""

  def __init__(self):
    self.read, self.closed, self._lock = [0] * 6, [False] * 6, threading.Lock()

  def reader(self, number):
    def read():
      try:
        for item in range(5):
          with self._lock:
            self.read[number] += 1
          yield number, item
      finally:
        self.closed[number] = True

    return read

  def readers(self):
    return map(self.reader, range(6))


@pytest.mark.parametrize(("threads", "most"), [(1, 1), (2, 2), (4, 100), (9, 1)])
def test_items_come_in_order(threads, most):
  found = [list(items) for items in ahead(Counted().readers(), threads, most)]
  assert found == [[(number, item) for item in range(5)] for number in range(6)]


def test_readers_run_ahead_as_far_as_there_is_room():
  counted = Counted()
  videos = ahead(counted.readers(), threads=3, most=2)
  first = next(videos)
  # One more is in the hands of each thread; three videos are begun.
  wait_until(lambda: counted.read == [3, 3, 3, 0, 0, 0])
  assert next(first) == (0, 0)
  wait_until(lambda: counted.read == [4, 3, 3, 0, 0, 0])
  time.sleep(0.05)
  assert counted.read == [4, 3, 3, 0, 0, 0]
  videos.close()
  assert counted.closed == [True] * 3 + [False] * 3


def test_two_readers_run_at_the_same_time():
  met = threading.Barrier(2, timeout=20)

  def read():
    met.wait()
    yield 1

  assert [list(items) for items in ahead([read, read], 2, 1)] == [[1], [1]]


def test_an_error_comes_after_the_items_before_it_and_the_next_reader_goes_on():
  def broken():
    yield 1
    yield 2
    raise OSError("damaged")

  found = []
  for items in ahead([broken, lambda: iter_of(3)], 2, 10):
    try:
      for item in items:
        found.append(item)
    except OSError as error:
      found.append(str(error))
  assert found == [1, 2, "damaged", 3]


def iter_of(*items):
  yield from items


def test_what_is_left_of_a_reader_is_dropped():
  counted = Counted()
  assert [next(items) for items in ahead(counted.readers(), 2, 1)] == [(i, 0) for i in range(6)]
  assert counted.closed == [True] * 6
