"""Where the files of a clip lie: by one of its names, in the folder of its split or beside it."""

import errno

from sign_jax.data import splits


def find(root, clip, split, endings):
  """The first file or folder of a clip that is there.

  Args:
    root: pathlib.Path of a folder with a folder for each split, or with all clips in one.
    clip: `Clip`.
    split: one of `splits.SPLITS`.
    endings: what follows a clip's name, e.g. ".pkl"; "" is a folder of the clip's name.

  Returns:
    pathlib.Path, or None.
  """
  for folder in (*(root / name for name in splits.NAMES[split]), root):
    for name in clip.names:
      for ending in endings:
        # Not with_suffix: names such as "clip-1.5" have dots in them.
        path = folder / f"{name}{ending}"
        if _is_there(path, ending):
          return path
  return None


def _is_there(path, ending):
  try:
    return path.is_file() if ending else path.is_dir()
  except OSError as error:
    if error.errno == errno.ENAMETOOLONG:  # with the ending, a name may be longer than allowed
      return False
    raise
