"""A folder that is built beside its place and takes it when it is whole.

What lies at the place stays there until then, and is not touched by a build that fails. A process
that is killed leaves hidden folders, which count as nothing and which the next build removes. Only
between two renames is the place empty; `remove_remains` makes up for a kill there.
"""

import contextlib
import os
import shutil
import socket

_NEW, _OLD = ".building_", ".replaced_"  # never the name of a version
_PARTS = ".parts_"  # of a data set that an earlier version was to build in several processes


@contextlib.contextmanager
def beside(folder):
  """Gives a hidden, empty folder next to `folder`, which is gone when the block ends."""
  new = folder.with_name(f"{_NEW}{folder.name}.{socket.gethostname()}.{os.getpid()}")
  shutil.rmtree(new, ignore_errors=True)
  new.mkdir(parents=True)
  try:
    yield new
  finally:
    shutil.rmtree(new, ignore_errors=True)


def take_place(new, folder):
  """Renames the folder `new` to `folder`, and removes what was there.

  Raises:
    OSError: it cannot be renamed; then `folder` is what it was.
  """
  old = folder.with_name(f"{_OLD}{folder.name}")
  shutil.rmtree(old, ignore_errors=True)
  if folder.exists():
    os.rename(folder, old)
  try:
    os.rename(new, folder)
  except OSError:
    if old.exists():
      os.rename(old, folder)
    raise
  shutil.rmtree(old, ignore_errors=True)


def remove_remains(folder):
  """Deletes what killed processes have left beside `folder`; no other process may build there.

  What lay at `folder` is put back if one was killed while something else took its place.
  """
  old = folder.with_name(f"{_OLD}{folder.name}")
  if old.exists() and not folder.exists():
    os.rename(old, folder)
  patterns = (f"{_NEW}{folder.name}.*", old.name, f"incomplete.*_{folder.name}",
              f"{_PARTS}{folder.name}")
  for path in (path for pattern in patterns for path in folder.parent.glob(pattern)):
    shutil.rmtree(path, ignore_errors=True)
