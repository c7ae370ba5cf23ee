"""Hints to the partitioner that are no-ops without a mesh."""

import jax
from jax.sharding import PartitionSpec as P


def replicate(x):
  """Asks for a copy of `x` on every device of the mesh in use (an all-gather where sharded)."""
  if jax.sharding.get_abstract_mesh().empty:
    return x
  return jax.lax.with_sharding_constraint(x, P())
