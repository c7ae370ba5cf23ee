"""A loss that is not finite names the examples and the first tensor, and can be computed again."""

import errno
import json
import os

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax import diagnose
from sign_jax.errors import UserError
from sign_jax.run import task as run_task
from sign_jax.systems import registry
from sign_jax.tasks import finite
from sign_jax.train import loop, nonfinite
from sign_jax.train.state import TrainState
from tests import program
from tests.train import test_loop
from tests.train.test_loop import config

pytestmark = pytest.mark.usefixtures("quick_compile")


@pytest.fixture(autouse=True)
def one_device(monkeypatch):
  first = jax.devices()[:1]
  monkeypatch.setattr(jax, "devices", lambda *_: first)


class Square(nn.Module):
  """The root of the first column; not a number below 0."""

  @nn.compact
  def __call__(self, x):
    return jnp.sqrt(x[:, 0] + self.param("shift", nn.initializers.zeros, ()))


class Model(nn.Module):
  def setup(self):
    self.root = Square()

  def __call__(self, x):
    return jnp.exp(self.root(x))


class Rooted(test_loop.Regression):
  """The mean of a root; `bad` is {step: {row: value}}."""

  def __init__(self, bad=(), **given):
    super().__init__(**given)
    self.bad, self.model = dict(bad), Model()

  def train_batches(self, start_step):
    step = start_step
    while True:
      step += 1
      x = np.full((self.batch_size, 3), np.float32(step))
      for row, value in self.bad.get(step, {}).items():
        x[row] = value
      yield {"x": x, "number": np.arange(4)}

  def init(self, key):
    return self.model.init(key, jnp.ones((4, 3)))

  def loss(self, variables, batch, key, step):
    return self.model.apply(variables, batch["x"]).mean(), ({}, {})

  def constrain(self, params, step):
    return params

  def evaluate(self, variables, split, place):
    return {"score": 1.0}

  def name_examples(self, step, rows):
    return [f"clip {step}-{row}" for row in rows]


NO_RATE = {**test_loop.RATE, "lr": 0.0}


def message(task, workdir, **changes):
  with pytest.raises(UserError) as caught:
    loop.train(task, config(optim=NO_RATE, **changes), workdir)
  return str(caught.value)


def test_the_first_tensor_and_its_examples_are_named(tmp_path):
  text = message(Rooted({7: {1: -4, 3: -1}}), tmp_path, log_every=5)
  assert text.startswith(
      "the loss is nan at step 7: the first tensor that is not finite is root (2 NaN, 0 infinite "
      "of 4), of clip 7-1, clip 7-3: lower --config.optim.lr; "
  )
  assert f"`python -m sign_jax.diagnose {tmp_path / 'nonfinite_step_7.npz'}`" in text
  assert text.endswith("the last checkpoint before it is kept")
  assert test_loop.checkpoints(tmp_path, "last") == [4]


@pytest.mark.parametrize(("value", "counts"), [(np.nan, "3 NaN, 0 inf"), (np.inf, "0 NaN, 3 inf")])
def test_bad_inputs_come_before_what_is_computed_of_them(tmp_path, value, counts):
  text = message(Rooted({2: {2: value}}), tmp_path)
  assert f"the first input that is not finite is x ({counts}inite of 12), of clip 2-2" in text
  assert "mend these data" in text


def test_many_examples_are_counted(tmp_path, monkeypatch):
  monkeypatch.setattr(nonfinite, "_NAMED", 2)
  text = message(Rooted({1: dict.fromkeys(range(4), -1)}), tmp_path)
  assert "of clip 1-0, clip 1-1 and 2 more: " in text


def test_weights_that_are_bad_from_the_start_are_named(tmp_path):
  class Loaded(Rooted):
    def load(self, variables):
      return {"params": {"root": {"shift": np.float32("nan")}}}

  text = message(Loaded(), tmp_path)
  assert "the first weight that is not finite is root/shift (1 NaN" in text
  assert "the weights that training began with are bad" in text


