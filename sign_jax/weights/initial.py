"""Weights from files in place of fresh ones, where a system's training begins."""

import functools

from sign_jax.errors import UserError
from sign_jax.weights import convert, readers
from sign_jax.weights.tables import clip, i3d, upret

CLASSIFIERS = ("file", "fresh")


def load(variables, init, system):
  """Puts the weights of the file that a configuration names into fresh variables.

  Args:
    variables: {"params": ...} of arrays.
    init: the section `init`: paths `clip` and `model`, at most one of them not "".
    system: "cico" or "upret".

  Returns:
    `variables`, with numpy arrays in place of all that came from the file.

  Raises:
    UserError: both files are named, or one cannot be read or does not fit.
  """
  if init.clip and init.model:
    raise UserError(
      "init.clip and init.model are both set, and the weights of a whole model leave nothing to "
      "CLIP: pass only one of them"
    )
  if init.clip:
    return from_clip(variables, init.clip)
  return from_model(variables, init.model, system) if init.model else variables


def from_clip(variables, path):
  """CLIP's weights in both towers; what CLIP does not have (`clip.FRESH`) stays as it is."""
  state = readers.read(path)
  if clip.is_hugging_face(state):
    state = clip.fuse_attention(state)
    return _merge(path, variables, state, clip.HUGGING_FACE, clip.HUGGING_FACE_IGNORE, clip.FRESH)
  return _merge(path, variables, state, clip.OPENAI, clip.OPENAI_IGNORE, clip.FRESH)


def from_model(variables, path, system):
  """The weights of a released CiCo or UPRet checkpoint, which must hold all of the model."""
  return _merge(path, variables, readers.read(path), upret.SYSTEMS[system], upret.IGNORE)


class I3DFile:
  """The sign encoder's weights that a configuration names; read once, and not before."""

  def __init__(self, path, classifier):
    """Checks the settings.

    Args:
      path: file of I3D weights; "" keeps all variables fresh.
      classifier: "file" takes the file's classifier too, "fresh" leaves it as it is.

    Raises:
      UserError: another `classifier`.
    """
    if classifier not in CLASSIFIERS:
      raise UserError(f"init.classifier={classifier!r} is not one of {', '.join(CLASSIFIERS)}")
    self._path, self._is_fresh = path, classifier == "fresh"

  @functools.cached_property
  def _state(self):
    return readers.read(self._path)

  @property
  def num_classes(self):
    """Classes of the classifier that is taken from the file, 0 where none is.

    Raises:
      UserError: the file cannot be read, or is none of an I3D.
    """
    return i3d.num_classes(self._state, self._path) if self._path and not self._is_fresh else 0

  def load(self, variables):
    """`variables`, with numpy arrays in place of all that comes from the file.

    Raises:
      UserError: names the missing, unexpected and mis-shaped entries.
    """
    if not self._path:
      return variables
    ignore, keep = i3d.IGNORE, ()
    if self._is_fresh:
      ignore, keep = (*ignore, i3d.CLASSIFIER), (i3d.CLASSIFIER_PATHS,)
    return _merge(self._path, variables, self._state, i3d.TABLE, ignore, keep)


def _merge(path, *args):
  try:
    return convert.merge(*args)
  except UserError as error:
    raise UserError(f"{path}: {error}") from error
