"""Files that are written whole or not at all."""

import contextlib
import os
import secrets


@contextlib.contextmanager
def replacing(path):
  """Gives a path beside `path` to write to, which takes its place when the block ends well.

  Several processes and machines may write to one folder at a time.

  Args:
    path: pathlib.Path in a folder that exists. After an error it is as it was.
  """
  # Without the file's own name, which may be as long as a file system takes.
  partial = path.with_name(f".{secrets.token_hex(8)}.partial")
  try:
    yield partial
    os.replace(partial, path)
  except OSError as error:
    error.filename = path  # a full disk is told without, and users know no partial file
    raise
  finally:
    with contextlib.suppress(OSError):  # not there, or its folder is none
      partial.unlink()