def test_a_dump_says_the_same_again(tmp_path):
  task = Rooted({7: {1: -4}})
  message(task, tmp_path)
  path = tmp_path / "nonfinite_step_7.npz"
  finding, text = diagnose.reproduce(path, task)
  assert finding == nonfinite.Finding("tensor", "root", [1], (1, 0, 4))
  assert text.startswith("the first tensor that is not finite is root") and "clip 7-1" in text
  facts, trees = diagnose.read(path)
  assert facts["step"] == 6 and facts["config"]["seed"] == 5
  np.testing.assert_array_equal(trees["batch"]["x"][1], [-4, -4, -4])


def test_a_step_that_cannot_be_done_again_still_names_the_loss(tmp_path):
  class Once(Rooted):
    starts = 0

    def train_batches(self, start_step):
      self.starts += 1
      if self.starts > 1:
        raise UserError("the data are gone")
      yield from super().train_batches(start_step)

  text = message(Once({3: {0: -1}}), tmp_path)
  assert "the loss is nan at step 3: lower" in text
  assert "(where it begins was not found: the data are gone)" in text


def test_what_gradients_compute_again_is_named_by_what_holds_it(tmp_path):
  class Again(Model):
    def setup(self):
      self.root = nn.remat(Square)()

  task = Rooted({2: {1: -4}})
  task.model = Again()
  text = message(task, tmp_path)
  first = "the first tensor that is not finite is __call__ (1 NaN, 0 infinite of 4)"
  assert f"{first}, of clip 2-1" in text


def test_a_loss_of_finite_tensors_is_named_itself(tmp_path):
  class Total(Model):
    def total(self, x):
      return jnp.log(x.min() - x.max())

  class Summed(Rooted):
    def loss(self, variables, batch, key, step):
      return self.model.total(self.model.apply(variables, batch["x"])), ({}, {})

  task = Summed()
  task.model = Total()
  text = message(task, tmp_path)
  assert "the first loss that is not finite is the loss itself (0 NaN, 1 infinite of 1)" in text


def test_a_full_disk_costs_the_dump_alone(tmp_path, monkeypatch):
  def full(*_args):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

  monkeypatch.setattr(nonfinite, "write", full)
  text = message(Rooted({7: {1: -4}}), tmp_path)
  assert "the first tensor that is not finite is root" in text
  assert "nonfinite_step_7.npz cannot be written (No space left on device)" in text


SETTINGS = {"task": "retrieval", "seed": 0}
CRAFTED = {
    "deep": {"facts": np.array("[" * 15_000)},
    "no settings": {"facts": np.array(json.dumps({"format": 1, "step": 1, "config": [1]}))},
    "odd settings": {"facts": np.array(json.dumps({"format": 1, "step": 1, "config": SETTINGS}))},
    "array in an array": {
        "facts": np.array(json.dumps({"format": 1, "step": 1, "config": SETTINGS})),
        "params/a": np.ones(1), "params/a/b": np.ones(1),
    },
    "other part": {
        "facts": np.array(json.dumps({"format": 1, "step": 1, "config": SETTINGS})),
        "opt/a": np.ones(1),
    },
    "bomb": {
        "facts": np.array(json.dumps({"format": 1, "step": 1, "config": SETTINGS})),
        "params/a": np.zeros(200 << 20, np.uint8),
    },
}


@pytest.mark.parametrize("content", CRAFTED)
def test_crafted_dumps_are_refused_in_one_sentence(tmp_path, capsys, content):
  np.savez_compressed(tmp_path / "a.npz", **CRAFTED[content])
  with pytest.raises(SystemExit) as stop:
    diagnose.main([str(tmp_path / "a.npz")])
  (error,) = capsys.readouterr().err.splitlines()
  assert stop.value.code == 1 and error.startswith(f"error: {tmp_path / 'a.npz'} ")


@pytest.mark.parametrize("content", [None, b"", b"no zip", "arrays", "other format"])
def test_other_files_are_no_dumps(tmp_path, content):
  path = tmp_path / "a.npz"
  if content == "arrays":
    np.savez(path, x=np.ones(3))
  elif content == "other format":
    np.savez(path, facts=np.array(json.dumps({"format": 9, "step": 1, "config": {}})))
  elif content is not None:
    path.write_bytes(content)
  with pytest.raises(UserError, match="no (complete )?dump of a step|there is no file"):
    diagnose.read(path)


def run(monkeypatch, capsys, *args):
  with pytest.raises(SystemExit) as stop:
    program.call(monkeypatch, *args)
  assert stop.value.code == 1
  return capsys.readouterr().err.splitlines()


