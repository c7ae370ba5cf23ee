"""I3D's golden case."""

import pathlib

import jax
import numpy as np

from sign_jax.data.label_table import Label
from sign_jax.data.splits import SPLITS
from sign_jax.golden import seeded, steps
from sign_jax.golden.compare import Facts, MakeTask, Quantities
from sign_jax.systems.base import System
from sign_jax.video import frames

BATCH = 2


def quantities(
    system: System, facts: Facts, weights: pathlib.Path, make_task: MakeTask
) -> Quantities:
  """{"logits": (2, classes), "embds": (2, 1024, 1, 1, 1)} of two seeded clips.

  Arguments as in `golden.compare.quantities`.
  """
  config = system.config("how2sign")
  config.update_from_flattened_dict({
      "model.dtype": "float32",  # on every device
      "init.i3d": str(weights), "batch_size": BATCH, "eval_batch_size": BATCH,
      "data.videos": str(weights.parent),  # no video is read
  })
  labels = dict.fromkeys(SPLITS, [Label("none", 0.0, 1.0, 0)] * BATCH)
  task = make_task(config, labels)
  variables = task.load(jax.eval_shape(task.init, jax.random.key(0)))
  clips = seeded.normal(f"{facts.get('seed_prefix', '')}input/clip", (2, 3, 16, 224, 224), 0.5)
  clips[1] = clips[1] * 3 + 1

  @jax.jit
  def run(variables, video):
    with steps.observed("__call__") as seen:
      logits = task.scores(variables, {"video": video})[""]
    return logits, seen["__call__"]["embedding"]

  # PyTorch has channels first; the task normalises colours itself.
  colours = (np.moveaxis(clips, 1, -1) + frames.MEAN) * 255
  logits, embedding = run(variables, colours.astype(np.float32))
  return {"logits": logits, "embds": np.asarray(embedding)[:, :, None, None, None]}
