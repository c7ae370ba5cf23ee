"""Weights from files in place of fresh ones, where a system's training begins."""

import functools
import pathlib

from sign_jax.errors import UserError
from sign_jax.files import existing_file
from sign_jax.weights import clip, convert, readers

CLASSIFIERS = ("file", "fresh")
_PARTS = {"clip": "CLIP", "signbert": "SignBERT"}  # what people call the keys of `init`


def load(variables, init, system, classes=None):
  """Puts the weights of the files that a configuration names into fresh variables.

  Args:
    variables: {"params": ...} of arrays, with "batch_stats" where the system has any.
    init: the section `init`: the path `model` and those of the system's `init_files`, each perhaps
      "". `model` leaves nothing to the others.
    system: `protocols.System`.
    classes: names of the model's classes, of a system whose `init_files` ask for them.

  Returns:
    `variables`, with numpy arrays in place of all that came from the files.

  Raises:
    UserError: a file beside `model` is named, or one cannot be read or does not fit.
  """
  given = [name for name in system.init_files if init.get(name)]
  if init.model and given:
    raise UserError(
      f"init.{given[0]} and init.model are both set, and the weights of a whole model leave "
      f"nothing to {_PARTS.get(given[0], given[0])}: pass only one of them"
    )
  for name in given or ["model"] * bool(init.model):
    if name != "model" and pathlib.Path(init[name]).is_dir():
      continue  # a run's, which some systems begin with
    existing_file(init[name], f"--config.init.{name}", "pass a file of weights")
  if init.model:
    return from_model(variables, init.model, system)
  more = () if classes is None else (classes,)
  for name in given:
    variables = system.init_files[name](variables, init[name], *more)
  return variables


def from_clip(variables, path, fresh, towers=("visual",)):
  """CLIP's weights in all towers.

  Args:
    variables: {"params": ...} with the towers of CLIP.
    path: a file of CLIP's, of OpenAI or Hugging Face.
    fresh: regular expressions of the paths that CLIP has no weights for; these stay as they are.
    towers: the video towers by their names in `variables`; those that are not there do not count.

  Raises:
    UserError: the file cannot be read or does not fit.
  """
  state = readers.read(path)
  table, ignore = clip.OPENAI, clip.OPENAI_IGNORE
  if clip.is_hugging_face(state):
    state = clip.fuse_attention(state)
    table, ignore = clip.HUGGING_FACE, clip.HUGGING_FACE_IGNORE
  params = dict(variables["params"])
  found = {name: params.pop(name) for name in towers if name in params}
  for name, tower in found.items():
    # The tables know one video tower.
    target = {**variables, "params": {**params, "visual": tower}}
    merged = _merge(path, target, state, table, ignore, fresh)["params"]
    found[name] = merged.pop("visual")
  return {**variables, "params": {**merged, **found}}


def from_model(variables, path, system):
  """The weights of a released checkpoint of a system, which must hold all of the model."""
  return _merge(path, variables, readers.read(path), system.names, system.ignore)


def of_recognizer(init, system):
  """The weights that a system which recognises begins with; has `load` and `num_classes`.

  Args:
    init: the section `init`: a path under the system's own name and `classifier`, see
      `ClassifierFile`, or what `load` reads.
    system: `protocols.System`.
  """
  if system.name not in init:
    return _Files(init, system)
  return ClassifierFile(init[system.name], f"--config.init.{system.name}", init.classifier, system)


class _Files:
  """The weights of `load`."""

  num_classes = 0  # the configuration's number counts

  def __init__(self, init, system):
    self._init, self._system = init, system

  def load(self, variables, classes=None):
    return load(variables, self._init, self._system, classes)


class ClassifierFile:
  """The weights of a system that recognises, as a configuration names them; read at most once."""

  def __init__(self, path, option, classifier, system):
    """Reads nothing yet.

    Args:
      path: file of weights; "" keeps all variables fresh.
      option: the flag that names the file, for messages.
      classifier: one of CLASSIFIERS: "file" takes the file's classifier too, "fresh" leaves it as
        it is.
      system: `protocols.System` with a `classifier`.
    """
    self._path, self._option, self._is_fresh = path, option, classifier == "fresh"
    self._system = system

  @functools.cached_property
  def _state(self):
    return readers.read(existing_file(self._path, self._option, "pass a file of weights"))

  @property
  def num_classes(self):
    """Classes of the classifier that is taken from the file, 0 where none is.

    Raises:
      UserError: the file cannot be read, or is of something else.
    """
    if not self._path or self._is_fresh:
      return 0
    return self._system.classifier.classes(self._state, self._path)

  def load(self, variables, classes=None):
    """`variables`, with numpy arrays in place of all that comes from the file.

    Raises:
      UserError: names the missing, unexpected and mis-shaped entries.
    """
    del classes  # the configuration says whether they are the file's
    if not self._path:
      return variables
    system, keep = self._system, ()
    ignore = system.ignore
    if self._is_fresh:
      ignore, keep = (*ignore, system.classifier.names), (system.classifier.paths,)
    return _merge(self._path, variables, self._state, system.names, ignore, keep)


def _merge(path, *args):
  try:
    return convert.merge(*args)
  except UserError as error:
    raise UserError(f"{path}: {error}") from error
