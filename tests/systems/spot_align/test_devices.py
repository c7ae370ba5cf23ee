"""Statistics of a batch are those of all devices together."""

import json

from tests import program


def test_four_devices_compute_what_one_does(tmp_path):
  file = tmp_path / "found.json"
  status, _, error = program.run("tests.systems.spot_align.on_devices", file, devices=4)
  assert status == 0, error
  found = json.loads(file.read_text())
  assert len(found) == 1 + 6 + 16  # the loss, statistics, gradients
  assert max(found.values()) < 1e-4, found
