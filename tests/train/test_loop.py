"""The loop with a task of its own, of three parameters."""

import gzip
import json
import os
import shutil
import signal

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from sign_jax.errors import ReaderLost, Stopped, UserError
from sign_jax.protocols import Selection
from sign_jax.train import digest, loop, prefetch, profiling, report
from sign_jax.train.step import Evaluator

RATE = {
    "name": "released_adam", "lr": 0.05, "warmup": 0.1, "b1": 0.9, "b2": 0.98, "eps": 1e-6,
    "weight_decay": 0.0, "decay_norms": True, "clip_norm": 1.0,
}


class Regression:
  """Noisy linear regression; `scores` are what validation says, one after another."""

  batch_size, steps_per_epoch, selection, unit = 4, 5, Selection("score"), "rows"
  inputs = {"x": [[3], "float32"]}

  def __init__(self, scores=(), fingerprint="one", at_step=None):
    self.scores, self.fingerprint, self.at_step = list(scores), fingerprint, at_step or {}

  def train_batches(self, start_step):
    step = start_step
    while True:
      self.at_step.get(step, lambda: None)()  # a batch is drawn in the step before its own
      step += 1
      rng = np.random.default_rng((3, step))
      x = rng.standard_normal((self.batch_size, 3), np.float32)
      yield {"x": x, "y": x @ np.float32([1, -2, 3])}

  def init(self, key):
    return {"params": {"w": jax.random.normal(key, (3,))}, "statistics": {"steps": jnp.int32(0)}}

  def load(self, variables):
    return variables

  def loss(self, variables, batch, key, step):
    noise = 0.1 * jax.random.normal(key, (self.batch_size,))
    error = batch["x"] @ variables["params"]["w"] + noise - batch["y"]
    steps = variables["statistics"]["steps"] + 1
    return jnp.mean(error**2), ({"extra": noise[0]}, {"statistics": {"steps": steps}})

  def constrain(self, params, step):
    return {"w": jnp.minimum(params["w"], 1.5)}

  def evaluate(self, variables, split, place):
    del place
    if split == "validation" and self.scores:
      return {"score": float(self.scores.pop(0))}
    return {"score": float(jnp.sum(variables["params"]["w"]))}

  def table(self, results, split):
    return f"table of {split}: {results[f'{split}/score']}"


def config(**changes):
  values = {
      "title": "", "seed": 5, "steps": 12, "epochs": 0, "eval_every": 4, "log_every": 1,
      "eval_batch_size": 4, "mesh": {"fsdp": 1, "tensor": 1}, "optim": RATE, **changes,
  }
  return ml_collections.ConfigDict(values)


@pytest.fixture(autouse=True)
def one_device(monkeypatch):
  """The batch of 4 fits wherever the tests run."""
  first = jax.devices()[:1]
  monkeypatch.setattr(jax, "devices", lambda *_: first)


