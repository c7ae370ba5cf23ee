"""A limit to the time that a program waits for its next batch."""

import contextlib
import multiprocessing
import os
import pathlib
import queue
import signal
import threading
import weakref

from sign_jax.errors import ReaderLost, UserError

SECONDS = 300.0  # without a batch, where the configuration says nothing else
_TICK = 1.0  # seconds between two looks at the worker processes
_FIRST_TICK = 0.05  # until there are some
_CLOSING_SECONDS = 10.0  # for an item that is still being read
_WORKER_ENDED = "Worker process was terminated unexpectedly"  # in Grain's own error


class Watched:
  """An iterator whose `next` raises `ReaderLost` when no item comes.

  Another thread draws from the iterator beneath, an item when one is asked for.
  """

  def __init__(self, iterator, limit, workers=lambda: []):
    """
    Args:
      iterator: with `close()`.
      limit: seconds that an item may take; time in which this program was itself stopped does not
        count.
      workers: function without arguments that gives the `multiprocessing` processes that read and
        have not ended.
    """
    self._limit, self._workers, self._seen = limit, workers, {}
    self._wanted, self._found = queue.SimpleQueue(), queue.SimpleQueue()
    # It must not hold this object: one that nobody uses any more is to end it.
    arguments = iterator, self._wanted, self._found
    self._thread = threading.Thread(target=_draw, args=arguments, name="batches", daemon=True)
    self._thread.start()
    self._end = weakref.finalize(self, self._wanted.put, False)

  def __iter__(self):
    return self

  def __next__(self):
    if not self._end.alive:
      raise StopIteration
    self._wanted.put(True)
    waited = 0.0
    while True:
      # Workers are noted while they live: nothing tells afterwards which there were.
      tick = _TICK if self._seen else min(_TICK, _FIRST_TICK)
      try:
        item, error = self._found.get(timeout=tick)
        break
      except queue.Empty:
        # By ticks, not by a clock: Ctrl-Z stops the readers too.
        waited += tick
        if waited >= self._limit or self._broken():
          raise self._lost(waited) from None
    if error is None:
      return item
    self._end()
    is_passing = isinstance(error, UserError | StopIteration)
    if not is_passing and (self._broken() or _WORKER_ENDED in str(error)):
      raise self._lost(waited, str(error)) from error
    raise error

  def _broken(self):
    """Whether a worker has ended other than as it was told to."""
    self._seen |= {worker.pid: worker for worker in self._workers()}
    return any(worker.exitcode for worker in self._seen.values())

  def _lost(self, waited, reason=""):
    """The `ReaderLost` of now; ends the workers, which nothing else would end if they stand.

    Args:
      waited: seconds.
      reason: what Grain says of a worker's end.
    """
    workers = self._seen.values()
    ended = [f"{x.pid} (status {x.exitcode})" for x in workers if x.exitcode]
    if not ended and _WORKER_ENDED in reason:  # before anybody has seen it
      ended = ["before its first batch"]
    stopped = [str(x.pid) for x in workers if x.exitcode is None and _is_stopped(x.pid)]
    self._kill()
    self._end()
    if ended:
      return ReaderLost(
        f"a process that reads batches has ended: {', '.join(ended)}; see whether the machine "
        "lacked memory for data.num_workers, the same command goes on"
      )
    why = f", and the reading process {', '.join(stopped)} is stopped" if stopped else ""
    return ReaderLost(
      f"no batch came in {waited:.0f} s{why}: see to the disk and to the processes that read, or "
      "raise --config.data.reader_timeout, the same command goes on"
    )

  def _kill(self):
    for worker in self._seen.values():
      if worker.exitcode is None:
        with contextlib.suppress(ProcessLookupError):
          os.kill(worker.pid, signal.SIGKILL)

  def close(self):
    """Ends threads and processes; what is stuck is not waited for."""
    self._end()
    self._thread.join(_CLOSING_SECONDS)
    if self._thread.is_alive():
      self._broken()  # for a last look at who is there
      self._kill()


def _draw(iterator, wanted, found):
  error = None
  while error is None and wanted.get():
    item = None  # not held while the next one is read
    try:
      item = next(iterator)
    except BaseException as reason:  # whatever it is, the one who waits is to have it
      error = reason
    found.put((item, error))
  iterator.close()


def grain_workers():
  """The processes that Grain reads by, [`multiprocessing.Process`]."""
  return [x for x in multiprocessing.active_children() if x.name.startswith("grain-")]


def _is_stopped(pid):
  """Whether a signal has stopped a process; False where the system does not say."""
  try:
    # "pid (name) state ...", and a name may hold spaces and brackets.
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "Tt"
  except (OSError, IndexError):
    return False
