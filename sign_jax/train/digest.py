"""Digests of trees of arrays, computed where the arrays lie.

A state of a pod lies on many devices, no process can see it all; so every array is summed up on
the devices, in integers, whose sum is the same however an array is cut.
"""

import hashlib
from collections.abc import Iterable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, PyTree, Shaped, UInt32

_WORDS = {1: jnp.uint8, 2: jnp.uint16, 4: jnp.uint32}  # by bytes of an element


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
  return jnp.sum(_scramble(bits ^ _scramble(place + jnp.uint32(1))), dtype=jnp.uint32)


def _scramble(x: UInt32[Array, "*shape"]) -> UInt32[Array, "*shape"]:
  """A one-to-one map of uint32 in which every bit depends on every other (MurmurHash3)."""
  x = (x ^ (x >> 16)) * jnp.uint32(0x85EBCA6B)
  x = (x ^ (x >> 13)) * jnp.uint32(0xC2B2AE35)
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


def _begin_checksum(x: Array) -> UInt32[Array, ""]:
  found = _checksum(x)
  if len(x.devices()) > 1 and jax.default_backend() == "cpu":
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