@pytest.fixture(autouse=True)
def no_curves(request, monkeypatch):
  """Drawing them takes longer than all else here; a file's other tests have no use for them."""
  if request.node.name != "test_a_whole_run":
    monkeypatch.setattr(report, "draw_curves", lambda *_: None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
  """The folder of a run that ended; not to be written to."""
  folder = tmp_path_factory.mktemp("whole")
  with pytest.MonkeyPatch.context() as patch:
    first = jax.devices()[:1]
    patch.setattr(jax, "devices", lambda *_: first)
    patch.setattr(report, "draw_curves", lambda *_: None)
    loop.train(Regression(), config(), folder)
  return folder


@pytest.fixture
def ended(whole, tmp_path):
  """A copy of it."""
  return shutil.copytree(whole, tmp_path / "ended")


def metrics(workdir, name="loss"):
  """{step: value} of metrics.jsonl."""
  rows = report.read_metrics(workdir / "metrics.jsonl")
  return {row["step"]: row[name] for row in rows if name in row}


def checkpoints(workdir, kind):
  return sorted(int(path.name) for path in (workdir / "checkpoints" / kind).iterdir())


def test_a_whole_run(tmp_path, capsys):
  results = loop.train(Regression([1, 3, 3, 2]), config(eval_every=5), tmp_path)
  assert metrics(tmp_path, "validation/score") == {5: 1, 10: 3, 12: 3}  # at the end too
  assert results["best_step"] == 10 and results["seed"] == 5  # the first of equals
  assert results == json.loads((tmp_path / "results.json").read_text())
  assert checkpoints(tmp_path, "best") == [5, 10] and checkpoints(tmp_path, "last") == [10, 12]
  assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == [
      "table of validation", "table of test"
  ]
  assert list(metrics(tmp_path)) == list(range(1, 13)) == list(metrics(tmp_path, "extra"))
  assert (tmp_path / "curves.png").stat().st_size


def test_whole_epochs_without_a_number_of_steps():
  assert loop.total_steps(Regression(), config(steps=0, epochs=3)) == 15
  assert loop.total_steps(Regression(), config(steps=7, epochs=3)) == 7


def test_logged_numbers_are_means_since_the_last_ones(whole, tmp_path):
  loop.train(Regression(), config(log_every=5), tmp_path)
  each, some = metrics(whole), metrics(tmp_path)
  assert list(some) == [4, 5, 8, 10, 12]  # also at each evaluation
  first = 1
  for step, value in some.items():
    assert value == pytest.approx(np.mean([each[s] for s in range(first, step + 1)]), rel=1e-6)
    first = step + 1


def test_a_step_is_a_function_of_state_seed_and_batch():
  trainer = loop.Trainer(Regression(), config())
  batch = next(trainer.task.train_batches(0))
  runs = [trainer.step(trainer.create(), batch) for _ in range(2)]
  assert runs[0][1]["extra"] == runs[1][1]["extra"]
  other = loop.Trainer(Regression(), config(seed=6))
  assert other.step(other.create(), batch)[1]["extra"] != runs[0][1]["extra"]
  state, after = trainer.step(runs[0][0], batch)
  assert after["extra"] != runs[0][1]["extra"]  # other noise at another step
  assert int(state.step) == 2 == int(state.model_state["statistics"]["steps"])


@pytest.mark.parametrize("make", [
    lambda task: Evaluator(task, config()).loaded(),
    lambda task: loop.Trainer(task, config()).create(),
])
def test_initial_weights_are_traced_once(make, monkeypatch):
  """Tracing takes a second and more for a model."""
  calls, init = [], Regression.init
  monkeypatch.setattr(Regression, "init", lambda *args: calls.append(0) or init(*args))
  make(Regression())
  assert len(calls) == 1


def test_a_run_begins_with_the_weights_that_the_task_loads():
  class Loaded(Regression):
    def load(self, variables):
      return {**variables, "params": {"w": np.float32([7, 8, 9])}}

  state = loop.Trainer(Loaded(), config()).create()
  np.testing.assert_array_equal(state.params["w"], [7, 8, 9])
  assert int(state.model_state["statistics"]["steps"]) == 0


class Resident(Regression):
  """Keeps its inputs on the devices; batches say which of them they mean."""

  loads = 0

  def resident(self, place):
    self.loads += 1
    rng = np.random.default_rng(9)
    return place({"all_x": rng.standard_normal((50, 3), np.float32)})

  def train_batches(self, start_step):
    for step, batch in enumerate(super().train_batches(start_step), start_step):
      yield {**batch, "row": (np.arange(4) + 7 * step) % 50}

  def loss(self, variables, batch, key, step):
    x = batch["all_x"][batch["row"]]
    y = x @ jnp.array([1.0, -2, 3])
    return super().loss(variables, {"x": x, "y": y}, key, step)


def test_arrays_that_stay_on_the_devices_meet_each_batch(tmp_path):
  task = Resident()
  loop.train(task, config(steps=40, optim={**RATE, "lr": 0.3}, eval_every=20), tmp_path)
  assert task.loads == 1
  found = list(metrics(tmp_path).values())
  assert found[-1] < 0.7 * found[0]


def test_nothing_is_loaded_to_evaluate(tmp_path):
  loop.train(Resident(), config(), tmp_path)
  task = Resident()
  loop.evaluate(task, config(), tmp_path)
  assert task.loads == 0


def test_parameters_stay_where_they_may_be():
  trainer = loop.Trainer(Regression(), config())
  state, batches = trainer.create(), trainer.task.train_batches(0)
  state = state.replace(params={"w": jnp.full(3, 2.0)})
  state, _ = trainer.step(state, next(batches))
  assert float(state.params["w"].max()) == 1.5


@pytest.mark.parametrize(("kind", "step"), [(signal.SIGTERM, 3), (signal.SIGINT, 8)])
def test_a_signal_stops_after_the_step_and_the_run_goes_on(whole, tmp_path, kind, step):
  handlers = [signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT)]
  stopping = Regression(at_step={step: lambda: os.kill(os.getpid(), kind)})
  with pytest.raises(Stopped, match=f"stopped at step {step}: the same command"):
    loop.train(stopping, config(), tmp_path / "run")
  assert [signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT)] == handlers
  assert checkpoints(tmp_path / "run", "last")[-1] == step
  loop.train(Regression(), config(), tmp_path / "run")
  for name in ("loss", "extra", "validation/score"):
    assert metrics(tmp_path / "run", name) == metrics(whole, name)
  one, other = (folder / "results.json" for folder in (tmp_path / "run", whole))
  assert one.read_bytes() == other.read_bytes()


