"""Losses with features on the host and on the devices: `python -m tests.placements FILE`.

FILE receives {placement: [losses]} as JSON, of three steps on the devices there are.
"""

import json
import pathlib
import sys

import jax

from sign_jax.run import compile_cache
from sign_jax.run import task as run_task
from sign_jax.systems import registry
from sign_jax.train.step import Trainer
from tests import fakes, program

STEPS = 3


def losses(placement, mesh=None):
  """[loss of each step] of a small model on fake data, float."""
  config = registry.get("cico").config("signing_sim")
  config.update_from_flattened_dict({
      **program.SMALL_MODEL, "data.video_length": 12, "data.text_length": 12, "batch_size": 8,
      "eval_batch_size": 8, "steps": STEPS, "data.placement": placement, **(mesh or {}),
  })
  dims = {"agnostic": 16, "aware": 16}
  splits = fakes.splits(sentences=18, videos=31, windows=20, dims=dims)
  trainer = Trainer(run_task.make(config, splits), config)
  state, batches, found = trainer.create(), trainer.task.train_batches(0), []
  for _ in range(STEPS):
    state, metrics = trainer.step(state, next(batches))
    found.append(float(metrics["loss"]))
  return found


if __name__ == "__main__":
  compile_cache.enable()
  parts = {"mesh.fsdp": 2} if jax.device_count() > 1 else {}
  found = {placement: losses(placement, mesh=parts) for placement in ("host", "device")}
  pathlib.Path(sys.argv[1]).write_text(json.dumps(found))
