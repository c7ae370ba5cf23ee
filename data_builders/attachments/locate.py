"""Where the files of a clip lie: by one of its names, in the folder of its split or beside it."""

import errno
import os

from sign_jax.data import splits
from sign_jax.errors import UserError

_OTHERS = 1000  # files of other kinds in a clip's folder


def find(root, clip, split, endings):
  """The first file or folder of a clip that is there.

  Args:
    root: pathlib.Path of a folder with a folder for each split, or with all clips in one.
    clip: `Clip`.
    split: one of `splits.SPLITS`.
    endings: what follows a clip's name, e.g. ".pkl"; "" is a folder of the clip's name.

  Returns:
    pathlib.Path, or None.

  Raises:
    UserError: there are two with different endings.
  """
  for folder in (*(root / name for name in _folders(split)), root):
    for name in clip.names:
      if path := with_ending(folder, name, endings):
        return path
  return None


def _folders(split):
  """Names of the folders of a split; a validation split may be held out of train."""
  names = splits.NAMES[split]
  return (*names, *splits.NAMES["train"]) if split == "validation" else names


def with_ending(folder, name, endings):
  """The file or folder of a name in one folder, or None; arguments and errors as in `find`."""
  # Not with_suffix: names such as "clip-1.5" have dots in them.
  paths = [folder / f"{name}{ending}" for ending in endings]
  found = [path for path, end in zip(paths, endings, strict=True) if _is_there(path, end)]
  if len(found) > 1:
    raise UserError(
      f"{folder} holds {' and '.join(path.name for path in found)} for one clip, remove all but one"
    )
  return found[0] if found else None


def names(folder, most):
  """The names of what lies in a folder, sorted.

  Args:
    folder: path.
    most: how many files a clip may have; a folder with many more is not listed to its end.

  Raises:
    UserError: it holds more.
  """
  found = []
  with os.scandir(folder) as entries:
    for entry in entries:
      if len(found) >= most + _OTHERS:
        raise UserError(f"{folder} holds more than {most} files, which no clip has, cut the clip")
      found.append(entry.name)
  return sorted(found)


def _is_there(path, ending):
  try:
    return path.is_file() if ending else path.is_dir()
  except OSError as error:
    if error.errno == errno.ENAMETOOLONG:  # with the ending, a name may be longer than allowed
      return False
    raise