def test_a_signal_in_the_last_step_lets_the_run_end(tmp_path):
  class Stopped(Regression):
    def evaluate(self, variables, split, place):
      if split == "validation" and not (tmp_path / "metrics.jsonl").read_text().count("score"):
        os.kill(os.getpid(), signal.SIGTERM)
      return super().evaluate(variables, split, place)

  assert loop.train(Stopped(), config(eval_every=12), tmp_path)["best_step"] == 12
  assert (tmp_path / "results.json").exists()


@pytest.mark.parametrize("log_every", [1, 50])
def test_a_bad_loss_names_its_step_and_keeps_the_checkpoint(tmp_path, log_every):
  class Broken(Regression):
    def train_batches(self, start_step):
      for step, batch in enumerate(super().train_batches(start_step), start_step + 1):
        yield {**batch, "y": batch["y"] * (np.float32("nan") if step == 7 else 1)}

  with pytest.raises(UserError, match="the loss is nan at step 7: .* not finite is y .4 NaN"):
    loop.train(Broken(), config(log_every=log_every), tmp_path)
  assert checkpoints(tmp_path, "last") == [4]
  assert not (tmp_path / "results.json").exists()
  assert max(metrics(tmp_path)) < 7


def test_a_bad_gradient_of_a_good_loss_is_noticed(tmp_path):
  class Steep(Regression):
    def loss(self, variables, batch, key, step):
      value, more = super().loss(variables, batch, key, step)
      return value + jnp.sqrt(0 * variables["params"]["w"].sum()), more

  with pytest.raises(UserError, match="gradient norm is nan at step 1: .* is w .*: lower"):
    loop.train(Steep(), config(), tmp_path)
  assert (tmp_path / "metrics.jsonl").read_text() == ""  # NaN is no JSON


def test_the_loop_waits_where_it_logs_and_for_steps_some_way_back(tmp_path, monkeypatch):
  waits, made, steps = [], [], []
  fetch, ready, take = jax.device_get, jax.block_until_ready, loop.Trainer.step

  def stepping(*args):
    state, numbers = take(*args)
    made.append(numbers)
    return state, numbers

  def wait(x):
    # The step whose numbers are waited for, after that many have begun.
    waits.extend((i, len(made)) for i, m in enumerate(made, 1) if x is m or x is m["loss"])
    return ready(x)

  monkeypatch.setattr(loop.Trainer, "step", stepping)
  monkeypatch.setattr(jax, "device_get", lambda x: waits.append("log") or fetch(x))
  monkeypatch.setattr(jax, "block_until_ready", wait)

  class Watched(Regression):
    def evaluate(self, variables, split, place):
      steps.append(list(waits))
      return super().evaluate(variables, split, place)

  loop.train(Watched(), config(eval_every=12, log_every=5), tmp_path)
  assert steps[0] == [
      (1, 1), (1, 3), (2, 4), (3, 5), "log", (6, 8), (7, 9), (8, 10), "log", "log"
  ]


