"""A step on one device and on all there are: `python -m tests.systems.signvtcl.on_devices FILE`.

FILE receives metrics, running statistics and evaluation for each number of devices.
"""

import contextlib
import sys

import jax
import numpy as np
from flax import traverse_util

from sign_jax.run import compile_cache
from sign_jax.systems.signvtcl import card, settings
from sign_jax.tasks.continuous import Continuous
from sign_jax.train.step import Trainer
from tests.sentences import Videos

CHANGES = {
    "model.streams": "video", "model.align.gloss": 0.0, "model.align.sentence": 0.0,
    "model.width": 1 / 16, "model.depth": "small",
    "model.head.hidden": 8, "model.head.feedforward": 8, "model.head.dropout": 0.0,
    "model.dtype": "float32", "data.buckets": (16,), "data.size_stored": 8, "data.size": 16,
    "batch_size": 4, "eval_batch_size": 4, "optim.lr": 0.01,
}  # fmt: skip


def make_task():
  """(task, configuration): videos of different lengths, so that BatchNorm's masks differ."""
  config = settings.config()
  config.update_from_flattened_dict(CHANGES)
  counts = [16, 16, 12, 13]
  splits = {
      name: Videos(["A B", "B", "C A", "B A"], counts, ("video",), name)
      for name in ("train", "validation", "test")
  }
  return Continuous(config, card.SYSTEM, splits), config


def train(devices):
  """{name: number or array} of the step's metrics, the evaluation and the running statistics."""
  made, config = make_task()
  trainer = Trainer(made, config, devices, steps=1)
  with contextlib.closing(made.train_batches(0)) as batches:
    state, metrics = trainer.step(trainer.create(), next(batches))
  found = {f"step/{name}": np.asarray(x) for name, x in metrics.items()}
  evaluation = trainer.evaluate(state.variables, "test")
  found |= {name: np.asarray(x) for name, x in evaluation.items()}
  statistics = jax.tree.map(np.asarray, state.variables["batch_stats"])
  return found | traverse_util.flatten_dict({"batch_stats": statistics}, sep="/")


if __name__ == "__main__":
  compile_cache.enable()
  results = {}
  for count in (1, jax.device_count()):
    found = train(jax.devices()[:count])
    results |= {f"{count}:{name}": x for name, x in found.items()}
  np.savez(sys.argv[1], **results)
