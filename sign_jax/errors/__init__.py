"""The exceptions that a user may see without a stack trace, and how programs end with them."""

import contextlib
import difflib
import logging
import os
import select
import signal
import sys
import threading
import traceback
import unicodedata

from sign_jax.errors import sentences

CRASHED = sentences.FAILED  # a mistake of ours, or what another start may not meet again
_ENDING_SECONDS = 60.0  # for what still runs when the program is over, such as a stuck reader
_AGAIN_SECONDS = 0.05
# Signs of another direction of writing and the like are shown by number; these two join letters.
_ESCAPED, _JOINERS = ("Cc", "Cf", "Cs", "Zl", "Zp"), "\u200c\u200d"
_LONGEST, _LONGEST_REASON, _LONGEST_VALUE = 2000, 200, 80
_LOGGERS = ("absl", "asyncio")
_told = threading.Event()


class UserError(Exception):
  """A mistake of the user's; its text is one sentence that says what to do.

  It is printed behind "error: ", so it begins in lower case and ends without a full stop.
  """

  status = 1  # of the program that it ends


class Stopped(UserError):
  """A run that was asked to stop and has written down where; the same command goes on."""

  status = 75  # EX_TEMPFAIL of sysexits.h: try again


class Lost(UserError):
  """A process that this one needs is gone or stands still; the same command goes on."""

  status = CRASHED


class ReaderLost(Lost):
  """No batch comes any more: a process or a file system that batches are read by is lost."""


def printable(text, longest=_LONGEST):
  r"""Words from a file or its name, such that a terminal shows them and does nothing else.

  Control characters, line ends, signs that turn the direction of writing and halves of surrogate
  pairs become escapes like \n, \x1b and \u202e; what is longer than `longest` is cut.
  """
  text = str(text)
  if len(text) > longest:
    text = f"{text[:longest]}... ({len(text)} characters)"
  return "".join(
    char.encode("unicode_escape").decode("ascii")
    if unicodedata.category(char) in _ESCAPED and char not in _JOINERS else char
    for char in text
  )  # fmt: skip


def shown(value, longest=_LONGEST_VALUE):
  """A value from a file, a flag or a call as a message says it: quoted, escaped and cut.

  Not for objects of untrusted pickles, which may hold each other without end.
  """
  if not isinstance(value, str):
    return printable(repr(value), longest)
  more = f"... ({len(value)} characters)" if len(value) > longest else ""
  return f"{value[:longest]!r}{more}"


def first_line(error: Exception) -> str:
  """The first line of an error's text, `printable`; its type where it has no text."""
  lines = str(error).strip().splitlines()
  return printable(lines[0] if lines else type(error).__name__, _LONGEST_REASON)


@contextlib.contextmanager
def one_sentence():
  """Ends the program with one line for a `UserError`, for what the system refuses, and for Ctrl-C.

  From here on, what a terminal cannot show is printed as escapes, and Ctrl-C ends the program
  wherever it is: a second one at once.
  """
  for stream in (sys.stdout, sys.stderr):
    if hasattr(stream, "reconfigure"):
      stream.reconfigure(errors="backslashreplace")
  try:
    with _said_once(), _reliable_interrupt():
      yield
      if sys.stdout is not None:
        sys.stdout.flush()  # here, where a fault can still be told
  except UserError as error:
    _end(error, error.status)
  except KeyboardInterrupt:
    print("stopped", file=sys.stderr)
    sys.exit(130)  # what shells report for Ctrl-C
  except Exception as error:
    if isinstance(error, BrokenPipeError) and _is_unread(sys.stdout):
      # As `| head` closes it. The rest goes nowhere, or Python would fail once more as it ends.
      os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
      sys.exit(128 + signal.SIGPIPE)  # what shells report for programs that end so
    told = sentences.of(error)
    if told is None:
      raise
    _end(*told)


