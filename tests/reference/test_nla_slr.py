"""The reference of NLA-SLR itself against the golden numbers."""

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402

from sign_jax.golden import compare  # noqa: E402
from tests.cases import GOLDEN  # noqa: E402
from tests.reference import nla_slr_case  # noqa: E402


def test_the_reference_is_golden():
  facts, golden = compare.read_case(GOLDEN / "nla_slr")
  found = nla_slr_case.quantities(facts)
  assert found.keys() == golden.keys()
  for name, expected in golden.items():
    row = compare.compare(name, found[name], expected)
    assert row.agrees, row
  order = found["inter_modality_gloss_order/fuse"]
  np.testing.assert_array_equal(order, golden["inter_modality_gloss_order/fuse"])
