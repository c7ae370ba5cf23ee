"""SignVTCL and TwoStream-SLR against numbers of released code, and of our reading of the rest.

Those of training are in test_golden_training.py.
"""

import json

import numpy as np
import pytest

from sign_jax.errors import UserError
from sign_jax.golden import compare
from sign_jax.run import task as run_task
from sign_jax.systems.signvtcl import card, golden, operator_case
from tests.cases import GOLDEN, read_facts

pytestmark = pytest.mark.usefixtures("quick_compile")
STEM = GOLDEN / "signvtcl"
ARRAYS = [name for name in np.load(f"{STEM}.npz").files if not name.startswith("input/")]
FAR = 5e-6  # the tolerances of most are wider


@pytest.fixture(scope="module")
def case():
  """(facts, {name: number} of the file, the case)."""
  facts, arrays = compare.read_case(STEM)
  return facts, arrays, golden.Case(facts)


def assert_golden(found, arrays, beginnings):
  """Agrees, and has all numbers of the file whose names begin so."""
  wanted = {name for name in arrays if name.startswith(beginnings) and name in ARRAYS}
  assert set(found) == wanted
  for name, x in found.items():
    row = compare.compare(name, np.asarray(x), arrays[name], golden.RULES)
    assert row.agrees and row.max_rel < FAR, row


def test_glosses_are_those_of_the_file(case):
  """Where sentences end, the file has a 1."""
  facts, arrays, ours = case
  for number, count in enumerate(facts["inputs"]["gloss_counts"]):
    expected = arrays["input/glosses"][number]
    np.testing.assert_array_equal(ours.glosses[number, :count], expected[:count])
    assert not ours.glosses[number, count:].any()


def test_mbart(case):
  assert_golden(case[2].mbart(), case[1], "mbart/")


@pytest.mark.parametrize("kind", ["base", "vtcl"])
def test_evaluation(case, kind):
  assert_golden(case[2].evaluated(kind), case[1], f"{kind}_eval/")


def test_operators(case):
  facts, arrays, _ = case
  others = ("ctc/", "dtw/", "align/", "sentence/", "flow/", "sampling/", "wer/", "beam/")
  assert_golden(operator_case.quantities(facts), arrays, others)
  assert all(row.agrees for row in operator_case.texts(facts["text_cases"]))


def test_what_another_case_may_change_reaches_its_batches(case):
  """A prefix of names, the batch's size, lengths, and numbers of glosses."""
  facts, _, ours = case
  inputs = facts["inputs"] | {"lengths": [8, 32, 20], "gloss_counts": [1, 0, 5]}
  changed = facts | {"params": [], "seed_prefix": "other/", "batch": 3, "inputs": inputs}
  other = golden.Case(changed)
  assert (other.glosses > 0).sum(1).tolist() == [1, 0, 5]
  assert other.glosses[2, 2] == other.glosses[2, 0]
  assert not np.array_equal(other.glosses[0, :1], ours.glosses[0, :1])
  for kind in ("base", "vtcl"):
    for name, x in other.inputs(kind).items():
      assert len(x) == 3 and not np.array_equal(x[:2], ours.inputs(kind)[name])


@pytest.fixture
def recheck(monkeypatch, tmp_path):
  """Rows of the case after `change(facts, arrays)`, with the file's numbers in place of ours."""
  facts, arrays = compare.read_case(STEM)
  facts.pop("text_cases")
  monkeypatch.setattr(
      golden, "quantities", lambda *_: compare.expected_quantities(facts, arrays)
  )

  def check(change=lambda facts, arrays: None):
    facts, arrays = read_facts("signvtcl"), dict(np.load(f"{STEM}.npz"))
    change(facts, arrays)
    (tmp_path / "case.json").write_text(json.dumps(facts))
    np.savez(tmp_path / "case.npz", **arrays)
    return golden.check(card.SYSTEM, tmp_path / "case", run_task.make)

  return check


def bad(rows):
  return [row.name for row in rows if not row.agrees]


def test_every_number_of_the_file_has_a_row(recheck):
  rows = recheck()
  assert not bad(rows)
  facts = read_facts("signvtcl")
  expected = {*ARRAYS, "fingerprint", *(f"grad_norms/{name}" for name in facts["grad_norms"]),
              *(f"text_cases/{number}" for number in range(len(facts["text_cases"])))}
  assert len(rows) == len(expected) and {row.name for row in rows} == expected


def test_each_number_changed_by_one_percent_fails(recheck):
  """All at once: each has a row of its own."""
  def change(facts, arrays):
    facts["fingerprint"] *= 1.01
    for name in facts["grad_norms"]:
      facts["grad_norms"][name] *= 1.01
    for name in ARRAYS:
      array = np.array(arrays[name], np.float64)
      place = np.abs(array).argmax()
      array.flat[place] = array.flat[place] * 1.01 if array.flat[place] else 0.01
      arrays[name] = array

  zero = [f"grad_norms/vtcl.fusion.{number}.2.bias" for number in range(3)]
  fine = [row.name for row in recheck(change) if row.agrees]
  assert sorted(name for name in fine if "text_cases" not in name) == zero


@pytest.mark.parametrize("key", ["substitutions", "reference_clean", "reference_words"])
def test_a_changed_sentence_fails(recheck, key):
  def change(facts, arrays):
    case = facts["text_cases"][3]
    case[key] = case[key] + "X" if isinstance(case[key], str) else case[key] + 1

  assert bad(recheck(change)) == ["text_cases/3"]


def test_a_case_of_another_system_is_one_sentence():
  with pytest.raises(UserError, match="cico_tiny is no case of signvtcl: it lacks 'inputs'"):
    golden.check(card.SYSTEM, GOLDEN / "cico_tiny", run_task.make)
