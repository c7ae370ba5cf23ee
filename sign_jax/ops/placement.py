"""Hints to the partitioner, and work divided by rows; without a mesh all are no-ops."""

import jax
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P


def replicate(x):
  """Asks for a copy of `x` on every device of the mesh in use (an all-gather where sharded)."""
  if jax.sharding.get_abstract_mesh().empty:
    return x
  return jax.lax.with_sharding_constraint(x, P())


def dividing_axes(*sizes):
  """The first axes of the mesh in use that together divide all `sizes`, and their devices.

  Axes of one device, and those of a surrounding `shard_map`, are left out.
  """
  mesh = jax.sharding.get_abstract_mesh()
  axes, devices = (), 1
  for name, size, kind in zip(mesh.axis_names, mesh.axis_sizes, mesh.axis_types, strict=True):
    if size == 1 or kind == AxisType.Manual:
      continue
    if any(n % (devices * size) for n in sizes):
      break
    axes, devices = (*axes, name), devices * size
  return axes, devices


def by_rows(function, axes):
  """`function` of trees, called by each device with its rows; inside, `axes` have names."""
  if not axes:
    return function
  return jax.shard_map(function, in_specs=P(axes), out_specs=P(axes), check_vma=False)


def gather(x, axes, axis=0):
  """Inside `by_rows`: the rows, along `axis`, of all devices, one device after the other."""
  return jax.lax.all_gather(x, axes, axis=axis, tiled=True) if axes else x


def scatter(x, axes, axis=0):
  """Inside `by_rows`: of the devices' sum this device's rows; the transpose of `gather`."""
  return jax.lax.psum_scatter(x, axes, scatter_dimension=axis, tiled=True) if axes else x
