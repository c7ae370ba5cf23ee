"""How large a model may be that somebody else's files describe.

Such files are checked before anything of the sizes that they claim is allocated.
"""

import math

from sign_jax.errors import UserError, shown
from sign_jax.run import settings

_LARGEST = 2**16  # of a number in the sections below; the largest published width is 1024
_LONGEST = 64  # of a list in them
_CLASSES = 2**20
_ELEMENTS = 2**31  # of one field of one example: 400 frames of 79 heatmaps have 1.6e9
_SECTIONS = ("model.", "data.")
# Bounds on memory and time, which only say how work is cut into pieces.
_NOT_SIZES = ("max_elements", "max_windows", "reader_timeout", "cache_gib", "image_size")
_DTYPES = ("float32", "float16", "bool", "int32", "uint8")


def check(config, where):
  """Checks the numbers of a configuration.

  Args:
    config: ml_collections.ConfigDict.
    where: the file that it comes from, for messages.

  Raises:
    UserError: on the first that no model has.
  """
  for key, value in settings.flat(config.to_dict()).items():
    if not key.startswith(_SECTIONS) or key.endswith(_NOT_SIZES):
      continue
    values = value if isinstance(value, tuple | list) else (value,)
    most = _CLASSES if key == "model.num_classes" else _LARGEST
    numbers = [x for x in values if isinstance(x, int | float)]
    if len(values) > _LONGEST or not all(abs(x) <= most for x in numbers):
      raise UserError(f"{where}: no model has {key}={shown(value)}, get the file anew")


def check_inputs(inputs, where):
  """The same for a `protocols.Inputs`."""
  if isinstance(inputs, dict) and all(isinstance(name, str) for name in inputs):
    for value in inputs.values():
      check_inputs(value, where)
  elif not (_is_count(inputs, _CLASSES) or _is_field(inputs)):
    raise UserError(
        f"{where}: no model reads inputs of the form {shown(inputs)}, get the file anew"
    )


def _is_count(value, most):
  return type(value) is int and 0 <= value <= most


def _is_field(value):
  if not isinstance(value, list | tuple) or len(value) != 2 or value[1] not in _DTYPES:
    return False
  shape = value[0]
  sized = isinstance(shape, list | tuple) and len(shape) <= 8
  return sized and all(_is_count(x, _ELEMENTS) for x in shape) and math.prod(shape) <= _ELEMENTS
