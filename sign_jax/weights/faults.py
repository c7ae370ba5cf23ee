"""The sentences about files of weights that cannot be read."""

from sign_jax.errors import UserError


def refused(path, reason):
  """A `UserError`: the file asks for more than weights need."""
  return UserError(
    f"{path} was refused because it holds more than plain weights and could run code "
    f"({_first_line(reason)}), ask its owner for a file with the state dict alone"
  )


def damaged(path, reason):
  """A `UserError`: the file is cut short, or not of the format that its name says."""
  return UserError(f"{path} is damaged or of another format, get it anew ({_first_line(reason)})")


def _first_line(error):
  return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
