"""Training steps of SignVTCL and TwoStream-SLR, in float64, against numbers of PyTorch."""

import numpy as np
import pytest

from sign_jax.golden import compare
from sign_jax.systems.signvtcl import golden
from tests.cases import GOLDEN

pytestmark = pytest.mark.usefixtures("quick_compile")
FAR = 2e-6  # the tolerance is 1e-5


@pytest.fixture(scope="module")
def case():
  """The file, and what is made of it once for both systems."""
  facts, arrays = compare.read_case(GOLDEN / "signvtcl")
  return facts, arrays, golden.Case(facts)


@pytest.mark.parametrize("kind", ["base", "vtcl"])
def test_losses_statistics_and_gradients(case, kind):
  """The gradient of every parameter, and all else that the file has of training."""
  facts, arrays, drawn = case
  found = drawn.trained(kind)
  expected = {
      name: x for name, x in compare.expected_quantities(facts, arrays).items()
      if name.startswith((f"{kind}_train/", f"grad_norms/{kind}."))
  }
  assert found.keys() == expected.keys()
  trained = {name for name, _ in facts["params"] if name.startswith(f"{kind}.")
             and "running_" not in name and "num_batches" not in name}
  assert {f"grad_norms/{name}" for name in trained} <= found.keys()
  for name, x in found.items():
    row = compare.compare(name, np.asarray(x), expected[name], golden.RULES)
    assert row.agrees and not row.max_rel >= FAR, row
