"""The one exception that a user may see without a stack trace."""

import contextlib
import difflib
import errno
import sys
import traceback

CRASHED = 70  # the exit status of a mistake of ours, or of a process whose partner is lost

# What a user can put right; any other `OSError` may be a mistake of ours and keeps its stack trace.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_NO_RIGHT = (errno.EROFS, errno.EACCES, errno.EPERM)


class UserError(Exception):
  """A mistake of the user's; its text is one sentence that says what to do.

  It is printed behind "error: ", so it begins in lower case and ends without a full stop.
  """

  status = 1  # of the program that it ends


class Stopped(UserError):
  """A run that was asked to stop and has written down where; the same command goes on."""

  status = 75  # EX_TEMPFAIL of sysexits.h: try again


@contextlib.contextmanager
def one_sentence():
  """Ends the program with one line when a `UserError` (its status) or the system (1) stops it."""
  try:
    yield
  except UserError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(error.status)
  except KeyboardInterrupt:
    print("stopped", file=sys.stderr)
    sys.exit(130)  # what shells report for Ctrl-C
  except OSError as error:
    if error.errno not in _NO_ROOM + _NO_RIGHT:
      raise
    print(f"error: {_of_the_system(error)}", file=sys.stderr)
    sys.exit(1)


@contextlib.contextmanager
def crash_status():
  """Ends the program with a stack trace and status CRASHED when anything else stops it.

  So what starts a job again can tell it from a mistake of the user's.
  """
  try:
    yield
  except Exception:  # whatever it is: the trace is shown, and the status must not be a mistake's
    traceback.print_exc()
    sys.exit(CRASHED)


def _of_the_system(error):
  file = error.filename or "a file"  # a write to an open file is told without its name
  if error.errno in _NO_ROOM:
    return f"there is no room for {file} ({error.strerror}), free some or choose another place"
  return (
    f"{file} is not to be read or written ({error.strerror}), change its permissions or choose "
    "another place"
  )


def did_you_mean(word, choices):
  """' (did you mean X?)' for the closest of `choices`, or ''."""
  close = difflib.get_close_matches(word, list(choices), n=1)
  return f" (did you mean {close[0]!r}?)" if close else ""