def has_told():
  """Whether the program is ending and has said why."""
  return _told.is_set()


def _is_unread(stream):
  """Whether a stream is a pipe that nobody reads any more."""
  try:
    poll = select.poll()
    poll.register(stream.fileno(), 0)
    return any(what & select.POLLERR for _, what in poll.poll(0))
  except (AttributeError, OSError, ValueError):  # no file, or a system without `poll`
    return False


def _end(sentence, status):
  _told.set()
  print(f"error: {printable(sentence)}", file=sys.stderr)
  sys.exit(status)


@contextlib.contextmanager
def _said_once():
  """Keeps libraries from showing the traces of what the program ends with one sentence for.

  A full disk meets several threads of a library, and each of them logs the error that it also
  hands on. Some of them only come when the program has ended for it: these stay quiet too.
  """
  hooks = sys.unraisablehook, threading.excepthook
  sys.unraisablehook, threading.excepthook = _unraisable, _thread_ended
  for name in _LOGGERS:
    logging.getLogger(name).addFilter(_is_new)
  yield
  sys.unraisablehook, threading.excepthook = hooks
  for name in _LOGGERS:
    logging.getLogger(name).removeFilter(_is_new)


def _said(error):
  return error is not None and sentences.of(error) is not None


def _is_new(record):
  return not (record.exc_info and _said(record.exc_info[1]))


def _thread_ended(arguments):
  if not _said(arguments.exc_value):
    threading.__excepthook__(arguments)


def _unraisable(arguments):
  # Writes of tensorstore that fail behind the first one, told to a loop that is over.
  if str(arguments.exc_value) != "Event loop is closed":
    sys.__unraisablehook__(arguments)


@contextlib.contextmanager
def _reliable_interrupt():
  """Ctrl-C raises KeyboardInterrupt even where Python would swallow it; the second kills.

  Python drops what is raised inside a destructor or a callback of its garbage collector (JAX has
  one), and goes on as if nobody had asked.
  """
  if threading.current_thread() is not threading.main_thread():
    yield
    return

  def ask(number, frame):
    del frame
    signal.signal(number, signal.SIG_DFL)
    raise KeyboardInterrupt

  def swallowed(unraisable):
    if unraisable.exc_type is not KeyboardInterrupt:
      return hook(unraisable)
    # From another thread and a little later, when this one is elsewhere.
    signal.signal(signal.SIGINT, ask)
    again = threading.Timer(_AGAIN_SECONDS, os.kill, [os.getpid(), signal.SIGINT])
    again.daemon = True
    again.start()

  before, hook = signal.getsignal(signal.SIGINT), sys.unraisablehook
  if before is not signal.default_int_handler:  # ignored, as under nohup, or somebody's own
    yield
    return
  signal.signal(signal.SIGINT, ask)
  sys.unraisablehook = swallowed
  try:
    yield
  finally:
    sys.unraisablehook = hook
    if signal.getsignal(signal.SIGINT) is ask:  # else the next one is to kill what still ends
      signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def crash_status():
  """Ends the program with a stack trace and status CRASHED when anything else stops it.

  So what starts a job again can tell it from a mistake of the user's. A thread or a child that
  never ends does not keep it.
  """
  try:
    yield
  except SystemExit as end:
    _end_at_last(end.code if isinstance(end.code, int) else 1)
    raise
  except Exception:  # whatever it is: the trace is shown, and the status must not be a mistake's
    traceback.print_exc()
    _end_at_last(CRASHED)
    sys.exit(CRASHED)


def _end_at_last(status):
  if status:
    end = threading.Timer(_ENDING_SECONDS, os._exit, [status])
    end.daemon = True
    end.start()


def did_you_mean(word, choices):
  """' (did you mean X?)' for the closest of `choices`, or ''."""
  close = difflib.get_close_matches(word, list(choices), n=1)
  return f" (did you mean {close[0]!r}?)" if close else ""
