"""Whole pipelines against the released ones: 642 real sentences, and 20 training steps.

UPRet's evaluation, which takes as long as CiCo's, is in test_pipelines_from_files.py.
"""

import numpy as np
import pytest

from sign_jax.golden import compare
from sign_jax.run import task as run_task
from sign_jax.systems import registry
from tests.cases import GOLDEN

CASES = {"cico_phoenix14t": ("cico", 15), "upret_20_steps": ("upret", 8)}  # quantities


@pytest.fixture(scope="module")
def computed(quick_compile):
  """{case: our quantities}, each computed once."""
  found = {}

  def of(name):
    if name not in found:
      facts, _ = compare.read_case(GOLDEN / "e2e" / name)
      card = registry.get(CASES[name][0])
      found[name] = compare.quantities(card, facts, run_task.make)
    return found[name]

  return of


def rows(name, found):
  """{quantity: Row} of a case and of what was found for it."""
  facts, arrays = compare.read_case(GOLDEN / "e2e" / name)
  rules = compare.rules(registry.get(CASES[name][0]))
  return {row.name: row for row in compare.rows(facts, arrays, found, rules)}


@pytest.mark.parametrize("name", CASES)
def test_every_number_agrees(name, computed):
  found = rows(name, computed(name))
  assert not [row for row in found.values() if not row.agrees]
  assert len(found) == CASES[name][1]
  for quantity in {"part", "row_mean", "losses", "video_part"} & found.keys():
    assert found[quantity].max_rel < 1e-6


@pytest.mark.parametrize(("name", "quantity", "factor"), [
  ("cico_phoenix14t", "part", 1 + 2e-5), ("cico_phoenix14t", "col_mean", 1 + 2e-5),
  ("cico_phoenix14t", "v2t/R1", 1 + 1 / 439), ("cico_phoenix14t", "t2v/MeanR", 1 + 1 / 4188),
  ("upret_20_steps", "losses", 1 + 2e-5), ("upret_20_steps", "windows", 1.01),
])  # fmt: skip
def test_one_number_that_is_a_little_off_disagrees(name, quantity, factor, computed):
  """Of the ranks: one query that is found too many, one rank too far."""
  found = dict(computed(name))
  wrong = np.array(found[quantity], np.float64)
  wrong.flat[np.abs(wrong).argmax()] *= factor
  found[quantity] = wrong
  assert [row.name for row in rows(name, found).values() if not row.agrees] == [quantity]
