"""Hints to the partitioner, and work divided by rows; without a mesh all are no-ops."""

from collections.abc import Callable

import jax
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P
from jax.typing import ArrayLike
from jaxtyping import Shaped


def replicate(x: Shaped[ArrayLike, "*shape"]) -> Shaped[ArrayLike, "*shape"]:
  """Asks for a copy of `x` on every device of the mesh in use (an all-gather where sharded)."""
  if jax.sharding.get_abstract_mesh().empty:
    return x
  return jax.lax.with_sharding_constraint(x, P())


def dividing_axes(*sizes: int) -> tuple[tuple[str, ...], int]:
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


def by_rows(function: Callable, axes: tuple[str, ...]) -> Callable:
  """`function` of trees, called by each device with its rows; inside, `axes` have names."""
  if not axes:
    return function
  return jax.shard_map(function, in_specs=P(axes), out_specs=P(axes), check_vma=False)


def gather(
  x: Shaped[ArrayLike, "..."], axes: tuple[str, ...], axis: int = 0
) -> Shaped[ArrayLike, "..."]:
  """Inside `by_rows`: the rows, along `axis`, of all devices, one device after the other."""
  return jax.lax.all_gather(x, axes, axis=axis, tiled=True) if axes else x


def scatter(
  x: Shaped[ArrayLike, "..."], axes: tuple[str, ...], axis: int = 0
) -> Shaped[ArrayLike, "..."]:
  """Inside `by_rows`: of the devices' sum this device's rows; the transpose of `gather`."""
  return jax.lax.psum_scatter(x, axes, scatter_dimension=axis, tiled=True) if axes else x
