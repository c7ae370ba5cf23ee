"""Trains for four steps on the devices there are: `python -m tests.losses FILE CHECKPOINTS`.

FILE receives losses and evaluation for each mesh as JSON. On one device a checkpoint of step 2 is
left in CHECKPOINTS; on several, training goes on from there.
"""

import json
import pathlib
import sys

import jax

from sign_jax.run import compile_cache
from sign_jax.run import task as run_task
from sign_jax.systems import registry
from sign_jax.train.checkpoint import Checkpoints
from sign_jax.train.step import Trainer
from tests import fakes, program

STEPS, SAVED = 4, 2
# UPRet computes all that CiCo does, which tests/launch/test_local.py and tests/test_placements.py
# train on several devices.
MESHES = {
    "data": {},
    # In two chunks of each batch: exact, so it must not show.
    "fsdp+tensor": {"mesh.fsdp": 2, "mesh.tensor": 2, "gradient_cache.chunks": 2},
}


def make_trainer(name):
  config = registry.get("upret").config("signing_sim")
  config.update_from_flattened_dict({
      **program.SMALL_MODEL, "data.video_length": 12, "data.text_length": 12,
      "batch_size": 8, "eval_batch_size": 16, "steps": STEPS, "seed": 7, **MESHES[name],
  })
  dims = {"agnostic": 16, "aware": 16}
  splits = fakes.splits(sentences=18, videos=21, windows=12, dims=dims)
  return Trainer(run_task.make(config, splits), config)


def train(trainer, state, first, after=None):
  """{"loss": of the steps from `first` on, "evaluation": {...}, "similarity": [[...]]}."""
  losses, batches = [], trainer.task.train_batches(first)
  for step in range(first, STEPS):
    state, metrics = trainer.step(state, next(batches))
    losses.append(float(metrics["loss"]))
    if after:
      after(step + 1, state)
  with jax.set_mesh(trainer.mesh):
    scores = trainer.task.similarity(state.variables, "test", trainer.place)
  evaluation = trainer.evaluate(state.variables, "test")
  return {"loss": losses, "evaluation": evaluation, "similarity": scores.tolist()}


def run(folder):
  """{mesh: what `train` returns}, and "resumed MESH" on several devices."""
  results, checkpoints = {}, Checkpoints(folder)

  def save(step, state):
    if step == SAVED:
      checkpoints.save_last(step, state, {})

  several = jax.device_count() > 1
  for mesh in MESHES if several else ("data",):
    trainer = make_trainer(mesh)
    results[mesh] = train(trainer, trainer.create(), 0, None if several else save)
    if several:
      state, _ = checkpoints.restore_last(trainer.target)
      results[f"resumed {mesh}"] = train(trainer, state, int(state.step))
  checkpoints.close()
  return results


if __name__ == "__main__":
  compile_cache.enable()
  file, folder = sys.argv[1:]
  pathlib.Path(file).write_text(json.dumps(run(pathlib.Path(folder))))