def test_a_state_is_summed_up_once_where_it_is_the_best(tmp_path, monkeypatch):
  summed, leaves = [], digest.leaves
  monkeypatch.setattr(digest, "leaves", lambda x: summed.append(type(x).__name__) or leaves(x))
  loop.train(Regression(scores=[1, 2, 3]), config(), tmp_path)
  assert summed == ["TrainState"] * 3 + ["dict"]  # the last is the best one, read back


def test_the_time_to_the_first_step_is_written_once_a_start(tmp_path, capsys):
  loop.train(Regression(), config(), tmp_path)
  times = metrics(tmp_path, "seconds_to_first_step")
  assert list(times) == [1] and times[1] > 0
  assert f"the first step was done after {times[1]:.1f} s" in capsys.readouterr().err


def test_a_profile_is_a_trace_of_a_few_steps(tmp_path, capsys):
  loop.train(Regression(), config(profile=True), tmp_path)
  assert f"a trace of steps 3 to 5 is in {tmp_path / 'profile'}" in capsys.readouterr().err
  (events,) = (tmp_path / "profile").rglob("*.trace.json.gz")
  events = json.loads(gzip.decompress(events.read_bytes()))["traceEvents"]
  named = [event["args"] for event in events if event.get("name") == profiling.NAME]
  assert sorted(int(arguments["step_num"]) for arguments in named) == [3, 4, 5]
  assert list((tmp_path / "profile").rglob("*.xplane.pb"))


def test_the_next_batch_is_placed_before_the_step_that_needs_it():
  events = []
  source = (events.append(f"draw {i}") or i for i in range(4))
  for batch in prefetch.to_devices(source, lambda i: events.append(f"place {i}") or i):
    events.append(f"step {batch}")
  assert [event for event in events if not event.startswith("draw")] == [
      "place 0", "place 1", "step 0", "place 2", "step 1", "place 3", "step 2", "step 3"
  ]


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_results_wait_on_the_devices_in_order_and_not_too_many(depth):
  begun, fetched = [], []
  results = (begun.append(i) or i for i in range(5))
  for i in prefetch.from_devices(results, lambda i: -i, depth):
    fetched.append(i)
    assert len(begun) == min(len(fetched) + depth - 1, 5)
  assert fetched == [0, -1, -2, -3, -4]


def test_other_data_do_not_go_on(ended):
  with pytest.raises(UserError, match="the data set has changed"):
    loop.train(Regression(fingerprint="two"), config(), ended)


def test_damaged_checkpoints_are_kept_and_said_each_time(ended):
  folder = ended / "checkpoints" / "last"
  for path in folder.rglob("*"):
    if path.is_file() and "tree" in path.parts:
      path.write_bytes(b"")
  for _ in range(2):
    with pytest.raises(UserError, match="none of the checkpoints .* can be read"):
      loop.train(Regression(), config(), ended)
  assert checkpoints(ended, "last") == [8, 12]


def test_the_steps_before_a_lost_reader_are_kept(tmp_path):
  def lose():
    raise ReaderLost("no batch came")

  loop.train(Regression(), config(log_every=5), tmp_path / "whole")
  with pytest.raises(ReaderLost, match="no batch came"):
    loop.train(Regression(at_step={10: lose}), config(log_every=5), tmp_path / "run")
  # A batch is drawn two steps ahead.
  assert checkpoints(tmp_path / "run", "last")[-1] == 9
  loop.train(Regression(), config(log_every=5), tmp_path / "run")
  one, other = (tmp_path / name / "results.json" for name in ("run", "whole"))
  assert one.read_bytes() == other.read_bytes()


def test_a_reader_lost_before_the_first_step_leaves_no_checkpoint(tmp_path):
  def lose():
    raise ReaderLost("no batch came")

  with pytest.raises(ReaderLost):
    loop.train(Regression(at_step={0: lose}), config(), tmp_path)
  assert not list((tmp_path / "checkpoints" / "last").glob("[0-9]*"))
