"""What becomes of a run whose checkpoints are damaged, and of an evaluation on other data."""

import json
import shutil

import jax
import pytest

from sign_jax.train import loop
from tests.train.test_checkpoint import DAMAGES, break_it
from tests.train.test_loop import (  # noqa: F401
  Regression,
  checkpoints,
  config,
  no_curves,
  one_device,
)

SCORES = [2, 3, 1]  # of validation at steps 4, 8 and 12
LONGER = {"steps": 16}


def results(workdir, name="results.json"):
  return json.loads((workdir / name).read_text())


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
  """The folder of a run that is not to be written to."""
  folder = tmp_path_factory.mktemp("trained")
  with pytest.MonkeyPatch.context() as patch:
    first = jax.devices()[:1]
    patch.setattr(jax, "devices", lambda *_: first)
    loop.train(Regression(SCORES), config(), folder)
  assert results(folder)["best_step"] == 8
  return folder


@pytest.fixture
def run(trained, tmp_path):
  return shutil.copytree(trained, tmp_path / "run")


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("start", [loop.train, loop.evaluate])
def test_a_damaged_best_checkpoint_costs_nothing_while_its_state_is_there(run, start, damage):
  before = results(run)
  break_it(run / "checkpoints/best/8", damage)
  after = start(Regression([before["validation/score"]]), config(), run)
  assert after == results(run) == before
  # ... and it is mended.
  shutil.rmtree(run / "checkpoints/last/8")
  assert loop.evaluate(Regression([before["validation/score"]]), config(), run) == before


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("start", [loop.train, loop.evaluate])
def test_a_lost_best_checkpoint_is_said_and_the_best_left_is_evaluated(run, start, damage, capsys):
  break_it(run / "checkpoints/best/8", damage)
  shutil.rmtree(run / "checkpoints/last/8")
  after = start(Regression(), config(), run)
  assert (after["best_step"], after["lost_best_step"]) == (4, 8)
  assert "of step 8, cannot be read" in capsys.readouterr().err
  assert results(run) == after
  shutil.rmtree(run / "checkpoints/best")
  after = start(Regression(), config(), run)
  assert (after["best_step"], after["lost_best_step"]) == (12, 8)
  assert checkpoints(run, "best") == [12]


def test_a_run_that_lost_its_best_goes_on_and_chooses_anew(run):
  shutil.rmtree(run / "checkpoints/best/8")
  shutil.rmtree(run / "checkpoints/last/8")
  after = loop.train(Regression([2.5]), config(**LONGER), run)  # better than step 4, not than 8
  assert (after["best_step"], after["lost_best_step"]) == (16, 8)


def test_a_loss_is_forgotten_when_something_better_is_found(run):
  shutil.rmtree(run / "checkpoints/best/8")
  after = loop.train(Regression([7]), config(**LONGER), run)
  assert after["best_step"] == 16 and "lost_best_step" not in after


def test_the_newest_state_and_its_best_may_both_be_damaged(tmp_path):
  loop.train(Regression([1, 2, 3]), config(), tmp_path)
  for folder in ("last/12", "best/12"):
    break_it(tmp_path / "checkpoints" / folder, "bit")
  before = results(tmp_path)
  # Step 12 is done again from step 8.
  assert loop.train(Regression([3]), config(), tmp_path)["best_step"] == before["best_step"] == 12


def test_results_say_what_they_measured(run):
  found = results(run)
  assert found["fingerprint"] == "one" and found["seed"] == 5
  assert all(f"{name} " in found["versions"] for name in ("sign_jax", "jax", "flax", "python"))


def test_numbers_of_other_data_are_not_the_results_of_the_run(run, capsys):
  before = (run / "results.json").read_bytes()
  found = loop.evaluate(Regression(fingerprint="two-and-more"), config(), run)
  assert (run / "results.json").read_bytes() == before
  assert (found["fingerprint"], found["trained_on"]) == ("two-and-more", "one")
  assert found == results(run, "results-data=two_and_.json")
  assert "not the one that this run was trained on" in capsys.readouterr().err


def test_numbers_with_other_settings_are_not_the_results_of_the_run(run):
  before = (run / "results.json").read_bytes()
  found = loop.evaluate(Regression(), config(), run, changed=("ties=released",))
  assert (run / "results.json").read_bytes() == before
  assert found == results(run, "results-ties=released.json")


def test_sentences_of_other_settings_do_not_replace_those_of_the_run(run):
  (run / "said_test.txt").write_text("of the run")
  task = Regression()
  task.texts = lambda split: {f"said_{split}.txt": "of another"}
  loop.evaluate(task, config(), run, changed=("ties=released",))
  assert (run / "said_test.txt").read_text() == "of the run"
  assert (run / "said_test-ties=released.txt").read_text() == "of another"
  loop.evaluate(task, config(), run)
  assert (run / "said_test.txt").read_text() == "of another"
