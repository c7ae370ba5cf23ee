"""Where arrays live: the mesh, the batch over its data axes, parameters by rules on their paths."""

import re
from collections.abc import Sequence

import jax
import numpy as np
from jax.sharding import AbstractMesh, AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jax.typing import ArrayLike
from jaxtyping import Array, PyTree, Shaped

from sign_jax.errors import UserError

AXES = ("data", "fsdp", "tensor")
BATCH = P(("data", "fsdp"))

# (regular expression of a path, axis of each dimension)
Rules = tuple[tuple[str, tuple[str | None, ...]], ...]
# First match wins; an axis that does not divide its dimension is left out.
RULES = (
    (r"(in_proj|qkv|c_fc|fc1)/kernel$", ("fsdp", "tensor")),
    (r"(out_proj|c_proj|fc2)/kernel$", ("tensor", "fsdp")),
    (r"token_embedding/embedding$", ("tensor", "fsdp")),
    (r"(kernel|proj|text_projection)$", ("fsdp",)),
)


def make_mesh(fsdp: int = 1, tensor: int = 1, devices: Sequence[jax.Device] | None = None) -> Mesh:
  """A mesh ("data", "fsdp", "tensor") over all devices; "data" takes what the others leave.

  Raises:
    UserError: when fsdp x tensor does not divide the number of devices.
  """
  devices = jax.devices() if devices is None else devices
  if len(devices) % (fsdp * tensor):
    raise UserError(
        f"mesh.fsdp x mesh.tensor = {fsdp * tensor} does not divide the {len(devices)} devices: "
        "choose sizes that do"
    )
  # Auto axes: under Explicit ones embeddings and batch-splitting reshapes raise.
  shape, auto = (len(devices) // (fsdp * tensor), fsdp, tensor), (AxisType.Auto,) * 3
  if jax.process_count() == 1:
    return jax.make_mesh(shape, AXES, axis_types=auto, devices=devices)
  if len(jax.local_devices()) % tensor:
    raise UserError(
        f"mesh.tensor={tensor} does not divide the {len(jax.local_devices())} devices of each "
        "process: choose a size that does"
    )
  # Rows of a batch lie in the order of the processes, each of which reads its own shard of it.
  devices = sorted(devices, key=lambda d: (d.process_index, d.id))
  return Mesh(np.array(devices).reshape(shape), AXES, axis_types=auto)


def check_batch(batch_size: int, mesh: Mesh | AbstractMesh, key: str = "batch_size") -> None:
  """Raises UserError when a batch, of the size in `key`, cannot be split evenly over the mesh."""
  parts = mesh.shape["data"] * mesh.shape["fsdp"]
  if batch_size % parts:
    down, up = batch_size // parts * parts, -(-batch_size // parts) * parts
    raise UserError(
        f"{key} {batch_size} is not divisible by the {parts} devices that share it: "
        f"use --config.{key}={down or up}" + (f" or {up}" if down else "")
    )


def place_batch(
    mesh: Mesh, batch: PyTree[Shaped[ArrayLike, "B_local ..."]]
) -> PyTree[Shaped[Array, "B ..."]]:
  """Host arrays (B_local, ...) -> global arrays with their first axis over the data axes.

  Arrays that are on the devices already stay as they are.
  """
  sharding = NamedSharding(mesh, BATCH)

  def place(x):
    if isinstance(x, jax.Array):
      return x
    shape = (x.shape[0] * jax.process_count(), *x.shape[1:])
    return jax.make_array_from_process_local_data(sharding, x, shape)

  return jax.tree.map(place, batch)


def batch_shapes(mesh: Mesh, batch: PyTree) -> PyTree[jax.ShapeDtypeStruct]:
  """A global batch (B, ...) -> jax.ShapeDtypeStructs that say where `place_batch` puts it."""
  sharding = NamedSharding(mesh, BATCH)
  return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), batch)


def replicate(mesh: Mesh, tree: PyTree[ArrayLike]) -> PyTree[Array]:
  """Host arrays, the same in each process -> global arrays with a copy on every device."""
  sharding = NamedSharding(mesh, P())
  place = lambda x: jax.make_array_from_process_local_data(sharding, x, x.shape)
  return jax.tree.map(place, tree)


def _spec(path: tuple, shape: tuple[int, ...], mesh: Mesh | AbstractMesh, rules: Rules) -> P:
  name = jax.tree_util.keystr(path, simple=True, separator="/")
  axes = next((axes for pattern, axes in rules if re.search(pattern, name)), ())
  fits = lambda axis, size: axis if axis and size % mesh.shape[axis] == 0 else None
  return P(*(fits(axis, size) for axis, size in zip(axes, shape, strict=False)))


def tree_shardings(
    tree: PyTree, mesh: Mesh | AbstractMesh, rules: Rules = RULES
) -> PyTree[NamedSharding]:
  """A NamedSharding for every leaf (arrays or ShapeDtypeStructs) by the rules on its path.

  Optimiser moments end in the parameter's own path and so lie where it lies.
  """
  place = lambda path, x: NamedSharding(mesh, _spec(path, np.shape(x), mesh, rules))
  return jax.tree_util.tree_map_with_path(place, tree)
