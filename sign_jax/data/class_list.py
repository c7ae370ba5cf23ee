"""Files of the names of classes, one a line, in the order of their numbers."""

import pathlib
from collections.abc import Sequence

from sign_jax.errors import UserError
from sign_jax.files import existing_file, replacing


def read(path: str | pathlib.Path, option: str) -> list[str]:
  """The names in a file.

  Args:
    path: of the file.
    option: the flag that names it, for messages.

  Raises:
    UserError: no such file, or no text.
  """
  path = existing_file(path, option, "pass a file of one name a line")
  try:
    return path.read_text(encoding="utf-8").splitlines()
  except (OSError, UnicodeDecodeError) as error:
    raise UserError(f"{option} {path} cannot be read, pass a file of one name a line") from error


def write(path: pathlib.Path, names: Sequence[str]) -> None:
  """Writes names, whole or not at all; makes the folder."""
  path.parent.mkdir(parents=True, exist_ok=True)
  with replacing(path) as partial:
    partial.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
