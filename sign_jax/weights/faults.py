"""The sentences about files of weights that cannot be read."""

from sign_jax.errors import UserError, first_line, printable

SAVE = "torch.save(model.state_dict(), 'weights.pt')"
_NAMED = 20  # entries in a message


def refused(path, reason):
  """A `UserError`: the file asks for more than weights need."""
  return UserError(
    f"{path} was refused because it holds more than plain weights and could run code "
    f"({_reason(reason)}), ask its owner for a file with the state dict alone: `{SAVE}`"
  )


def damaged(path, reason):
  """A `UserError`: the file is cut short, or not of the format that its name says."""
  return UserError(f"{path} is damaged or of another format, get it anew ({_reason(reason)})")


def whole_model(path, name):
  """A `UserError`: the file holds an object that only its own code could read."""
  return UserError(
    f"{path} holds a whole object of {_shown(name)} and not its weights alone: where it was made, "
    f"save them with `{SAVE}` and pass that file"
  )


def no_arrays(path, found):
  """A `UserError`: among the weights are other things; `found` is {name: what it is}."""
  entries = [f"{_shown(name)}: {_shown(what)}" for name, what in list(found.items())[:_NAMED]]
  more = f", and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
  return UserError(
    f"{path} holds entries that are not arrays of numbers ({', '.join(entries)}{more}), save its "
    f"state dict alone: `{SAVE}`"
  )


def _shown(text):
  return printable(getattr(text, "name", text), 80)


def _reason(error):
  if isinstance(error, KeyError):  # its text is the bare key
    return "it refers to something that it does not hold"
  return first_line(error)
