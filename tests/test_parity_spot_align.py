"""SPOT-ALIGN against numbers of the released components, and of our reading of the rest."""

import json

import numpy as np
import pytest

from sign_jax.golden import compare, seeded
from sign_jax.systems.spot_align import golden as spot_align
from tests import cases
from tests.cases import GOLDEN
from tests.test_parity import bad, largest_changed, median_changed, quantities, rows

pytestmark = pytest.mark.usefixtures("quick_compile")
STEM = GOLDEN / "spot_align"
ARRAYS = [name for name in np.load(f"{STEM}.npz").files if not name.startswith("input/")]
NUMBERS = ("loss", "loss_paper", "loss_with_diagonal", "fingerprint")
NORMS = ("grad_norms", "change_norms_after_trajectory", "metrics_averaged_ties")
ZERO = ".cg.fc.bias"  # ends the names of parameters before a BatchNorm


@pytest.fixture(scope="module")
def computed(quick_compile):
  facts, _ = compare.read_case(STEM)
  return quantities("spot_align", facts)


@pytest.fixture
def recheck(computed, tmp_path):
  """Rows of the case after `change(facts, arrays)`, with our quantities from before."""

  def check(change=lambda facts, arrays: None):
    facts, arrays = cases.read_facts("spot_align"), dict(np.load(f"{STEM}.npz"))
    change(facts, arrays)
    (tmp_path / "case.json").write_text(json.dumps(facts))
    np.savez(tmp_path / "case.npz", **arrays)
    return rows("spot_align", tmp_path / "case", computed)

  return check


def test_every_golden_number_agrees(recheck):
  found = recheck()
  assert not bad(found)
  assert len(found) == 120


def test_all_agree_far_below_the_tolerances(recheck):
  """Decay that is rounded together with the step moves changes of parameters by 2e-4."""
  for row in recheck():
    if np.isfinite(row.max_rel):
      assert row.max_rel < (2e-5 if row.name.startswith("change") else 5e-6), row


@pytest.mark.parametrize("pick", [largest_changed, median_changed])
@pytest.mark.parametrize("name", ARRAYS)
def test_one_number_changed_by_one_percent_fails(recheck, name, pick):
  def change(facts, arrays):
    before = np.array(arrays[name], np.float64)
    arrays[name] = before.copy()
    pick(name)(facts, arrays)
    if np.array_equal(arrays[name], before):  # a median that is 0
      arrays[name].flat[np.abs(before).argmin()] = 0.01 * np.abs(before).max()

  assert [row.name for row in bad(recheck(change))] == [name]


@pytest.mark.parametrize("title", NORMS)
def test_each_number_of_a_kind_changed_by_one_percent_fails(recheck, title):
  def change(facts, arrays):
    for name in facts[title]:
      facts[title][name] *= 1.01

  names = [name for name in cases.read_facts("spot_align")[title] if not name.endswith(ZERO)]
  assert [row.name for row in bad(recheck(change))] == [f"{title}/{name}" for name in names]


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_of_its_own_changed_by_one_percent_fails(recheck, name):
  found = recheck(lambda facts, _: facts.update({name: facts[name] * 1.01}))
  assert [row.name for row in bad(found)] == [name]


@pytest.mark.parametrize(("title", "allowed"), [(NORMS[0], 1e-7), (NORMS[1], 1e-5)])
def test_what_is_zero_in_theory_is_compared_absolutely(recheck, computed, title, allowed):
  name = f"ce.video_GU.0{ZERO}"
  ours = float(computed[f"{title}/{name}"])
  moved = lambda by: recheck(lambda facts, _: facts[title].update({name: ours + by}))
  assert not bad(moved(0.9 * allowed))
  assert [row.name for row in bad(moved(1.1 * allowed))] == [f"{title}/{name}"]


def test_every_parameter_has_a_norm_and_moves(computed):
  names = {name for name, _ in cases.read_facts("spot_align")["params"]}
  trained = {x for x in names if "running" not in x and not x.startswith("mimic.")}
  for title in NORMS[:2]:
    found = {name.removeprefix(f"{title}/"): x for name, x in computed.items() if title in name}
    assert found.keys() == trained
    assert all(x > 0 for name, x in found.items() if not name.endswith(ZERO))


def test_the_prefix_reaches_all_of_a_batch():
  inputs = cases.read_facts("spot_align")["inputs"]
  first, other = (spot_align.make_batch(prefix, 4, inputs) for prefix in ("", "other/"))
  for name, x in first.items():
    assert x.shape[:1] == (4,) and not np.array_equal(x, other[name]), name


def test_padding_of_a_batch_is_zero_and_pairs_have_something_in_common():
  inputs = cases.read_facts("spot_align")["inputs"]
  batch = spot_align.make_batch("", 8, inputs)
  for name in ("text", "video"):
    assert not batch[name][~batch[f"{name}_valid"]].any()
    assert batch[f"{name}_valid"][:, 0].all() and not batch[f"{name}_valid"].all()
  words = batch["text"][:, 0] - seeded.normal("input/text", (8, 7, 24))[:, 0]
  windows = batch["video"][:, 0] - seeded.normal("input/windows", (8, 9, 40))[:, 0]
  np.testing.assert_allclose(windows[:, :24], words, atol=1e-6)
  assert not windows[:, 24:].any()
