"""Training steps of the sign encoder on eight devices are those on one: BatchNorm sees the whole
batch, not a device's share of it."""

import json
import sys

import numpy as np
import pytest

from tests import program

STEPS, BATCH = 3, 8


def steps(path):
  """Three steps on a batch whose halves differ much; writes losses and running statistics."""
  import jax

  from configs import sign_encoder
  from sign_jax.data.label_table import Label
  from sign_jax.run import task as run_task
  from sign_jax.train.step import Trainer

  config = sign_encoder.get_config("signing_sim")
  config.update_from_flattened_dict({
    "data.size": 32, "data.videos": ".", "model.width": 1 / 32, "model.dropout": 0.0,
    "batch_size": BATCH, "eval_batch_size": BATCH, "steps": STEPS, "optim.warmup": 0.0,
    "optim.name": "sgd", "optim.lr": 0.005,  # Adam's first steps make much of rounding
  })  # fmt: skip
  labels = [Label("a", 0, 1, i % 4) for i in range(BATCH)]
  splits = dict.fromkeys(("train", "validation", "test"), labels)
  trainer = Trainer(run_task.make(config, splits), config)
  rng = np.random.default_rng(0)
  levels = np.linspace(0, 200, BATCH)[:, None, None, None, None]  # each device has its own
  noise = rng.integers(0, 56, (BATCH, 16, 32, 32, 3))
  batch = {
    "video": (levels + noise).astype(np.uint8),
    "label": np.arange(BATCH, dtype=np.int32) % 4,
  }
  state, losses = trainer.create(), []
  for _ in range(STEPS):
    state, metrics = trainer.step(state, batch)
    losses.append(float(metrics["loss"]))
  statistics = {
    jax.tree_util.keystr(path): np.asarray(leaf).tolist()
    for path, leaf in jax.tree_util.tree_leaves_with_path(state.model_state)
  }
  with open(path, "w") as file:
    json.dump({"devices": jax.device_count(), "loss": losses, "statistics": statistics}, file)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
  found = {}
  for devices in (1, 8):
    path = tmp_path_factory.mktemp("steps") / f"{devices}.json"
    status, _, error = program.run("tests.encoder.test_windows_on_devices", path, devices=devices)
    assert status == 0, error
    found[devices] = json.loads(path.read_text())
    assert found[devices]["devices"] == devices
  return found


def test_losses_and_statistics_are_those_of_one_device(runs):
  one, eight = runs[1], runs[8]
  assert len(set(one["loss"])) == STEPS
  np.testing.assert_allclose(eight["loss"], one["loss"], rtol=1e-3)
  assert len(one["statistics"]) == 2 * 57
  for name, values in one["statistics"].items():
    scale = np.abs(values).max()
    np.testing.assert_allclose(
      eight["statistics"][name], values, atol=2e-3 * scale, err_msg=name
    )
  # The first statistics would be off by far, were they those of a device's own clips.
  first = next(name for name in one["statistics"] if "1a" in name and "var" in name)
  np.testing.assert_allclose(eight["statistics"][first], one["statistics"][first], rtol=1e-4)


if __name__ == "__main__":
  steps(sys.argv[1])
