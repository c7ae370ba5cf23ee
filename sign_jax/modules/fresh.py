"""Fresh variables of networks of many convolutions, in one draw.

`Module.init` draws every kernel by itself, which compiles for most of a minute where there are a
hundred of them.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray, PyTree


def he(path: str) -> float:
  """The gain of He's initialisation, for layers with a ReLU behind."""
  del path
  return 2.0


def draw(
    shapes: PyTree[jax.ShapeDtypeStruct], key: PRNGKeyArray, gain: Callable[[str], float] = he
) -> PyTree[Array]:
  """Normal kernels of variance gain / inputs of one output; scales and variances 1, the rest 0.

  Args:
    shapes: the variables of a Flax module.
    key: PRNG key.
    gain: function of a kernel's path ("params/head_fuse/fc1/kernel").
  """
  leaves = jax.tree_util.tree_leaves_with_path(shapes)
  sizes = [leaf.size for path, leaf in leaves if path[-1].key == "kernel"]
  normal = iter(jnp.split(jax.random.normal(key, (sum(sizes),)), np.cumsum(sizes)[:-1]))

  def fill(path, leaf):
    if path[-1].key != "kernel":
      return jnp.full(leaf.shape, path[-1].key in ("scale", "var"), leaf.dtype)
    name = jax.tree_util.keystr(path, simple=True, separator="/")
    deviation = np.sqrt(gain(name) / np.prod(leaf.shape[:-1]))
    return next(normal).reshape(leaf.shape) * deviation

  return jax.tree_util.tree_map_with_path(fill, shapes)
