"""The splits of a data set, and what releases and tables call them."""

from sign_jax.errors import UserError, did_you_mean

SPLITS = ("train", "validation", "test")
# Names in the files and folders of releases, the commonest first.
NAMES = {"train": ("train",), "validation": ("dev", "val", "validation"), "test": ("test",)}
_SPLIT_OF = {name: split for split, names in NAMES.items() for name in names}


def split_of(name):
  """The split that a release calls `name`, or None."""
  return _SPLIT_OF.get(name)


def parse_list(text):
  """The splits that a list names, such as "test" or "train,dev", in the order of `SPLITS`.

  Raises:
    UserError: an unknown name.
  """
  named = {parse(name.strip(), f"--splits {text}") for name in text.split(",")}
  return tuple(split for split in SPLITS if split in named)


def parse(name, where):
  """The split that a row of a table names.

  Args:
    name: as the table has it.
    where: what the error names: a file and a line.

  Raises:
    UserError: an unknown name.
  """
  if name not in _SPLIT_OF:
    raise UserError(
      f"{where}: unknown split {name!r}{did_you_mean(name, _SPLIT_OF)}, use one of "
      f"{', '.join(_SPLIT_OF)}"
    )
  return _SPLIT_OF[name]
