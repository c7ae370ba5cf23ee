"""One device and eight compute the same."""

import json

import numpy as np
import pytest

from tests import losses, program

TOLERANCE = {"data": 1e-5, "fsdp+tensor": 1e-4}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
  """{number of devices: {mesh: see `losses.train`}}."""
  folder, results = tmp_path_factory.mktemp("runs"), {}
  for devices in (1, 8):
    file = folder / f"{devices}.json"
    status, _, error = program.run("tests.losses", file, folder / "checkpoints", devices=devices)
    assert status == 0, error
    results[devices] = json.loads(file.read_text())
  return results


def assert_same(got, expected, tolerance):
  first = len(expected["loss"]) - len(got["loss"])
  np.testing.assert_allclose(got["loss"], expected["loss"][first:], rtol=tolerance)
  np.testing.assert_allclose(got["similarity"], expected["similarity"], atol=10 * tolerance)
  assert got["evaluation"] == expected["evaluation"]


@pytest.mark.parametrize("mesh", losses.MESHES)
def test_eight_devices_train_as_one(runs, mesh):
  expected = runs[1]["data"]
  assert len(expected["loss"]) == losses.STEPS and len(set(expected["loss"])) == losses.STEPS
  assert_same(runs[8][mesh], expected, TOLERANCE[mesh])


@pytest.mark.parametrize("mesh", losses.MESHES)
def test_a_checkpoint_of_one_device_goes_on_on_eight(runs, mesh):
  resumed = runs[8][f"resumed {mesh}"]
  assert len(resumed["loss"]) == losses.STEPS - losses.SAVED
  assert_same(resumed, runs[1]["data"], TOLERANCE[mesh])
