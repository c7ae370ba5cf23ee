"""What a golden case must hold for a comparison to mean something."""

import json

import numpy as np
import pytest

from sign_jax.golden import compare


@pytest.mark.parametrize("expected", [[np.inf, 1, 2], [np.nan, 1, 2]])
def test_a_case_without_finite_numbers_agrees_with_nothing(expected):
  for got in ([0, 1, 2], expected):
    assert not compare.compare("loss", got, expected).agrees


def test_an_empty_quantity_agrees_with_nothing():
  assert not compare.compare("loss", np.zeros(0), np.zeros(0)).agrees


def test_a_list_may_be_empty_where_the_other_one_is_too():
  rules = compare.Rules(lists=(r"spot_\w+",))
  nothing = np.zeros((0, 4))
  assert compare.compare("spot_unit", nothing, nothing, rules).agrees
  assert not compare.compare("loss", nothing, nothing, rules).agrees
  assert not compare.compare("spot_unit", np.ones((1, 4)), nothing, rules).agrees
  assert not compare.compare("spot_unit", nothing, np.ones((1, 4)), rules).agrees


def test_numbers_that_are_not_finite_disagree():
  assert compare.compare("loss", [0, 1, 2], [0, 1, 2]).agrees
  assert not compare.compare("loss", [0, np.nan, 2], [0, 1, 2]).agrees


def test_arrays_that_are_inputs_are_given_and_compared_with_nothing(tmp_path):
  facts = {"params": [], "inputs": {"words": 3}, "loss": 1.0}
  (tmp_path / "case.json").write_text(json.dumps(facts))
  np.savez(tmp_path / "case.npz", **{"input/logits": np.ones(2), "scores": np.ones(3)})
  found, arrays = compare.read_case(tmp_path / "case")
  assert found["inputs"] == facts["inputs"]
  assert found["given"].keys() == {"input/logits"}
  expected = compare.expected_quantities(found, arrays)
  assert expected.keys() == {"loss", "scores"}
