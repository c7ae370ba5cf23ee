"""The systems against numbers measured on the released PyTorch code, and the tool that says so."""

import json
import pathlib
import shutil

import jax
import numpy as np
import pytest

from sign_jax import parity
from sign_jax.errors import UserError
from sign_jax.golden import seeded
from sign_jax.systems import registry
from sign_jax.systems.upret import golden as retrieval

GOLDEN = pathlib.Path(__file__).parent / "golden"
STEMS = {"upret": "upret_tiny", "cico": "cico_tiny", "i3d": "i3d", "seds": "seds_tiny"}


@pytest.fixture(scope="module")
def computed():
  """Our quantities of every case, computed once."""
  found = {}
  for system, stem in STEMS.items():
    if system == "seds":  # in tests/test_parity_seds.py
      continue
    facts, _ = parity.read_case(GOLDEN / stem)
    found[system] = parity.SYSTEMS[system](system, facts)
  return found


@pytest.fixture
def recheck(computed, monkeypatch):
  """`parity.check` on a changed file, with our quantities from before."""

  def check(system, stem):
    monkeypatch.setitem(parity.SYSTEMS, system, lambda *_: dict(computed[system]))
    return parity.check(system, stem)

  return check


def bad(rows):
  return [row for row in rows if not row.verdict.startswith("ok")]


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
def test_other_solvers_agree_on_the_golden_step(computed, solver):
  facts, golden = parity.read_case(GOLDEN / "upret_tiny")
  model = retrieval.build_model("upret", facts)
  model = model.clone(ot={**model.ot, "solver": solver, "iterations": 50})
  batch, noise = retrieval.make_batch(), retrieval.make_noise()
  variables = retrieval.load_variables("upret", facts, model, batch)
  step = lambda p: retrieval.compute_loss(model, p, batch, noise)
  loss, out = jax.jit(step)(variables["params"])
  np.testing.assert_allclose(loss, golden["loss"], rtol=1e-5)
  np.testing.assert_allclose(out["plans"], golden["ot_plan"], atol=5e-5)


@pytest.mark.parametrize("system", ["upret", "cico"])
def test_the_configurations_default_is_the_golden_model(system):
  facts, _ = parity.read_case(GOLDEN / STEMS[system])
  golden = retrieval.build_model(system, facts)
  config = registry.get(system).config("how2sign").model
  config.update({"video": golden.video, "text": golden.text, "embed_dim": golden.embed_dim})
  ours = registry.get(system).build(config, {"video_valid": [[retrieval.VIDEO_LENGTH], "bool"]})
  for name in ("token_pooling", "mask_padding", "temperature"):
    assert getattr(ours, name) == getattr(golden, name), name
  if system == "upret":
    # Golden numbers are without dropout; the solver is compared by itself.
    assert {**ours.distribution, "dropout": 0.0} == golden.distribution
    for name in ("weight", "scaled", "level", "epsilon"):
      assert ours.ot[name] == golden.ot[name], name


def changed_copy(system, folder, change):
  """A copy of a golden case after `change(facts, arrays)`."""
  facts, arrays = parity.read_case(GOLDEN / STEMS[system])
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


def test_another_learning_rate_fails(computed, tmp_path, monkeypatch):
  def faster(facts, _):
    facts["lr"] *= 1.01

  def quantities(system, facts):
    """Computes anew what is computed with the learning rate, and nothing else."""
    model, batch = retrieval.build_model(system, facts), retrieval.make_batch()
    params = retrieval.load_variables(system, facts, model, batch)["params"]
    noise = retrieval.make_noise("", facts["batch"], model.embed_dim)
    found = retrieval._trajectory(model, params, facts, batch, noise)
    assert found.keys() < computed[system].keys()
    return {**computed[system], **{name: np.asarray(x) for name, x in found.items()}}

  monkeypatch.setitem(parity.SYSTEMS, "upret", quantities)
  rows = bad(parity.check("upret", changed_copy("upret", tmp_path, faster)))
  names = {row.name.split("/")[0] for row in rows}
  assert "change_norms_after_trajectory" in names and "i2t_logits" not in names


def test_another_seed_prefix_and_batch_change_the_numbers_and_agree(tmp_path, monkeypatch):
  """A case that `quantities` itself made passes; against the old numbers it fails."""
  facts, _ = parity.read_case(GOLDEN / "cico_tiny")
  facts |= {"seed_prefix": "fresh/", "batch": 4}
  found = retrieval.quantities("cico", facts)
  facts["fingerprint"] = seeded.fingerprint(seeded.state_dict(facts))
  facts["grad_norms"] = {
      name.removeprefix("grad_norms/"): float(x)
      for name, x in found.items() if name.startswith("grad_norms/")
  }
  (tmp_path / "case.json").write_text(json.dumps(facts))
  np.savez(tmp_path / "case.npz", **{n: x for n, x in found.items() if "/" not in n})

  def again(system, read):
    assert system == "cico" and (read["seed_prefix"], read["batch"]) == ("fresh/", 4)
    return dict(found)

  monkeypatch.setitem(parity.SYSTEMS, "cico", again)
  assert not bad(parity.check("cico", tmp_path / "case"))
  assert found["i2t_logits"].shape == (4, 4)
  shutil.copy(GOLDEN / "cico_tiny.npz", tmp_path / "case.npz")
  names = {row.name for row in bad(parity.check("cico", tmp_path / "case"))}
  assert {"loss", "i2t_logits"} <= names


def test_the_command_prints_a_table_and_its_status(computed, monkeypatch, capsys, tmp_path):
  monkeypatch.setitem(parity.SYSTEMS, "i3d", lambda *_: dict(computed["i3d"]))
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
    parity.read_case(tmp_path / "a")
  row = parity.compare("loss\x1b[2J\nok", 1.0, 1.0)
  assert "loss\\x1b[2J\\nok " in parity.table([row])
