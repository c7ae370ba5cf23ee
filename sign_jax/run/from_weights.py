"""The model of a file of weights, whose sizes the shapes of its arrays tell."""

import functools

import jax
import ml_collections

from sign_jax.errors import UserError, shown
from sign_jax.files import existing_file
from sign_jax.run import bounds, checks, settings, trained
from sign_jax.systems import registry
from sign_jax.weights import convert, readers

_PUBLISHED = "how2sign"  # the data set whose settings a file is taken to be made with
_NO_MODEL = (ValueError, TypeError, KeyError, IndexError, OverflowError, ArithmeticError)


def load(path, system=None, dataset=None, changes=None):
  """The model of a file of weights, whose sizes its shapes tell.

  What shapes do not tell is as published: heads of 64 channels, and the settings of the system's
  configuration for a data set.

  Args:
    path: pathlib.Path of a file that `weights.readers.read` reads, with released names.
    system: name; None finds the one that the file fits.
    dataset: whose settings count, as in `configs/NAME.py:DATASET`; None is how2sign where the
      system has settings for it.
    changes: {dotted name: value}, settings that are otherwise.

  Returns:
    `trained.Trained` without a record.

  Raises:
    UserError: the file cannot be read, or fits no system or several.
  """
  state = readers.read(path)
  found, faults = [], {}
  for card in [registry.get(system)] if system else registry.available():
    if system or _may_be(card, state):
      try:
        found.append(_load_as(card, state, path, dataset, changes or {}))
      except UserError as error:
        faults[card.name] = error
  if len(found) == 1:
    return found[0]
  if system:
    raise faults[system]
  raise UserError(_not_one(path, state, found, faults))


def sized(config, given):
  """A configuration with the sizes of the model in its file `init.model`, as far as shapes tell.

  Heads, which are in no file, stay as they are where their tower is as wide as the file's.

  Args:
    config: ml_collections.ConfigDict.
    given: dotted names of the settings that stay as they are.

  Raises:
    UserError: the file cannot be read.
  """
  card, path = registry.get(config.model.name), config.init.get("model")
  if not path or card.sizes is None:
    return config
  state = readers.read(existing_file(path, "--config.init.model", "pass a file of weights"))
  try:
    sizes = card.sizes(_shapes(state))
  except _NO_MODEL:
    return config  # what is missing is told when the weights are merged
  now = settings.flat(config.to_dict())
  told = {
      key: x for key, x in sizes.items()
      if x is not None and key not in given and not _are_own_heads(key, now, sizes)
  }
  changed = settings.with_changes(config, told, path)
  bounds.check(changed, path)
  return changed


def _are_own_heads(key, now, sizes):
  """Whether a setting is the heads of a tower that already has the width of the file's."""
  tower, _, name = key.rpartition(".")
  width = f"{tower}.width"
  return name == "heads" and width in sizes and now.get(width) == sizes[width]


def _not_one(path, state, found, faults):
  if found:
    fits = " and ".join(model.system.name for model in found)
    return f"{path} fits {fits}: say which it is, for example system={found[0].system.name!r}"
  if faults:
    closest = min(faults, key=lambda name: len(str(faults[name])))
    return f"{path} fits no system as it is; as {closest}: {faults[closest]}"
  some = ", ".join(sorted(state)[:3])
  return (
      f"{path} has the names of no system that is known ({', '.join(registry.names())}), among "
      f"them {some}: pass system= to see what one of them lacks"
  )


def _may_be(card, state):
  """Whether a system reads all names of a state dict and can tell its sizes."""
  if card.sizes is None or convert.unknown(state, card.names, card.ignore):
    return False
  try:
    card.sizes(_shapes(state))
  except _NO_MODEL:
    return False
  return True


def _shapes(state):
  return {name: value.shape for name, value in state.items()}


def _load_as(card, state, path, dataset, changes):
  if card.sizes is None or card.config is None:
    raise UserError(
        f"{path}: {card.name} does not tell a model's sizes from its weights, pass the folder of a "
        "run"
    )
  try:
    sizes = card.sizes(_shapes(state))
  except _NO_MODEL as error:
    raise UserError(f"{path} holds no weights of {card.name} ({error} is not there)") from error
  unknown = [key for key, value in sizes.items() if value is None and key not in changes]
  if unknown:
    raise UserError(
        f"{path} does not tell {' and '.join(unknown)}: pass "
        f"config={{{', '.join(f'{key!r}: ...' for key in unknown)}}}"
    )
  sizes = {key: value for key, value in sizes.items() if value is not None}
  published = settings.with_changes(_published(card, dataset), sizes, path)
  config = settings.with_changes(published, changes, "config")
  return fit(card, config, state, path)


def _published(card, dataset):
  if dataset:
    return card.config(dataset)
  try:
    return card.config(_PUBLISHED)
  except UserError:
    return card.config(None)


def fit(card, config, state, path, inputs=None):
  """The model of a state dict under a configuration; nothing is allocated before all fits.

  Args:
    card: `systems.base.System`.
    config: ml_collections.ConfigDict.
    state: {released name: numpy array}.
    path: of the file, for messages.
    inputs: `protocols.Inputs`, where the weights do not tell them.

  Returns:
    `trained.Trained` without a record.

  Raises:
    UserError: settings that cannot work, or that these weights do not fit.
  """
  bounds.check(config, path)
  checks.check(config)
  shapes = _shapes(state)
  _check_sizes(card, config, shapes, path)
  try:
    inputs = checks.TASKS[card.task].inputs_of(config, card, shapes) or inputs
    bounds.check_inputs(inputs, path)
    target = target_of(card, config, inputs)
  except _NO_MODEL as error:
    raise UserError(f"{path}: its settings give no model of {card.name} ({error})") from error
  try:
    variables = convert.merge(target, state, card.names or trained.OWN_NAMES, card.ignore)
  except UserError as error:
    raise UserError(f"{path}: {error}") from error
  return trained.Trained(card, config, variables, {}, inputs, path)


def _check_sizes(card, config, shapes, path):
  """Raises UserError where the weights are of other sizes than a configuration says."""
  told = settings.flat(config.to_dict())
  try:
    sizes = card.sizes(shapes) if card.sizes else {}
  except _NO_MODEL:
    return  # what is missing is told when the weights are merged
  for key, value in sizes.items():
    # Heads are not in a file, a switch may be set and without use, and 0 leaves it to the data.
    if type(value) is int and not key.endswith(".heads") and told.get(key) not in (None, 0, value):
      raise UserError(f"{path} holds a model of {key}={value}, and not of {shown(told[key])}")


def target_of(card, config, inputs):
  """The shapes of a model's variables: nested dict of jax.ShapeDtypeStruct."""
  model = card.build(ml_collections.ConfigDict(config.model), inputs)
  fresh = functools.partial(checks.TASKS[card.task].init_of, card, model, inputs)
  return jax.eval_shape(fresh, jax.random.key(0))
