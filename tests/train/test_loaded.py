"""What is evaluated without a run: weights of files, and fresh ones where the files end."""

import jax
import numpy as np

from sign_jax.train.step import Evaluator
from tests.train import test_loop

WEIGHTS = {"w": np.float32([7, 8, 9])}


class Watched(test_loop.Regression):
  """Notes when its variables are drawn, which is more than to tell their shapes."""

  def __init__(self, of_files):
    super().__init__()
    self.of_files, self.drawn = of_files, []

  def init(self, key):
    jax.debug.callback(lambda: self.drawn.append(0))
    return super().init(key)

  def load(self, variables):
    return {**variables, **self.of_files}


def loaded(task):
  found = jax.device_get(Evaluator(task, test_loop.config(), jax.devices()[:1]).loaded())
  jax.effects_barrier()
  return found


def test_nothing_is_drawn_where_files_hold_all():
  task = Watched({"params": WEIGHTS, "statistics": {"steps": np.int32(4)}})
  jax.tree.map(np.testing.assert_array_equal, loaded(task), task.of_files)
  assert not task.drawn


def test_what_no_file_holds_is_drawn():
  task = Watched({"params": WEIGHTS})
  jax.tree.map(
      np.testing.assert_array_equal, loaded(task), {"params": WEIGHTS, "statistics": {"steps": 0}}
  )
  assert task.drawn
  found = loaded(Watched({"statistics": {"steps": np.int32(4)}}))
  expected = test_loop.Regression().init(jax.random.key(test_loop.config().seed))
  np.testing.assert_array_equal(found["params"]["w"], expected["params"]["w"])
  assert found["statistics"]["steps"] == 4
