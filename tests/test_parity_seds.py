"""SEDS against numbers measured on the released PyTorch code."""

import jax
import numpy as np
import pytest

from sign_jax.golden import compare, seeded
from sign_jax.systems.seds import golden as seds
from tests import cases
from tests.cases import GOLDEN
from tests.test_parity import bad, changed_copy, largest_changed, median_changed, quantities, rows

# Compiling takes most of the time. Unoptimised programs also round differently from one place to
# the next, which finds gradients that depend on it.
pytestmark = pytest.mark.usefixtures("quick_compile")
STEM = GOLDEN / "seds_tiny"
BIAS_BEFORE_NORM = "signbert.embed.st_gcn_hand.conv4.0.bias"


@pytest.fixture(scope="module")
def evaluated():
  """The task and the variables that were evaluated last."""
  return {}


@pytest.fixture(scope="module")
def computed(quick_compile, evaluated):
  evaluate = seds.evaluation

  def noting(task, variables, batch):
    evaluated.update(task=task, variables=variables)
    return evaluate(task, variables, batch)

  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(seds, "evaluation", noting)
    return quantities("seds", cases.read_facts("seds_tiny"))


@pytest.fixture
def recheck(computed):
  """`parity.check` of a file, with our quantities from before."""
  return lambda stem: rows("seds", stem, computed)


def test_every_golden_number_agrees(recheck):
  found = recheck(STEM)
  assert not bad(found)
  assert len(found) == 365


def test_losses_features_and_logits_agree_far_below_the_tolerance(recheck):
  for row in recheck(STEM):
    if not row.name.startswith("grad_norms/"):
      assert row.max_rel < 2e-5, row


@pytest.mark.parametrize("pick", [largest_changed, median_changed])
@pytest.mark.parametrize("name", np.load(f"{STEM}.npz").files)
def test_one_number_changed_by_one_percent_fails(recheck, tmp_path, name, pick):
  def change(facts, arrays):
    pick(name)(facts, arrays)
    if not np.any(arrays[name] != before[name]):  # the median of a sparse constant is 0
      arrays[name].flat[np.abs(arrays[name]).argmin()] = 0.01

  _, before = compare.read_case(STEM)
  stem = changed_copy("seds", tmp_path, change)
  assert [row.name for row in bad(recheck(stem))] == [name]


@pytest.mark.parametrize("name", ["logit_scale", "embed.st_gcn_body.data_bn.bias", "fusion"])
def test_gradient_norms_changed_by_one_percent_fail(recheck, tmp_path, name):
  def change(facts, arrays):
    for key in facts["grad_norms"]:
      if name in key:
        facts["grad_norms"][key] *= 1.01
        changed.append(f"grad_norms/{key}")

  changed = []
  stem = changed_copy("seds", tmp_path, change)
  assert [row.name for row in bad(recheck(stem))] == changed != []


def test_a_gradient_that_is_zero_in_theory_is_compared_absolutely(recheck, tmp_path):
  def change(value):
    return lambda facts, _: facts["grad_norms"].update({BIAS_BEFORE_NORM: value})

  assert not bad(recheck(changed_copy("seds", tmp_path, change(1e-6))))
  found = bad(recheck(changed_copy("seds", tmp_path, change(1e-5))))
  assert [row.name for row in found] == [f"grad_norms/{BIAS_BEFORE_NORM}"]


def test_half_of_the_batch_gives_half_of_the_golden_features(computed, evaluated):
  """Seeded arrays of fewer rows are the first rows of larger ones; evaluation knows no batch.

  Other videos and texts in the other half keep the batch's size, whose program is compiled already.
  """
  facts, golden = compare.read_case(STEM)
  halves = seds.make_batch("", 2, 16), seds.make_batch("other/", facts["batch"] - 2, 16)
  batch = jax.tree.map(lambda *x: np.concatenate(x), *halves)
  found = seds.evaluation(**evaluated, batch=batch)
  for name, x in golden.items():
    if name.startswith("eval_") and name.endswith("_features"):
      np.testing.assert_allclose(found[name][:2], x[:2], atol=2e-5, err_msg=name)
  difference = found["eval_fusion_features"][2:] - golden["eval_fusion_features"][2:]
  assert np.abs(difference).max() > 1e-2


def test_the_prefix_reaches_inputs_and_weights():
  facts, _ = compare.read_case(STEM)
  few = {**facts, "params": facts["params"][:4]}
  assert seeded.fingerprint(seeded.state_dict(few)) != seeded.fingerprint(
      seeded.state_dict({**few, "seed_prefix": "fresh/"})
  )
  first, other = (seds.make_batch(prefix, 3, 16) for prefix in ("", "fresh/"))
  differ = jax.tree.map(lambda a, b: not np.array_equal(a, b), first, other)
  del differ["pose"]["frames_valid"]  # all are, in every case
  assert all(jax.tree.leaves(differ))
