"""Digests of trees of arrays, computed where the arrays lie.

A state of a pod lies on many devices, no process can see it all; so every array is summed up on
the devices, in integers, whose sum is the same however an array is cut. On CPUs NumPy adds up the
small ones: XLA would compile a program for each of their shapes, of which a network has many.
"""

import hashlib
from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, PyTree, Shaped, UInt32

_WORDS = {1: np.uint8, 2: np.uint16, 4: np.uint32}  # by bytes of an element
_SMALL = 2**16  # elements of an array that takes NumPy less time than XLA takes to compile


@jax.jit
def _checksum(x: Shaped[ArrayLike, "..."]) -> UInt32[Array, ""]:
  """() uint32: the sum over all elements of their bits, scrambled by their place.

  The scrambling maps the bits of an element one to one, so that one changed element always changes
  the sum.
  """
  if x.dtype == jnp.bool_:
    x = x.astype(jnp.uint8)
  bits = jax.lax.bitcast_convert_type(x, _WORDS[x.dtype.itemsize]).astype(jnp.uint32)
  place = jnp.zeros(x.shape, jnp.uint32)
  for axis, size in enumerate(x.shape):
    place = place * jnp.uint32(size) + jax.lax.broadcasted_iota(jnp.uint32, x.shape, axis)
  return jnp.sum(_scrambled(bits, place), dtype=jnp.uint32)


def _checksum_by_numpy(x: Shaped[np.ndarray, "..."]) -> np.uint32:
  """The same."""
  bits = np.ascontiguousarray(x).reshape(-1).view(_WORDS[x.dtype.itemsize]).astype(np.uint32)
  return np.sum(_scrambled(bits, np.arange(x.size, dtype=np.uint32)), dtype=np.uint32)


def _scrambled(
    bits: UInt32[ArrayLike, "*shape"], place: UInt32[ArrayLike, "*shape"]
) -> UInt32[ArrayLike, "*shape"]:
  """What an element adds to the sum; of NumPy's arrays or of JAX's, as those of the arguments."""
  return _scramble(bits ^ _scramble(place + np.uint32(1)))


def _scramble(x: UInt32[ArrayLike, "*shape"]) -> UInt32[ArrayLike, "*shape"]:
  """A one-to-one map of uint32 in which every bit depends on every other (MurmurHash3)."""
  x = (x ^ (x >> 16)) * np.uint32(0x85EBCA6B)
  x = (x ^ (x >> 13)) * np.uint32(0xC2B2AE35)
  return x ^ (x >> 16)


def of_arrays(tree: PyTree[ArrayLike]) -> str:
  """Hex digest of all leaves of a tree, in order, with shapes and dtypes.

  Args:
    tree: arrays of at most 32 bits an element, sharded in any way.
  """
  return of_leaves(leaves(tree))


def leaves(tree: PyTree[ArrayLike]) -> PyTree[str]:
  """The tree with a text in place of each array: its dtype, its shape and its checksum.

  All sums are under way before the first of them is waited for.

  Args:
    tree: as for `of_arrays`.
  """
  arrays = jax.tree.map(jnp.asarray, tree)
  sums = jax.device_get(jax.tree.map(_begin_checksum, arrays))
  return jax.tree.map(lambda x, found: f"{x.dtype}{x.shape}{int(found)}", arrays, sums)


def of_leaves(tree: PyTree[str]) -> str:
  """`of_arrays`, from what `leaves` has made of the tree, or of a larger one that holds it."""
  return _hash(jax.tree.leaves(tree))


def _begin_checksum(x: Array) -> UInt32[Array, ""] | np.uint32:
  on_cpu = all(device.platform == "cpu" for device in x.devices())
  if on_cpu and x.is_fully_addressable and x.size <= _SMALL:
    return _checksum_by_numpy(np.asarray(x))
  found = _checksum(x)
  if len(x.devices()) > 1 and on_cpu:
    # Simulated devices that add up several things at a time wait for threads that wait for each
    # other.
    found.block_until_ready()
  return found


def of_structure(tree: PyTree) -> str:
  """Hex digest of the names, shapes and dtypes of a tree's leaves (arrays or ShapeDtypeStructs)."""
  leaves = jax.tree_util.tree_leaves_with_path(tree)
  return _hash(f"{jax.tree_util.keystr(path)} {x.shape} {x.dtype}" for path, x in leaves)


def _hash(facts: Iterable[str]) -> str:
  return hashlib.blake2b("\n".join(facts).encode(), digest_size=16).hexdigest()
