"""Gradients of a batch in parts, one after the other, for batches that do not fit into memory.

Where a loss is a mean over examples, the mean of the parts' gradients is that of the batch. A loss
that compares examples with each other sees those of a part alone. Where
a model has BatchNorm, every part has its own statistics, as on a device that sees no others; the
running ones are updated by each part in turn.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray, PyTree
from ml_collections import ConfigDict

from sign_jax.errors import UserError
from sign_jax.protocols import Batch, Outcome
from sign_jax.train import gradient_cache
from sign_jax.train.state import TrainState

Gradients = Callable[[TrainState, Batch, PRNGKeyArray], tuple[Outcome, PyTree]]


def parts_of(config: ConfigDict, batch_size: int, devices: int) -> int:
  """How many parts a configuration cuts a batch into; 1 where it does not say.

  Args:
    config: the whole configuration.
    batch_size: of the task.
    devices: that share the examples of a part.

  Raises:
    UserError: the batch does not divide so.
  """
  parts = config.get("accumulate", 1)
  if parts > 1 and batch_size % (parts * devices):
    raise UserError(
        f"batch_size={batch_size} is not divisible by accumulate={parts} x {devices} "
        "devices that share a part: choose other numbers"
    )
  return parts


def gradients(
    compute: Gradients, state: TrainState, batch: Batch, key: PRNGKeyArray, parts: int
) -> tuple[Outcome, PyTree]:
  """((loss, (metrics, new model_state)), gradients as `state.params`): means over the parts.

  Args:
    compute: the same of one part.
    state: before the update; parts see the running statistics of those before them.
    batch: arrays (B, ...).
    key: of the step; each part has one of its own.
    parts: divides B.
  """

  def add(carried, given):
    model_state, total = carried
    part, number = given
    own = jax.random.fold_in(key, number)
    (loss, (metrics, updated)), grads = compute(state.replace(model_state=model_state), part, own)
    return (updated, jax.tree.map(jnp.add, total, grads)), (loss, metrics)

  zeros = jax.tree.map(jnp.zeros_like, state.params)
  given = gradient_cache.split(batch, parts), jnp.arange(parts)
  (model_state, total), (loss, metrics) = jax.lax.scan(add, (state.model_state, zeros), given)
  mean = lambda tree: jax.tree.map(lambda x: jnp.mean(x, axis=0), tree)
  return (mean(loss), (mean(metrics), model_state)), jax.tree.map(lambda x: x / parts, total)
