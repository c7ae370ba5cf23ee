"""The files of a folder that annotators and subtitlers have filled."""

import os
import pathlib
from collections.abc import Iterator, Sequence


def files(folder: pathlib.Path, endings: Sequence[str]) -> Iterator[tuple[str, pathlib.Path]]:
  """Yields (path below the folder without ending and with "/", path) of files, in their order.

  Hidden files and folders are left out; links are followed, each folder once.

  Args:
    folder: its subfolders are looked through too.
    endings: such as ".eaf", in lower case; those of files may be in upper case.
  """
  seen = set()
  for place, folders, names in os.walk(folder, followlinks=True):
    facts = os.stat(place)
    if (facts.st_dev, facts.st_ino) in seen:
      folders.clear()
      continue
    seen.add((facts.st_dev, facts.st_ino))
    folders[:] = sorted(x for x in folders if not x.startswith("."))
    for name in sorted(names):
      path = pathlib.Path(place, name)
      if path.suffix.lower() in endings and not name.startswith(".") and path.is_file():
        yield path.relative_to(folder).with_suffix("").as_posix(), path
