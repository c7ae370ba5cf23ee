"""I3D: names of the PyTorch port -> names of `sign_jax.modules.i3d`."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sign_jax.errors import UserError
from sign_jax.modules import i3d
from sign_jax.weights import convert, readers
from sign_jax.weights.convert import Rule

NAMES = (
  Rule("logits.conv3d.weight", "params/logits/conv3d/kernel", convert.POINTWISE_3D),
  Rule("logits.conv3d.bias", "params/logits/conv3d/bias"),
  Rule("{path}.conv3d.weight", "params/{path}/conv3d/kernel", convert.CONV),
  Rule("{path}.bn.weight", "params/{path}/bn/scale"),
  Rule("{path}.bn.bias", "params/{path}/bn/bias"),
  Rule("{path}.bn.running_mean", "batch_stats/{path}/bn/mean"),
  Rule("{path}.bn.running_var", "batch_stats/{path}/bn/var"),
)

# Counters of PyTorch's BatchNorm, which a fixed momentum does not use.
IGNORE = (r".+\.num_batches_tracked",)

# The classifier's names on both sides, where training on other classes begins with a fresh one.
CLASSIFIER, CLASSIFIER_PATHS = r"logits\.conv3d\..+", r"params/logits/.+"

_FIRST, _CLASSIFIER_KERNEL = "Conv3d_1a_7x7.conv3d.weight", "logits.conv3d.weight"
_FIRST_CHANNELS = 64  # of an I3D of width 1


def load(path: str | pathlib.Path) -> tuple[i3d.I3D, dict[str, Any]]:
  """Reads a file of PyTorch I3D weights, with as many classes and channels as it has.

  Args:
    path: a file that `readers.read` can read.

  Returns:
    (`i3d.I3D`, its variables {"params": ..., "batch_stats": ...} as numpy arrays).

  Raises:
    UserError: the file cannot be read, or holds the weights of something else.
  """
  return from_state(readers.read(path), path)


def from_state(
    state: Mapping[str, np.ndarray], path: str | pathlib.Path
) -> tuple[i3d.I3D, dict[str, Any]]:
  """The same from a state dict; `path` is where it comes from, for errors."""
  model = i3d.I3D(num_classes=num_classes(state, path), width=_width(state))
  return model, convert.merge(i3d.init_shapes(model), state, NAMES, IGNORE)


def num_classes(state: Mapping[str, np.ndarray], path: str | pathlib.Path) -> int:
  """Classes of an I3D's state dict.

  Raises:
    UserError: it is of something else.
  """
  kernel = state.get(_CLASSIFIER_KERNEL)
  if kernel is None or kernel.ndim != 5:
    raise UserError(
      f"{path} holds no I3D weights (no {_CLASSIFIER_KERNEL} with 5 axes among its {len(state)} "
      "entries), pass the file of an I3D sign encoder"
    )
  return kernel.shape[0]


def _width(state):
  kernel = state.get(_FIRST)  # where it is missing, merging says so
  return 1.0 if kernel is None or not kernel.ndim else kernel.shape[0] / _FIRST_CHANNELS


def sizes(shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
  """The settings that give a model of the sizes of a file.

  Args:
    shapes: {released name: shape}.

  Returns:
    {dotted name: value}.

  Raises:
    KeyError: a name that every file has is missing.
  """
  return {
    "model.num_classes": shapes[_CLASSIFIER_KERNEL][0],
    "model.width": shapes[_FIRST][0] / _FIRST_CHANNELS,
  }
