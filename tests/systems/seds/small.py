"""A small SEDS on fake data; `python -m tests.systems.seds.small FILE` computes a training step.

FILE receives loss, terms and the running statistics after the step, on the devices there are.
"""

import json
import pathlib
import sys

import jax
import numpy as np
from flax import traverse_util

from sign_jax.data import pose
from sign_jax.run import compile_cache
from sign_jax.run import task as run_task
from sign_jax.systems import registry
from sign_jax.train import sharding
from tests import fakes, program

DIMS = {"agnostic": 16}


def make_task(**changes):
  """`Retrieval` of configs/seds.py in small; `changes` with "__" for dots."""
  config = registry.get("seds").config("signing_sim")
  config.update_from_flattened_dict({
      **program.SMALL_MODEL, **program.SMALL_SEDS, "data.text_length": 10,
      "batch_size": 8, "eval_batch_size": 8,
      **{key.replace("__", "."): value for key, value in changes.items()},
  })
  data = config.data
  poses = pose.Settings(tuple(data.image_size), data.video_length, data.max_frames)
  return run_task.make(config, fakes.splits(poses, sentences=9, videos=11, windows=12, dims=DIMS))


def make_variables(task, seed=0):
  """Drawn by numpy: compiling `init` takes longer than a test may."""
  rng = np.random.default_rng(seed)

  def draw(path, leaf):
    if path[-1].key in ("scale", "var"):
      return np.ones(leaf.shape, leaf.dtype)
    return 0.1 * rng.standard_normal(leaf.shape).astype(leaf.dtype)

  shapes = jax.eval_shape(task.init, jax.random.key(0))
  return jax.tree_util.tree_map_with_path(draw, shapes)


def step(task, variables, place=lambda batch: batch):
  """{name: number or list} after one training step."""
  batch = place(next(task.train_batches(0)))
  loss, (metrics, state) = jax.jit(task.loss)(variables, batch, jax.random.key(5), 0)
  found = {"loss": loss, **metrics, **traverse_util.flatten_dict(state, sep="/")}
  return {name: np.asarray(value).tolist() for name, value in found.items()}


if __name__ == "__main__":
  compile_cache.enable()
  mesh = sharding.make_mesh()
  small = make_task()
  with jax.set_mesh(mesh):
    numbers = step(
        small, sharding.replicate(mesh, make_variables(small)),
        lambda batch: sharding.place_batch(mesh, batch),
    )
  pathlib.Path(sys.argv[1]).write_text(json.dumps(numbers))
