"""Fresh variables of networks of many convolutions, in one draw.

`Module.init` draws every kernel by itself, which compiles for most of a minute where there are a
hundred of them.
"""

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray, PyTree


def shapes(model: nn.Module, inputs: PyTree[tuple]) -> dict[str, PyTree[jax.ShapeDtypeStruct]]:
  """Shapes and dtypes of a module's variables, computed without running it.

  Args:
    model: traced once for all equal ones, which takes a second where layers are many.
    inputs: the shape of each of its float32 inputs, a tree; tuples are its leaves.
  """
  leaves, tree = jax.tree.flatten(inputs, is_leaf=lambda x: isinstance(x, tuple))
  return jax.tree.map(lambda x: x, _shapes(model, tuple(leaves), tree))  # a dict of the caller's


@functools.lru_cache(maxsize=16)
def _shapes(model: nn.Module, leaves: tuple, tree: Any):
  inputs = tree.unflatten([jax.ShapeDtypeStruct(shape, "float32") for shape in leaves])
  return jax.eval_shape(model.init, jax.random.key(0), inputs)


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
