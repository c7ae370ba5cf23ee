"""Two devices train and evaluate as one: BatchNorm sees the global batch, whatever is padded."""

import numpy as np
import pytest

from tests import program

COUNT = 2


@pytest.fixture(scope="module")
def results(tmp_path_factory):
  """{number of devices: {name: array}}."""
  file = tmp_path_factory.mktemp("devices") / "results.npz"
  status, _, error = program.run("tests.systems.signvtcl.on_devices", file, devices=COUNT)
  assert status == 0, error
  found = {1: {}, COUNT: {}}
  for key, x in np.load(file).items():
    count, name = key.split(":", 1)
    found[int(count)][name] = x
  return found


def compare(results, prefix, tolerance):
  """That all numbers of such names are those of one device; returns the names."""
  names = [name for name in results[1] if name.startswith(prefix)]
  for name in names:
    got, expected = results[COUNT][name], results[1][name]
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=1e-5, err_msg=name)
  return names


def test_loss_and_gradients_are_those_of_one_device(results):
  names = compare(results, "step/", 1e-4)
  assert {"step/loss", "step/loss_ctc_video", "step/gradient_norm"} < set(names)
  assert results[1]["step/gradient_norm"] > 1


def test_running_statistics_are_those_of_the_global_batch(results):
  assert len(compare(results, "batch_stats/", 1e-4)) > 20


def test_evaluation_is_that_of_one_device(results):
  assert "test/wer" in compare(results, "test/", 1e-4)
