"""Trains for four steps on the devices there are: `python -m tests.losses SYSTEM FILE CHECKPOINTS`.

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
MESHES = {"data": {}, "fsdp+tensor": {"mesh.fsdp": 2, "mesh.tensor": 2}}


# How CiCo trains on devices that divide the batch alone is compared in tests/launch/test_local.py.
LEFT_OUT = {("cico", "data")}
# How fresh weights are drawn on this mesh is compared with CiCo: UPRet's runs there are resumed.
RESUMED = {("upret", "fsdp+tensor")}
# Exact, so it must not show: the numbers of this mesh come from two chunks of each batch.
CHUNKED = {("cico", "fsdp+tensor"): {"gradient_cache.chunks": 2}}


def meshes(system):
  """The names of those on which a system trains on several devices."""
  return [name for name in MESHES if (system, name) not in LEFT_OUT]


def make_trainer(system, name):
  config = registry.get(system).config("signing_sim")
  config.update_from_flattened_dict({
      **program.SMALL_MODEL, "data.video_length": 12, "data.text_length": 12,
      "batch_size": 8, "eval_batch_size": 16, "steps": STEPS, "seed": 7, **MESHES[name],
      **CHUNKED.get((system, name), {}),
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


def run(system, folder):
  """{mesh: what `train` returns}, and "resumed MESH" on several devices."""
  results, checkpoints = {}, Checkpoints(folder)

  def save(step, state):
    if step == SAVED:
      checkpoints.save_last(step, state, {})

  several = jax.device_count() > 1
  for mesh in meshes(system) if several else ("data",):
    trainer = make_trainer(system, mesh)
    if not several or (system, mesh) not in RESUMED:
      results[mesh] = train(trainer, trainer.create(), 0, None if several else save)
    if several:
      state, _ = checkpoints.restore_last(trainer.target)
      results[f"resumed {mesh}"] = train(trainer, state, int(state.step))
  checkpoints.close()
  return results


if __name__ == "__main__":
  compile_cache.enable()
  name, file, folder = sys.argv[1:]
  pathlib.Path(file).write_text(json.dumps(run(name, pathlib.Path(folder))))
