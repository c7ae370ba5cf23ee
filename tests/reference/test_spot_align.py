"""The reference of SPOT-ALIGN itself against the golden numbers, and ours against the reference."""

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402

from sign_jax import parity  # noqa: E402
from sign_jax.golden import compare, seeded  # noqa: E402
from sign_jax.systems import registry  # noqa: E402
from tests import cases  # noqa: E402
from tests.cases import GOLDEN  # noqa: E402
from tests.reference import spot_align_case  # noqa: E402

STEM = GOLDEN / "spot_align"


def test_the_reference_is_golden(monkeypatch):
  facts, arrays = compare.read_case(STEM)
  # These are given in the golden case, and drawn in those that the reference writes.
  drawn, given = seeded.normal, arrays["input/sr_logits"]
  monkeypatch.setattr(
      seeded, "normal", lambda name, *rest: given if name == "input/logits" else drawn(name, *rest)
  )
  found = spot_align_case.quantities(facts)
  rules = compare.rules(registry.get("spot_align"))
  for name, expected in compare.expected_quantities(facts, arrays).items():
    title, _, rest = name.partition("/")
    own = found[title][rest] if isinstance(found.get(title), dict) else found.get(name)
    if name != "fingerprint":
      row = compare.compare(name, own, expected, rules)
      assert row.agrees, row


def test_ours_is_the_reference_on_a_case_of_other_sizes(tmp_path):
  facts = spot_align_case.other_facts(cases.read_facts("spot_align"))
  spot_align_case.write(facts, tmp_path / "case")
  rows = parity.check("spot_align", tmp_path / "case")
  assert not [row for row in rows if not row.agrees]
  golden = compare.expected_quantities(*compare.read_case(STEM))
  assert {row.name for row in rows} >= golden.keys()
  for row in rows:
    if np.isfinite(row.max_rel):
      assert row.max_rel < 2e-5, row
