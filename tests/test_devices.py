"""One device and eight compute the same."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests import losses, program

TOLERANCE = {"data": 1e-5, "fsdp+tensor": 1e-4}
SYSTEMS = ("upret", "cico")
CASES = [(system, mesh) for system in SYSTEMS for mesh in losses.meshes(system)]


def train(system, folder):
  """{number of devices: {mesh: see `losses.train`}}."""
  results = {}
  for devices in (1, 8):
    file = folder / f"{devices}.json"
    status, _, error = program.run(
        "tests.losses", system, file, folder / "checkpoints", devices=devices
    )
    assert status == 0, error
    results[devices] = json.loads(file.read_text())
  return results


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
  """{system: see `train`}."""
  with ThreadPoolExecutor() as pool:
    folders = [tmp_path_factory.mktemp(system) for system in SYSTEMS]
    return dict(zip(SYSTEMS, pool.map(train, SYSTEMS, folders), strict=True))


def assert_same(got, expected, tolerance):
  first = len(expected["loss"]) - len(got["loss"])
  np.testing.assert_allclose(got["loss"], expected["loss"][first:], rtol=tolerance)
  np.testing.assert_allclose(got["similarity"], expected["similarity"], atol=10 * tolerance)
  assert got["evaluation"] == expected["evaluation"]


@pytest.mark.parametrize(("system", "mesh"), [x for x in CASES if x not in losses.RESUMED])
def test_eight_devices_train_as_one(runs, system, mesh):
  expected = runs[system][1]["data"]
  assert len(expected["loss"]) == losses.STEPS and len(set(expected["loss"])) == losses.STEPS
  assert_same(runs[system][8][mesh], expected, TOLERANCE[mesh])


@pytest.mark.parametrize(("system", "mesh"), CASES)
def test_a_checkpoint_of_one_device_goes_on_on_eight(runs, system, mesh):
  resumed = runs[system][8][f"resumed {mesh}"]
  assert len(resumed["loss"]) == losses.STEPS - losses.SAVED
  assert_same(resumed, runs[system][1]["data"], TOLERANCE[mesh])
