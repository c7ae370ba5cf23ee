"""Features on the devices train as features on the host do."""

import json

import pytest

from tests import placements, program


@pytest.mark.usefixtures("full_compile")
def test_one_device_gives_the_same_losses_to_the_last_bit():
  """With all of the compiler's optimisations, which could round otherwise.

  The model is CiCo, the quickest to compile; `tests/data/test_resident.py` compares the inputs of
  all models, which are those of every way to combine the streams.
  """
  host, device = (placements.losses(place) for place in ("host", "device"))
  assert host == device and len(set(host)) == placements.STEPS


def test_eight_devices_give_the_same_losses(tmp_path):
  file = tmp_path / "losses.json"
  status, _, error = program.run("tests.placements", file, devices=8)
  assert status == 0, error
  found = json.loads(file.read_text())
  assert found["host"] == pytest.approx(found["device"], rel=1e-6)
  assert len(set(found["host"])) == placements.STEPS
