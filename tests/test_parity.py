"""The systems against numbers measured on the released PyTorch code, and the tool that says so."""

import json

import jax
import numpy as np
import pytest

from sign_jax import parity
from sign_jax.errors import UserError
from sign_jax.golden import compare, retrieval_inputs
from sign_jax.run import task as run_task
from sign_jax.systems import registry
from sign_jax.systems.upret import golden as upret
from sign_jax.train.step import rule_of
from tests import cases
from tests.cases import GOLDEN

# Compiling takes most of the time.
pytestmark = pytest.mark.usefixtures("quick_compile")
STEMS = {"upret": "upret_tiny", "cico": "cico_tiny", "i3d": "i3d", "seds": "seds_tiny"}


def quantities(system, facts):
  return compare.quantities(registry.get(system), facts, run_task.make)


@pytest.fixture(scope="module")
def computed(quick_compile):
  """Our quantities of every case, computed once; those of SEDS in tests/test_parity_seds.py."""
  systems = [system for system in STEMS if system != "seds"]
  return {system: quantities(system, cases.read_facts(STEMS[system])) for system in systems}


@pytest.fixture
def recheck(computed):
  """`parity.check` of a file, with our quantities from before."""
  return lambda system, stem: rows(system, stem, computed[system])


def rows(system, stem, found):
  return compare.rows(*compare.read_case(stem), found, compare.rules(registry.get(system)))


def bad(rows):
  return [row for row in rows if not row.agrees]


@pytest.mark.parametrize(("system", "count"), [("upret", 247), ("cico", 69), ("i3d", 3)])
def test_every_golden_number_agrees(recheck, system, count):
  rows = recheck(system, GOLDEN / STEMS[system])
  assert not bad(rows)
  assert len(rows) == count


def test_losses_agree_far_below_the_tolerance(recheck):
  for system in ("upret", "cico"):
    rows = {row.name: row for row in recheck(system, GOLDEN / STEMS[system])}
    assert rows["loss"].max_rel < 1e-6
    assert rows["i2t_logits"].max_rel < 1e-5


@pytest.mark.parametrize("solver", ["ott", "closed_form"])
def test_other_solvers_agree_on_the_golden_step(solver):
  facts, golden = compare.read_case(GOLDEN / "upret_tiny")
  task = cases.make_task("upret", facts, model__ot__solver=solver, model__ot__iterations=50)
  step = jax.jit(lambda variables: cases.loss(task, variables, noise=retrieval_inputs.noise()))
  loss, out = step(cases.variables("upret", facts, task))
  np.testing.assert_allclose(loss, golden["loss"], rtol=1e-5)
  np.testing.assert_allclose(out["plans"], golden["ot_plan"], atol=5e-5)


def changed_copy(system, folder, change):
  """A copy of a golden case after `change(facts, arrays)`."""
  facts, arrays = compare.read_case(GOLDEN / STEMS[system])
  change(facts, arrays)
  (folder / "case.json").write_text(json.dumps(facts))
  np.savez(folder / "case.npz", **arrays)
  return folder / "case"


def largest_changed(name):
  def change(facts, arrays):
    array = np.array(arrays[name])
    array.flat[np.abs(array).argmax()] *= 1.01
    arrays[name] = array

  return change


