"""Gradient caching: batches whose activations do not fit (Gao et al., RepL4NLP 2021).

A contrastive loss needs the representations of the whole batch, but not the activations that led
to them. So the towers run over chunks of the batch twice: first without gradients, for the
representations; then, with the loss's gradients with respect to these as cotangents, once more for
the gradients of the parameters. Same numbers as in one piece, activations of one chunk.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P
from jax.typing import ArrayLike
from jaxtyping import Array, PRNGKeyArray, PyTree, Shaped
from ml_collections import ConfigDict

from sign_jax.errors import UserError
from sign_jax.protocols import Batch, Outcome, Task
from sign_jax.train import sharding
from sign_jax.train.state import TrainState


def check(task: Task, config: ConfigDict, mesh: Mesh) -> int:
  """The number of chunks that a configuration asks for; 0: no caching.

  Raises:
    UserError: when the task or the batch cannot be cut so.
  """
  chunks = config.get("gradient_cache", {}).get("chunks", 0)
  if not chunks:
    return 0
  if chunks < 0:
    raise UserError(f"gradient_cache.chunks={chunks} must not be negative")
  if not getattr(task, "can_cache_gradients", False):
    raise UserError(
        f"gradient_cache.chunks={chunks} does not work with {config.model.name}: its towers use "
        "statistics of the whole batch, or nothing compares its examples; set it to 0"
    )
  parts = chunks * mesh.shape["data"] * mesh.shape["fsdp"]
  if task.batch_size % parts:
    raise UserError(
        f"batch_size {task.batch_size} is not divisible by gradient_cache.chunks={chunks} x "
        f"{parts // chunks} devices that share a chunk: choose other numbers"
    )
  return chunks


def split(
    batch: PyTree[Shaped[ArrayLike, "B ..."]], chunks: int
) -> PyTree[Shaped[Array, "{chunks} _ ..."]]:
  """(B, ...) -> (chunks, B / chunks, ...): chunk c has the rows c, c + chunks, c + 2 chunks, ...

  Every device's rows so spread over all chunks and stay where they are.
  """
  cut = lambda x: jnp.moveaxis(x.reshape(-1, chunks, *x.shape[1:]), 1, 0)
  return _spread(jax.tree.map(cut, batch), P(None, *sharding.BATCH))


def join(parts: PyTree[Shaped[ArrayLike, "chunks _ ..."]]) -> PyTree[Shaped[Array, "B ..."]]:
  """The inverse of `split`."""
  merge = lambda x: jnp.moveaxis(x, 0, 1).reshape(-1, *x.shape[2:])
  return _spread(jax.tree.map(merge, parts), sharding.BATCH)


def _spread(tree: PyTree, spec: P) -> PyTree:
  """Asks for rows over the devices of the mesh in use; without one, nothing."""
  if jax.sharding.get_abstract_mesh().empty:
    return tree
  return jax.lax.with_sharding_constraint(tree, spec)


def _partition(tree: PyTree) -> tuple[list[Array], Callable[[list[Array]], PyTree]]:
  """(float leaves, function that puts such leaves back among the others)."""
  leaves, structure = jax.tree.flatten(tree)
  is_float = [jnp.issubdtype(x.dtype, jnp.inexact) for x in leaves]
  floats = [x for x, yes in zip(leaves, is_float, strict=True) if yes]

  def put_back(values):
    values = iter(values)
    merged = [next(values) if yes else x for x, yes in zip(leaves, is_float, strict=True)]
    return jax.tree.unflatten(structure, merged)

  return floats, put_back


def gradients(
    task: Task, state: TrainState, batch: Batch, resident: Batch, key: PRNGKeyArray, chunks: int
) -> tuple[Outcome, PyTree]:
  """As `step.train_step` takes them from the whole batch in one piece.

  Args:
    task: `protocols.Task` with `encode` and `compare`.
    state: `TrainState`.
    batch: arrays (B, ...).
    resident: arrays that belong to no example.
    key: of the step; encoding draws nothing.
    chunks: divides B.

  Returns:
    ((loss, (metrics, new model_state)), gradients as `state.params`).
  """
  with_params = lambda params: {"params": params, **state.model_state}
  encode = lambda params, part: task.encode(with_params(params), {**resident, **part})
  parts = split(batch, chunks)
  encoded = join(jax.lax.map(lambda part: encode(state.params, part), parts))
  floats, put_back = _partition(encoded)

  def compare(params, floats):
    return task.compare(with_params(params), put_back(floats), key, state.step)

  result, (direct, cotangents) = jax.value_and_grad(compare, (0, 1), has_aux=True)(
      state.params, floats
  )

  def accumulate(total, chunk):
    part, cotangent = chunk
    _, pull_back = jax.vjp(lambda params: _partition(encode(params, part))[0], state.params)
    return jax.tree.map(jnp.add, total, pull_back(cotangent)[0]), None

  total, _ = jax.lax.scan(accumulate, direct, (parts, split(cotangents, chunks)))
  return result, total
