"""NLA-SLR against numbers measured on the released PyTorch code, and against our reference."""

import json

import numpy as np
import pytest

from sign_jax import parity
from sign_jax.golden import compare
from sign_jax.run import task as run_task
from sign_jax.systems import registry
from tests.cases import GOLDEN

pytestmark = pytest.mark.usefixtures("quick_compile")
STEM = GOLDEN / "nla_slr"


@pytest.fixture(scope="module")
def computed(quick_compile):
  facts, _ = compare.read_case(STEM)
  return compare.quantities(registry.get("nla_slr"), facts, run_task.make)


@pytest.fixture
def recheck(computed, monkeypatch):
  """`parity.check` of a file, with our quantities from before."""
  monkeypatch.setattr(compare, "quantities", lambda *_: computed)
  return lambda stem: parity.check("nla_slr", stem)


def bad(rows):
  return [row.name for row in rows if not row.agrees]


def test_every_golden_number_agrees(recheck):
  rows = recheck(STEM)
  assert not bad(rows)
  assert len(rows) == 24
  far = max(row.max_rel for row in rows if np.isfinite(row.max_rel))
  assert far < 1e-5  # the tolerances are ten times as wide


@pytest.mark.parametrize("name", np.load(STEM.with_suffix(".npz")).files)
def test_one_number_changed_by_one_percent_fails(recheck, tmp_path, name):
  facts, arrays = compare.read_case(STEM)
  array = np.array(arrays[name], np.float64)
  array.flat[np.abs(array).argmax()] *= 1.01
  (tmp_path / "case.json").write_text(json.dumps(facts))
  np.savez(tmp_path / "case.npz", **{**arrays, name: array})
  assert bad(recheck(tmp_path / "case")) == [name]


def test_a_case_of_other_weights_and_inputs(tmp_path):
  """Written by the reference in PyTorch; of the same sizes, whose program is compiled already."""
  pytest.importorskip("torch")
  from tests.reference import nla_slr_case  # noqa: PLC0415

  facts, _ = compare.read_case(STEM)
  nla_slr_case.write({**facts, "seed_prefix": "other/"}, tmp_path / "case")
  rows = parity.check("nla_slr", tmp_path / "case")
  assert not bad(rows)
  assert len(rows) == 24
