"""Each check of a configuration's numbers looks for its own keys."""

import pytest

from configs import common
from sign_jax.errors import UserError
from sign_jax.run import limits
from sign_jax.tasks.retrieval import Retrieval
from tests import fakes, program

UPRET = {"epochs": 1, "model.embed_dim": 512, "model.distribution.samples": 2}
SEDS = {
  "epochs": 1, "model.embed_dim": 512, "model.fusion.keys": (5, 3), "model.fusion.heads": 8,
  "model.alpha": None, "data.max_frames": 300, "data.image_size": (640, 480),
}  # fmt: skip


@pytest.mark.parametrize("extra", [
  {"data.image_size": (256, 256)}, {"data.max_frames": 60}, {"model.fusion.heads": 8},
  {"model.fusion.keys": (5,)}, {"model.alpha": 0.5}, {"data.image_size": (0, 0)},
])  # fmt: skip
def test_a_key_of_another_system_asks_for_no_others(extra):
  limits.check({**UPRET, **extra})
  limits.check({key: value for key, value in SEDS.items() if key not in extra})


@pytest.mark.parametrize(("key", "value"), [
  ("data.image_size", (0, 720)), ("data.image_size", (640,)), ("data.image_size", ("a", "b")),
  ("data.max_frames", 15), ("model.fusion.keys", ()), ("model.fusion.heads", 7),
  ("model.alpha", -1.0),
])  # fmt: skip
def test_each_is_checked_alone(key, value):
  with pytest.raises(UserError, match=key):
    limits.check({**UPRET, key: value})
  with pytest.raises(UserError, match=key):
    limits.check({**SEDS, key: value})


def test_a_model_that_reads_no_poses_gets_none():
  config = common.retrieval_config("upret", "signing_sim")
  config.update_from_flattened_dict({**program.SMALL_MODEL, "data.placement": "device"})
  for key, value in {"image_size": (256, 256), "max_frames": 60, "no_hands": "skip"}.items():
    config.data[key] = value
  task = Retrieval(config, fakes.splits())
  assert task._poses is None
