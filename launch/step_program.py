"""The training step of a configuration as a program, without data, weights or accelerators."""

import math

import jax
from jax.extend import core
from jax.interpreters import partial_eval

from sign_jax.data import pipeline
from sign_jax.data.split_sizes import SplitSizes
from sign_jax.data.splits import SPLITS
from sign_jax.errors import UserError
from sign_jax.ops.late_interaction import tile_elements
from sign_jax.run import task as run_task
from sign_jax.systems import registry
from sign_jax.train.step import Trainer


def trace(config, devices, batch_size, dim=1024):
  """The step of a global batch on some of the devices, with an accelerator's tiles.

  Args:
    config: of a retrieval system that reads no poses.
    devices: list of jax devices.
    batch_size: B of the global batch.
    dim: channels of a sign feature.

  Returns:
    `jax.stages.Traced`.

  Raises:
    UserError: on another system, or sizes that do not fit the devices.
  """
  system = registry.get(config.model.name)
  if system.task != "retrieval" or system.reads_poses:
    raise UserError(f"{system.name} is no retrieval system without poses: use one that is")
  config = config.copy_and_resolve_references()
  config.update_from_flattened_dict({
      "batch_size": batch_size, "eval_batch_size": batch_size, "steps": 1000,
      "data.placement": "host",
  })
  config.model.max_elements = config.model.max_elements or tile_elements(
      batch_size**2 * _tokens_of_a_pair(config), len(devices), "gpu"
  )
  splits = dict.fromkeys(SPLITS, SplitSizes(batch_size, dim, config.data.combine))
  trainer = Trainer(run_task.make(config, splits), config, devices)
  data = config.data
  channels = pipeline.combined_dim(splits["train"], data.combine)
  small = pipeline.fake_batch(2, data.video_length, channels, data.text_length)
  whole = lambda x: jax.ShapeDtypeStruct((batch_size, *x.shape[1:]), x.dtype)
  return trainer.trace_step(jax.tree.map(whole, small))


def _tokens_of_a_pair(config):
  """Similarities between the tokens of one video, its class token among them, and one text."""
  return (1 + config.data.video_length) * config.data.text_length


def pair_flops(config, batch_size):
  """Operations of the late interaction's matrix products in a training step, over all devices.

  In each of its two directions there are four of all tokens: the similarities, once more on the
  way back, and the gradients of both sides. No token is taken for padding, whose products are left
  out.
  """
  pairs = batch_size**2 * _tokens_of_a_pair(config)
  return 2 * 4 * 2 * pairs * config.model.embed_dim


def step_flops(traced, config, batch_size):
  """Operations of all matrix products of what `trace` returns, over all devices."""
  # Beside the late interaction's only the released transport's loop ends where data decide; its
  # products are small.
  # Gradients of inputs that need none are in the jaxpr and in no program.
  jaxpr = traced.jaxpr.jaxpr
  used, _ = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))
  return matrix_flops(used, undecided=0) + pair_flops(config, batch_size)


def matrix_flops(jaxpr, undecided=1):
  """Floating-point operations of all matrix products of a jaxpr, over all devices.

  Args:
    jaxpr: a `jax.extend.core.Jaxpr`.
    undecided: how often a loop counts whose end is decided while it runs; others count as often as
      they run.
  """
  total = 0
  for equation in jaxpr.eqns:
    if equation.primitive.name == "dot_general":
      (contracted, _), _ = equation.params["dimension_numbers"]
      left = equation.invars[0].aval.shape
      inner = math.prod(left[axis] for axis in contracted)
      total += 2 * math.prod(equation.outvars[0].aval.shape) * inner
    inside = sum(matrix_flops(called, undecided) for called in _inside(equation))
    total += inside * (undecided if equation.primitive.name == "while" else _repeats(equation))
  return total


def _repeats(equation):
  if equation.primitive.name == "scan":
    return equation.params["length"]
  if equation.primitive.name == "shard_map":  # its shapes are those of one device
    # JAX's versions name it differently.
    axes = next(x for name, x in equation.params.items() if name.endswith("manual_axes"))
    return math.prod(equation.params["mesh"].shape[axis] for axis in axes)
  return 1


def _inside(equation):
  """The jaxprs that an equation calls."""
  for value in jax.tree.leaves(
      list(equation.params.values()), is_leaf=lambda x: isinstance(x, core.ClosedJaxpr | core.Jaxpr)
  ):
    if isinstance(value, core.ClosedJaxpr):
      yield value.jaxpr
    elif isinstance(value, core.Jaxpr):
      yield value
