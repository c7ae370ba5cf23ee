"""Runs of a small NLA-SLR with random weights, and clips that it reads."""

import contextlib
import json

import jax
import jax.numpy as jnp

from sign_jax.run import workdir
from sign_jax.systems import registry
from sign_jax.tasks import isolated
from sign_jax.train.checkpoint import Checkpoints

SIDE = 48
SMALL = {
    "data.name": "signing_sim/frames_tiny", "data.linear_baseline": False, "model.width": 1 / 16,
    "model.dtype": "float32", "eval_batch_size": 8,
}


def make(folder, data_dir, modalities="video", lengths="short", seed=0, **changes):
  """Fills the folder of a run; returns its task and variables."""
  config = registry.get("nla_slr").config("signing_sim")
  config.update_from_flattened_dict(SMALL | {
      "data.data_dir": str(data_dir), "model.modalities": modalities, "model.lengths": lengths,
      **changes,
  })  # fmt: skip
  task = isolated.Recognition(config, registry.get("nla_slr"))
  variables = jax.tree.map(jnp.asarray, task.init(jax.random.key(seed)))
  folder.mkdir(parents=True, exist_ok=True)
  record = {"best_step": 7, "inputs": json.loads(json.dumps(task.inputs))}
  with contextlib.closing(Checkpoints(folder / "checkpoints")) as checkpoints:
    checkpoints.ensure_best(7, variables, record)
  workdir.begin(folder, config, task.inputs, task.class_names)
  return task, variables
