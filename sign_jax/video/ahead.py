"""Several readers at a time, each in a thread of its own; what they read comes in their order."""

import collections
import contextlib
import itertools
import queue
import threading
from concurrent import futures


def ahead(readers, threads, most):
  """Runs readers in threads, some items ahead of what is asked for.

  Args:
    readers: iterable of functions without arguments, each of which returns a generator.
    threads: how many readers run at a time.
    most: items of each reader that wait to be asked for.

  Yields:
    for each reader, in order, an iterator of its items, which raises what the reader raises, at
    the same place. What is left of it when the next one is asked for is dropped.
  """
  readers = iter(readers)
  with futures.ThreadPoolExecutor(threads) as pool:
    start = lambda count: [_Ahead(pool, x, most) for x in itertools.islice(readers, count)]
    running = collections.deque(start(threads))
    try:
      while running:
        yield running[0].items()
        running.popleft().stop()
        running.extend(start(1))
    finally:
      for reader in running:
        reader.stop()


class _Ahead:
  """One reader in a thread."""

  def __init__(self, pool, read, most):
    self._items, self._room = queue.SimpleQueue(), threading.Semaphore(most)
    self._stopped = False
    pool.submit(self._run, read)

  def _run(self, read):
    try:
      with contextlib.closing(read()) as items:
        for item in items:
          self._room.acquire()
          if self._stopped:
            return
          self._items.put((item, False, None))
      self._items.put((None, True, None))
    except BaseException as error:  # for the thread that asks
      self._items.put((None, True, error))

  def items(self):
    """The iterator of the items."""
    while True:
      item, ended, error = self._items.get()
      if error:
        raise error
      if ended:
        return
      self._room.release()
      yield item

  def stop(self):
    """Ends the thread at its next item, also where it waits for room."""
    self._stopped = True
    self._room.release()
