"""Blocks that training leaves as they are, down to how they normalise."""

import jax
import numpy as np

from sign_jax.systems.signvtcl import build, model, settings
from sign_jax.tasks import still

SMALL = {
    "model.streams": "video", "model.width": 1 / 16, "model.depth": "small",
    "model.head.hidden": 8, "model.head.feedforward": 8, "model.freeze_blocks": 1,
    "model.align.gloss": 0.0, "model.align.sentence": 0.0, "model.norm_momentum": 0.5,
}  # fmt: skip


def config(**changes):
  found = settings.config()
  found.update_from_flattened_dict({**SMALL, **changes})
  return found


def test_statistics_of_frozen_blocks_do_not_move_and_those_of_others_do():
  found = config()
  network = build.build(settings.decided(found.model), {"classes": 4})
  variables = model.init(network, jax.random.key(0))
  clip = {"video": np.random.default_rng(0).normal(size=(2, 8, 32, 32, 3)).astype(np.float32)}

  @jax.jit
  def trained(variables):
    with still.modules(settings.still(found)):
      return network.apply(
          variables, clip, np.array([8, 8]), train=True, mutable=["batch_stats"],
          rngs={"dropout": jax.random.key(1)},
      )[1]

  before, after = variables["batch_stats"], trained(variables)["batch_stats"]
  assert jax.tree.structure(before) == jax.tree.structure(after)
  moved = lambda *path: not np.array_equal(of(before, *path), of(after, *path))
  assert not moved("video", "base_0", "bn_s") and not moved("video", "base_0", "bn_t")
  assert moved("video", "base_2", "bn") and moved("video", "base_3", "bn_s")
  assert moved("head_video", "bn1")


def of(tree, *path):
  """The running mean of a module."""
  for name in path:
    tree = tree[name]
  return tree["mean"]


def test_a_model_of_several_streams_normalises_by_each_batch_as_the_released_one():
  both = config(**{"model.streams": "video+keypoint"})
  assert settings.frozen(both) == settings.frozen(config()) == ("^video/base_0/",)
  assert settings.still(config()) == ("^video/base_0/",) and not settings.still(both)
  assert not settings.still(config(**{"model.freeze_blocks": 0}))
