"""Similarities of several runs, and of several scorers of one system, added up in evaluation."""

import shutil

import numpy as np
import pytest

from sign_jax.errors import UserError
from sign_jax.tasks import fusion
from tests import program

ONE, TWO = np.float32([[1, 2], [3, 4]]), np.float32([[3, 2], [1, 0]])


def test_the_sum_is_the_mean_or_weighted():
  parts = {"cm": ONE, "sr": TWO}
  np.testing.assert_array_equal(fusion.combined(parts), [[2, 2], [2, 2]])
  np.testing.assert_array_equal(fusion.combined(parts, (1.0, 2.0)), [[7, 6], [5, 4]])
  np.testing.assert_array_equal(fusion.combined({"cm": ONE}), ONE)
  with pytest.raises(UserError, match="fusion.weights has 1 numbers, and there are 2 scorers"):
    fusion.combined(parts, (1.0,))


def test_any_two_runs_are_combined(finished, copy, tmp_path, monkeypatch, data_dir):
  """A run with itself has the numbers of one; with weights 1 and 0 those of the first."""
  other = shutil.copytree(copy, tmp_path / "other")
  arguments = [*program.arguments(copy, data_dir), "--mode=evaluate"]
  alone = program.call(monkeypatch, *arguments)
  both = program.call(monkeypatch, *arguments, f"--config.fusion.runs={other}")
  for key in ("test/t2v/R@1", "test/v2t/MnR", "validation/t2v/MedR"):
    split, name = key.split("/", 1)
    assert both[key] == both[f"{split}/upret/{name}"] == both[f"{split}/other/{name}"] == alone[key]
  assert "test/upret/t2v/R@1" not in alone
  with pytest.raises(SystemExit):
    program.call(monkeypatch, *arguments, f"--config.fusion.runs={tmp_path / 'none'}")
  with pytest.raises(SystemExit):
    program.call(monkeypatch, *arguments, "--config.fusion.systems=sr")
