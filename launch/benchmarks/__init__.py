"""One module per benchmark; a file in this folder is all that a new one needs.

A module has a docstring (its first line is what --help says of it) and
  add_arguments(parser)   its own options,
  run(args) -> dict       measures; {"settings": {...}, "rows": [{column: text or number}, ...]} and
                          what else is worth keeping, all JSON.
"""

import importlib
import pathlib

from sign_jax.errors import UserError, did_you_mean


def names():
  """All benchmarks, sorted."""
  paths = pathlib.Path(__file__).parent.glob("*.py")
  return sorted(path.stem for path in paths if not path.stem.startswith("_"))


def load(name):
  """The module of a benchmark.

  Raises:
    UserError: there is none of that name.
  """
  if name not in names():
    raise UserError(
      f"there is no benchmark {name!r}{did_you_mean(name, names())}: choose one of "
      f"{', '.join(names())}"
    )
  return importlib.import_module(f"{__name__}.{name}")
