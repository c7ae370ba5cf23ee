"""SEDS as a retrieval task: its terms, its statistics, on one device and on eight."""

import json

import jax
import numpy as np
import pytest

from sign_jax.errors import UserError
from tests import program
from tests.systems.seds import small as small_seds

pytestmark = pytest.mark.usefixtures("quick_compile")


@pytest.fixture(scope="module")
def task():
  return small_seds.make_task()


@pytest.fixture(scope="module")
def variables(task):
  return small_seds.make_variables(task)


@pytest.fixture(scope="module")
def step(task, variables):
  """See `small_seds.step`; on one device."""
  return small_seds.step(task, variables)


def test_a_step_says_its_terms_and_updates_the_statistics(step, variables):
  found = dict(step)
  terms = [found.pop(f"loss_{name}") for name in ("fusion", "pose", "rgb", "match")]
  assert found.pop("loss") == pytest.approx(sum(terms), rel=1e-5) and min(terms) > 0
  assert found.pop("logit_scale") == pytest.approx(float(variables["params"]["logit_scale"]))
  before = jax.tree_util.tree_leaves_with_path(variables["batch_stats"])
  names = {"batch_stats/" + "/".join(key.key for key in path): x for path, x in before}
  assert found.keys() == names.keys()
  assert all(np.any(found[name] != x) for name, x in names.items())
  assert all(np.isfinite(x).all() for x in found.values())


def test_evaluation_reads_the_running_statistics(task, variables):
  scores = task.similarity(variables, "test", lambda batch: batch)
  assert scores.shape == (11, 9) and np.isfinite(scores).all()
  other = jax.tree.map(lambda x: x + 0.5, variables["batch_stats"])
  changed = task.similarity({**variables, "batch_stats": other}, "test", lambda batch: batch)
  assert np.abs(scores - changed).max() > 1e-4


@pytest.mark.parametrize(("changes", "words"), [
    ({"data__placement": "device"}, "holds no poses.*--config.data.placement=host"),
    ({"data__no_hands": "no"}, "data.no_hands='no' is not one of skip, stop"),
    ({"model__streams": "depth"}, "streams='depth' is not one of both, pose, rgb"),
    ({"model__fusion__kind": "cgav"}, "kind='cgav' is not one of .*did you mean 'cgaf'"),
    ({"model__fusion__sampling": "no"}, "sampling='no' is not one of released, exact"),
    ({"model__fusion__roles": "no"}, "roles='no' is not one of released, paper"),
])
def test_choices_that_do_not_exist(changes, words):
  with pytest.raises(UserError, match=words):
    small_seds.make_task(**changes)


@pytest.mark.parametrize("changes", [
    {"model__variant": "paper"}, {"model__streams": "rgb"},
    {"model__fusion__kind": "concat_transformer", "model__beta": 0.0},
], ids=lambda changes: " ".join(f"{k[7:]}={v}" for k, v in changes.items()))  # fmt: skip
def test_every_switch_makes_a_model(changes):
  """Traced: `tests/systems/seds/test_model.py` and `tests/modules/test_cgaf.py` compute them.

  The pose stream alone is what the program below trains.
  """
  task = small_seds.make_task(**changes)
  variables = jax.eval_shape(task.init, jax.random.key(0))
  batch = next(task.train_batches(0))
  loss, (metrics, state) = jax.eval_shape(task.loss, variables, batch, jax.random.key(1), 0)
  assert loss.shape == ()
  assert state.keys() == variables.keys() - {"params"}
  streams = changes.get("model__streams", "both")
  terms = {"fusion", "pose", "rgb", "match"} if streams == "both" else {streams}
  terms -= {"match"} if changes.get("model__beta") == 0.0 else set()
  assert metrics.keys() - {"logit_scale"} == {f"loss_{name}" for name in terms}


def test_eight_devices_have_the_statistics_of_one(step, tmp_path):
  status, _, error = program.run("tests.systems.seds.small", tmp_path / "8.json", devices=8)
  assert status == 0, error
  eight = json.loads((tmp_path / "8.json").read_text())
  assert step.keys() == eight.keys() and sum(name.startswith("batch_stats") for name in step) > 40
  for name, value in step.items():
    np.testing.assert_allclose(eight[name], value, rtol=1e-4, atol=1e-5, err_msg=name)


def test_the_program_trains_resumes_and_evaluates(data_dir, tmp_path, monkeypatch):
  # The pose stream alone has the batch statistics, and compiles in a third of the time.
  args = lambda name: program.arguments(
      tmp_path / name, data_dir, "seds", **program.SMALL_SEDS, **{"model.streams": "pose"},
      steps=3, eval_every=3,
  )
  program.share_compiled(monkeypatch)
  whole = program.call(monkeypatch, *args("whole"))
  assert whole["test/left_out"] == 0 and 0 <= whole["test/t2v/R@1"] <= 100
  with monkeypatch.context() as patch:
    program.stop_at(1, patch)
    with pytest.raises(SystemExit):
      program.call(patch, *args("stopped"))
  # Batch statistics come back with the parameters, for training and for evaluation.
  assert program.call(monkeypatch, *args("stopped")) == whole
  rows = lambda name: [x for x in program.metrics(tmp_path / name) if "loss" in x]
  losses = lambda name: [x["loss"] for x in rows(name)]
  assert losses("stopped") == losses("whole")
  assert {name for name in rows("whole")[0] if name.startswith("loss_")} == {"loss_pose"}
