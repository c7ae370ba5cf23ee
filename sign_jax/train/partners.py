"""Ending politely when another process of several is lost.

JAX's runtime notices a partner that has died or stands still in threads of its own, in C++, and
aborts the program: with a stack trace, and the status of a signal. What is told to those who
started it goes through here instead.
"""

import ctypes
import functools
import logging
import os
import signal
from typing import NoReturn

import jax
from jax._src import distributed as jax_distributed

from sign_jax import errors

SENTENCE = (
    "error: another of the processes that work together is lost or stands still, or else a "
    "library has aborted this one: see what is said above and by the others, and start all of "
    "them again; training goes on from the last checkpoint"
)
_WORDS = (
    "gloo", "nccl", "coordination", "heartbeat", "barrier", "connection reset",
    "connection closed", "unavailable", "deadline_exceeded",
)


def end() -> NoReturn:
  """Says that a partner is lost, unless the program has said why it ends, and ends it at once."""
  if not errors.has_told():
    os.write(2, f"\n{SENTENCE}\n".encode())  # a progress bar may stand in the line
  os._exit(errors.CRASHED)


@ctypes.CFUNCTYPE(None, ctypes.c_int)
def _aborted(number):
  """Called in the thread that aborts; never returns."""
  del number
  end()


def _lost(*_: object) -> NoReturn:
  """What a runtime that can hand its error to Python calls; others abort on the way here."""
  end()


def watch() -> None:
  """Makes the end of a partner end this process with one sentence and status CRASHED.

  To be called before `jax.distributed.initialize`.
  """
  logging.getLogger("absl").addFilter(_is_other)  # checkpoints in the background meet it too
  # Python's own handlers run in the main thread, which waits for the partner.
  ctypes.CDLL(None).signal(signal.SIGABRT, _aborted)
  # A callback keeps the runtime from printing its stack. JAX has no public way to give one.
  library = getattr(jax_distributed, "_jax", None)
  make = getattr(library, "get_distributed_runtime_client", None)
  if make is None or getattr(make, "watched", False):
    return

  @functools.wraps(make)
  def with_callback(*args, **kwargs):
    try:
      return make(*args, **{"missed_heartbeat_callback": _lost, **kwargs})
    except TypeError:  # of another version of JAX
      return make(*args, **kwargs)

  with_callback.watched = True
  library.get_distributed_runtime_client = with_callback


def _is_other(record: logging.LogRecord) -> bool:
  error = record.exc_info and record.exc_info[1]
  return not (error and jax.process_count() > 1 and _says_so(error))


def is_lost(error: BaseException) -> bool:
  """Whether an error in an exchange says that a partner does not answer any more."""
  return isinstance(error, RuntimeError) and jax.process_count() > 1 and _says_so(error)


def _says_so(error: BaseException) -> bool:
  # Its text in several lines, and the names of classes such as orbax's BarrierTimeout.
  text = f"{type(error).__name__} {error} {error.__cause__} {error.__context__}".lower()
  return any(word in text for word in _WORDS)
