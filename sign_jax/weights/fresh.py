"""Initial values as the released code draws them, of what begins with no file of weights.

PyTorch draws the weights and the biases of its linear layers and convolutions uniformly between
-1 / sqrt(n) and 1 / sqrt(n), where n is the number of inputs of one output (`fan_in`). In SEDS the
linear layers of the fusion are then drawn once more: normal weights of standard deviation 0.02, and
biases of 0. UPRet's modules are made after this second drawing, and the rest are convolutions,
which it leaves out.
"""

import functools
import math
import re
import zlib

import jax
import jax.numpy as jnp
from flax import traverse_util

VALUES = ("lecun", "released")  # of the setting `init.fresh`; Flax's own are "lecun"
_STANDARD_DEVIATION = 0.02


def _uniform(key, shape, fan_in):
  bound = fan_in**-0.5
  return jax.random.uniform(key, shape, jnp.float32, -bound, bound)


def _normal(key, shape, fan_in):
  """A bias, which has one axis, is 0."""
  del fan_in
  return _STANDARD_DEVIATION * jax.random.normal(key, shape) * (len(shape) > 1)


DRAWS = {"uniform": _uniform, "normal": _normal}


def as_released(variables, kinds, key):
  """Draws linear layers and convolutions anew; pure, to be jitted.

  Args:
    variables: {"params": ...} of arrays.
    kinds: {regular expression of whole paths ("params/head/.+"): one of DRAWS}. The first that
      fits counts. Norms, embeddings and what none fits stay as they are.
    key: PRNG key. A value depends on it and on its path alone.

  Returns:
    `variables` with other kernels and biases, float32.
  """
  leaves = traverse_util.flatten_dict(variables, sep="/")
  drawn = {
    path: draw(jax.random.fold_in(key, zlib.crc32(path.encode())), leaves[path].shape)
    for path in leaves if (draw := _draw_of(path, leaves, kinds))
  }
  return traverse_util.unflatten_dict(leaves | drawn, sep="/")


def _draw_of(path, leaves, kinds):
  """The function (key, shape) -> values of a kernel or its bias; None for all else."""
  layer, _, name = path.rpartition("/")
  kernel = leaves.get(f"{layer}/kernel")
  kind = next((kind for pattern, kind in kinds.items() if re.fullmatch(pattern, path)), None)
  if kind is None or kernel is None or name not in ("kernel", "bias"):
    return None
  return functools.partial(DRAWS[kind], fan_in=math.prod(kernel.shape[:-1]))
