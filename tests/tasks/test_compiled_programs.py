"""How many programs videos of many lengths need: one for each bucket, not for each length."""

import contextlib

import jax
import numpy as np

from sign_jax.systems.recognition_settings import recognition_config
from sign_jax.systems.signvtcl import settings
from sign_jax.tasks.continuous import Continuous
from sign_jax.train.step import Trainer
from tests.sentences import SYSTEM, Videos

BUCKETS = (16, 24, 40)
COUNTS = list(range(9, 41))  # frames: every number of them, the whole of steps or not


def _made():
  config = recognition_config(
      "reader", "", {}, data=settings.DATA, init={"model": ""}, optim=settings.OPTIM
  )
  config.task, config.batch_size, config.eval_batch_size = "continuous", 2, 5
  config.data.update({"buckets": BUCKETS, "stretch": (0.7, 1.3), "size_stored": 8, "name": "none"})
  config.decode, config.optim.stairs, config.quick_compile = settings.DECODE, 0, True
  says = [[1] * (-(-count // 4)) for count in COUNTS]
  splits = {
      split: Videos(["A"] * len(COUNTS), COUNTS, ("video",), split, says=says)
      for split in ("train", "validation")
  }
  task = Continuous(config, SYSTEM, splits)
  return task, Trainer(task, config, steps=64)


def test_each_bucket_is_compiled_once():
  task, trainer = _made()
  state, lengths = trainer.create(), set()
  with contextlib.closing(task.train_batches(0)) as batches:
    for _ in range(24):
      batch = next(batches)
      lengths.add(batch["video"].shape[1])
      assert batch["frames"].max() <= batch["video"].shape[1]
      state, _ = trainer.step(state, batch)
  assert lengths == set(BUCKETS)
  assert trainer._step._cache_size() == len(BUCKETS)
  for _ in range(2):
    task.evaluate(state.variables, "validation", lambda x: jax.tree.map(np.asarray, x))
  assert task._decode._cache_size() == len(BUCKETS)
