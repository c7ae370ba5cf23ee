"""Weights from files in place of fresh ones, where a system's training begins."""

import functools

from sign_jax.errors import UserError
from sign_jax.files import existing_file
from sign_jax.systems import tables as systems
from sign_jax.systems.i3d import released_names as i3d
from sign_jax.systems.seds import released_names as seds
from sign_jax.weights import clip, convert, readers

CLASSIFIERS = ("file", "fresh")


def load(variables, init, system):
  """Puts the weights of the files that a configuration names into fresh variables.

  Args:
    variables: {"params": ...} of arrays, with "batch_stats" where the system has any.
    init: the section `init`: paths `clip`, `model` and, for SEDS, `signbert`, each perhaps "".
      `model` leaves nothing to the others.
    system: "cico", "upret" or "seds".

  Returns:
    `variables`, with numpy arrays in place of all that came from the files.

  Raises:
    UserError: a file beside `model` is named, or one cannot be read or does not fit.
  """
  parts = {"clip": from_clip, "signbert": seds.load_pose_encoder}
  given = [name for name in parts if init.get(name)]
  if init.model and given:
    raise UserError(
      f"init.{given[0]} and init.model are both set, and the weights of a whole model leave "
      f"nothing to {'CLIP' if given[0] == 'clip' else 'SignBERT'}: pass only one of them"
    )
  for name in given or ["model"] * bool(init.model):
    existing_file(init[name], f"--config.init.{name}", "pass a file of weights")
  if init.model:
    return from_model(variables, init.model, system)
  if "signbert" in given and "pose_encoder" not in variables["params"]:
    raise UserError(
      "init.signbert fills the pose encoder, which model.streams=rgb does not have: leave it out"
    )
  for name in given:
    variables = parts[name](variables, init[name])
  return variables


def from_clip(variables, path):
  """CLIP's weights in all towers; what CLIP does not have (`clip.FRESH`) stays as it is."""
  state = readers.read(path)
  table, ignore = clip.OPENAI, clip.OPENAI_IGNORE
  if clip.is_hugging_face(state):
    state = clip.fuse_attention(state)
    table, ignore = clip.HUGGING_FACE, clip.HUGGING_FACE_IGNORE
  params = dict(variables["params"])
  towers = {name: params.pop(name) for name in clip.VIDEO_TOWERS if name in params}
  for name, tower in towers.items():
    target = {**variables, "params": {**params, "visual": tower}}
    merged = _merge(path, target, state, table, ignore, clip.FRESH)["params"]
    towers[name] = merged.pop("visual")
  return {**variables, "params": {**merged, **towers}}


def from_model(variables, path, system):
  """The weights of a released checkpoint of a system, which must hold all of the model."""
  table, ignore = systems.TABLES[system], systems.IGNORE[system]
  return _merge(path, variables, readers.read(path), table, ignore)


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
    return readers.read(existing_file(self._path, "--config.init.i3d", "pass a file of weights"))

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
