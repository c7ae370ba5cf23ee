"""Files of weights as authors release them, of small models with seeded numbers."""

import jax
import numpy as np

from sign_jax.run import task as run_task
from sign_jax.systems import registry
from sign_jax.weights import convert, writers
from tests import fakes, program

DIMS = {"agnostic": 32, "aware": 32}  # of signing_sim/tiny


def small_config(system="upret", **changes):
  """The settings of `program.SMALL`; `changes` with "__" for dots."""
  config = registry.get(system).config(None)
  changes = {key.replace("__", "."): value for key, value in changes.items()}
  config.update_from_flattened_dict(program.SMALL | changes)
  return config


def write(path, system="upret", seed=0, dims=DIMS, **changes):
  """Writes the weights of a model of `small_config`, in float16 as released matrices are.

  `dims`: channels of the streams; `changes` as for `small_config`.
  """
  config, rng = small_config(system, **changes), np.random.default_rng(seed)
  shapes = jax.eval_shape(run_task.make(config, fakes.splits(dims=dims)).init, jax.random.key(0))
  draw = lambda x: rng.standard_normal(x.shape, np.float32).astype(np.float16)
  writers.write(path, convert.export(jax.tree.map(draw, shapes), registry.get(system).names))
  return path
