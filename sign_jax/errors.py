"""The one exception that a user may see without a stack trace."""

import contextlib
import difflib
import sys


class UserError(Exception):
  """A mistake of the user's; its text is one sentence that says what to do."""


@contextlib.contextmanager
def one_sentence():
  """Ends the program with status 1 and one line when a `UserError` escapes."""
  try:
    yield
  except UserError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(1)


def did_you_mean(word, choices):
  """' (did you mean X?)' for the closest of `choices`, or ''."""
  close = difflib.get_close_matches(word, list(choices), n=1)
  return f" (did you mean {close[0]!r}?)" if close else ""