def test_a_solver_with_too_small_an_epsilon_is_the_reason(data_dir, tmp_path, monkeypatch, capsys):
  args = program.arguments(
      tmp_path / "run", data_dir, steps=3, model__ot__solver="released", model__ot__epsilon=0.001,
      model__distribution__modelling=False,  # quicker to compile
  )
  lines = run(monkeypatch, capsys, *args)
  reason = "model.ot.epsilon=0.001 is too small for model.ot.solver=released"
  assert any(line.startswith(f"warning: {reason}") for line in lines)
  assert "at step 1: the first tensor that is not finite is transport: plans" in lines[-1]
  assert reason in lines[-1] and "use 0.033 or more" in lines[-1]
  assert "optim.lr" not in lines[-1]
  monkeypatch.chdir(os.getcwd())
  with pytest.raises(SystemExit) as stop:
    diagnose.main([str(tmp_path / "run" / "nonfinite_step_1.npz")])
  assert stop.value.code == 1 and reason in capsys.readouterr().out


def test_examples_have_the_names_of_the_batch_that_was_read(data_dir, monkeypatch, tmp_path):
  task = run_task.make(program.parse(monkeypatch, *program.arguments(tmp_path, data_dir)))
  split = task.split("train")
  for step, batch in zip((5, 6), task.train_batches(4), strict=False):
    names = task.name_examples(step, [0, 3])
    for row, name in zip((0, 3), names, strict=True):
      video = next(i for i, v in enumerate(split.video_ids) if f"video {v!r} with" in name)
      features = split.features(video)
      windows = int(batch["video_valid"][row].sum())
      assert windows == min(len(features["agnostic"]), 16)


@pytest.mark.parametrize(("where", "words"), [
    (np.s_[:, :], "all of them"), (np.s_[2], "those of 1 videos, the first '"),
    (np.s_[:, 1], "those of 1 sentences, the first '"), (np.s_[1, 1], "the first of video '"),
])
def test_an_evaluation_names_what_is_not_finite(data_dir, monkeypatch, tmp_path, where, words):
  task = run_task.make(program.parse(monkeypatch, *program.arguments(tmp_path, data_dir)))
  test = task.split("test")
  scores = np.zeros((test.num_videos, test.num_sentences), np.float32)
  scores[where] = np.nan
  monkeypatch.setattr(task, "similarity", lambda *_: scores)
  with pytest.raises(UserError, match=f"are not finite, {words}.*lower --config.optim.lr"):
    task.evaluate({"params": {"w": jnp.ones(2)}}, "test", dict)
  with pytest.raises(UserError, match="the weights params/w are not finite themselves"):
    task.evaluate({"params": {"w": jnp.array([1.0, jnp.inf])}}, "test", dict)


@pytest.mark.parametrize(("name", "words"), [
    ("samples", "log sigma is beyond 88"), ("logit_scale", "logit scale is beyond"),
    ("transport: plans", None), ("video_tower", None),
])
def test_known_reasons_are_told(name, words, monkeypatch):
  model = program.parse(monkeypatch, "--config=configs/upret.py").model
  finding = nonfinite.Finding("tensor", name, [], (1, 0, 1))
  told = registry.get("upret").advice(finding, model) or finite.advice(finding)
  assert words in told if words else told is None


def test_huge_log_sigmas_are_found_to_be_the_reason(data_dir, monkeypatch, tmp_path):
  args = program.arguments(tmp_path, data_dir)
  task = run_task.make(program.parse(monkeypatch, *args))
  # Drawn by numpy: compiling `init` takes longer than all else here.
  rng, shapes = np.random.default_rng(0), jax.eval_shape(task.init, jax.random.key(0))
  variables = jax.tree.map(lambda x: 0.05 * rng.standard_normal(x.shape, np.float32), shapes)
  grown = jax.tree_util.tree_map_with_path(
      lambda path, x: x + 1e4 if "dist_video" in str(path) and "logsig" in str(path) else x,
      variables["params"],
  )
  state = TrainState(0, grown, {}, None)
  finding = nonfinite.examine(task, state, next(task.train_batches(0)), 0)
  assert finding.name == "samples" and "log sigma" in nonfinite.sentence(task, finding, 1)
