"""Weights from files in place of fresh ones, where a retrieval system's training begins."""

from sign_jax.errors import UserError
from sign_jax.weights import convert, readers
from sign_jax.weights.tables import clip, upret


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


def _merge(path, *args):
  try:
    return convert.merge(*args)
  except UserError as error:
    raise UserError(f"{path}: {error}") from error