def median_changed(name):
  def change(facts, arrays):
    array = np.array(arrays[name])
    array.flat[np.argsort(np.abs(array).ravel())[array.size // 2]] *= 1.01
    arrays[name] = array

  return change


@pytest.mark.parametrize("pick", [largest_changed, median_changed])
@pytest.mark.parametrize("name", np.load(GOLDEN / "upret_tiny.npz").files)
def test_one_number_changed_by_one_percent_fails(recheck, tmp_path, name, pick):
  stem = changed_copy("upret", tmp_path, pick(name))
  assert [row.name for row in bad(recheck("upret", stem))] == [name]


@pytest.mark.parametrize("title", ["grad_norms", "change_norms_after_trajectory"])
def test_one_norm_changed_by_one_percent_fails(recheck, tmp_path, title):
  def change(facts, arrays):
    facts[title]["clip.visual.proj"] *= 1.01

  stem = changed_copy("upret", tmp_path, change)
  assert [row.name for row in bad(recheck("upret", stem))] == [f"{title}/clip.visual.proj"]


def test_unknown_and_missing_quantities_fail(recheck, tmp_path):
  def change(facts, arrays):
    arrays["surprise"] = np.zeros(2)
    del arrays["loss"]

  rows = bad(recheck("cico", changed_copy("cico", tmp_path, change)))
  assert {row.name: row.verdict for row in rows} == {
      "surprise": "unknown quantity", "loss": "missing in the file"
  }


def test_another_learning_rate_moves_parameters_as_much_more():
  """The norms of the trajectory follow; one of them that is changed by one percent fails above."""
  facts = cases.read_facts("upret_tiny")
  changes = []
  for rate in (facts["lr"], 1.01 * facts["lr"]):
    changed = {**facts, "lr": rate}
    config = upret.settings(registry.get("upret"), changed, {})
    rule = rule_of(cases.make_task("upret", changed), config)
    params = {"visual": {"proj": np.ones((2, 2), np.float32)}}
    state = rule.optimizer.init(params)
    for _ in range(2):  # the first step has rate 0
      update, state = rule.optimizer.update(params, state, params)
    changes.append(update["visual"]["proj"])
  np.testing.assert_allclose(changes[1], 1.01 * changes[0], rtol=1e-5)
  assert np.abs(changes[0]).min() > 0


def test_another_seed_prefix_and_batch_change_the_numbers_and_agree(tmp_path):
  """A case that `quantities` itself made passes; against the old numbers it fails."""
  facts = cases.read_facts("cico_tiny") | {"seed_prefix": "fresh/", "batch": 4}
  found = quantities("cico", facts)
  facts["fingerprint"] = float(found["fingerprint"])
  facts["grad_norms"] = {
      name.removeprefix("grad_norms/"): float(x)
      for name, x in found.items() if name.startswith("grad_norms/")
  }
  stem = tmp_path / "case"
  stem.with_suffix(".json").write_text(json.dumps(facts))
  arrays = {n: x for n, x in found.items() if "/" not in n and n != "fingerprint"}
  np.savez(stem.with_suffix(".npz"), **arrays)
  assert not bad(rows("cico", stem, found))
  assert found["i2t_logits"].shape == (4, 4)
  (tmp_path / "case.npz").write_bytes((GOLDEN / "cico_tiny.npz").read_bytes())
  names = {row.name for row in bad(rows("cico", stem, found))}
  assert {"loss", "i2t_logits"} <= names


def test_the_command_prints_a_table_and_its_status(computed, monkeypatch, capsys, tmp_path):
  monkeypatch.setattr(compare, "quantities", lambda system, *_: computed[system.name])
  parity.main(["i3d", str(GOLDEN / "i3d")])
  printed = capsys.readouterr().out
  assert "embds" in printed and "3 quantities agree, 0 do not" in printed
  stem = changed_copy("i3d", tmp_path, largest_changed("logits"))
  with pytest.raises(SystemExit) as stop:
    parity.main(["i3d", str(stem)])
  assert stop.value.code == 1
  assert "DISAGREES" in capsys.readouterr().out


def test_wrong_files_are_one_sentence(tmp_path):
  with pytest.raises(UserError, match="there is no file .*nothing.json"):
    parity.check("upret", tmp_path / "nothing")
  for ending in ("json", "npz"):
    (tmp_path / f"damaged.{ending}").write_text("{")
  with pytest.raises(UserError, match="cannot both be read"):
    parity.check("upret", tmp_path / "damaged")
  stem = changed_copy("i3d", tmp_path, lambda *_: None)
  with pytest.raises(UserError, match="no case of upret"):
    parity.check("upret", stem)


def test_nested_json_is_one_sentence_and_names_are_shown_as_text(tmp_path):
  (tmp_path / "a.json").write_text("[" * 99_999)
  np.savez(tmp_path / "a.npz", x=np.ones(1))
  with pytest.raises(UserError, match="cannot both be read"):
    compare.read_case(tmp_path / "a")
  row = compare.compare("loss\x1b[2J\nok", 1.0, 1.0)
  assert "loss\\x1b[2J\\nok " in compare.table([row])
