"""What a folder of derived files holds beside those of the clips."""

import collections
import os

from sign_jax.video import pictures


def note(root, used):
  """A sentence on the files in a folder that no clip reads, counted by kind; "" without any.

  Args:
    root: pathlib.Path of the folder; its subfolders count too.
    used: paths of the files, and of folders with all that they hold, that are read.
  """
  used, counts = {os.fspath(path) for path in used if path}, collections.Counter()

  def lost(error):
    counts["folder that cannot be read"] += 1

  for folder, folders, files in os.walk(root, onerror=lost):
    folders[:] = [name for name in folders if os.path.join(folder, name) not in used]
    for name in files:
      if os.path.join(folder, name) not in used:
        counts[pictures.kind_of(name)] += 1
  return f"left out: {pictures.counted(counts)} in {root}, which no clip names" if counts else ""
