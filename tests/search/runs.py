"""Runs of every retrieval system on a small built data set, with random weights."""

import contextlib
import json

import jax
import numpy as np

import sign_jax
from sign_jax.run import task as run_task
from sign_jax.run import text_notes, workdir
from sign_jax.search import __main__ as search
from sign_jax.systems import registry
from sign_jax.train.checkpoint import Checkpoints
from tests import program

SMALL = {
    "data.name": "signing_sim/tiny", "data.video_length": 6, "batch_size": 8, "eval_batch_size": 8,
    "model.dtype": "float32",
}
TOWERS = program.SMALL_MODEL | {"data.text_length": 9}
# Beside those, of each system's runs.
RUNS = {
    "cico": TOWERS,
    "upret": TOWERS | {"model.variant": "paper"},
    "seds": TOWERS | program.SMALL_SEDS | {"model.streams": "pose"},
    "spot_align": {
        "data.text_length": 6, "model.embed_dim": 16, "model.text.clusters": 2,
        "model.text.embedding": "learned", "model.text.width": 5,
    },
}


def make(folder, system, data_dir, seed=0, changes=None):
  """Fills the folder of a run, whose weights are such that scores differ; returns the task."""
  config = registry.get(system).config("signing_sim")
  own = {"data.data_dir": str(data_dir), **(changes or {})}
  config.update_from_flattened_dict(SMALL | RUNS[system] | own)
  task = run_task.make(config)
  rng = np.random.default_rng(seed)

  def draw(path, leaf):
    if path[-1].key in ("scale", "var"):
      return np.ones(leaf.shape, leaf.dtype)
    return 0.3 * rng.standard_normal(leaf.shape).astype(leaf.dtype)

  shapes = jax.eval_shape(task.init, jax.random.key(0))
  variables = jax.tree_util.tree_map_with_path(draw, shapes)
  folder.mkdir(parents=True, exist_ok=True)
  record = {"best_step": 7, "inputs": json.loads(json.dumps(task.inputs))}
  with contextlib.closing(Checkpoints(folder / "checkpoints")) as checkpoints:
    checkpoints.ensure_best(7, jax.tree.map(jax.numpy.asarray, variables), record)
  workdir.begin(folder, config, task.inputs)
  text_notes.write(task, folder)
  return task, variables


def call(*args):
  """The exit status of the program."""
  try:
    search.main([str(x) for x in args])
  except SystemExit as end:
    return end.code
  return 0


def unlike(rng, count, length, width=1024):
  """Features of videos; a list of (n, width)."""
  return [rng.standard_normal((int(n), width)).astype(np.float32)
          for n in rng.integers(1, length, count)]  # fmt: skip


def grown(model, folder):
  """(an index that grew by arrays, the features in the order in which they were added)."""
  index = sign_jax.Index.create(folder, model)
  (width,) = model.trained.inputs["video"][0][-1:]
  rng, found = np.random.default_rng(0), []
  for part in range(3):
    features = unlike(rng, 7 + 40 * part, 12, width)
    index.add(features, [f"clip {len(found) + n}" for n in range(len(features))])
    found += features
  return index, found
