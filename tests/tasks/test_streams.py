"""Systems train on feature streams of any name, and read no others than they combine."""

import json

import jax
import numpy as np
import pytest

import sign_jax
from data_builders import build
from sign_jax import export
from sign_jax.data import pipeline
from sign_jax.data.records import SplitSource
from sign_jax.data.source import RetrievalSplit
from sign_jax.errors import UserError
from sign_jax.run import checks
from sign_jax.run import task as run_task
from sign_jax.systems import registry
from tests import program
from tests.data import tiny
from tests.data_builders import test_video_folder as own
from tests.data_builders import trees

SETTINGS = {
  **program.SMALL_MODEL, "data.video_length": 8, "data.text_length": 8,
  "batch_size": 3, "eval_batch_size": 4, "steps": 1, "eval_every": 1, "log_every": 1,
}  # fmt: skip
OTHERS = ("kinetics", "bobsl")
TRIO = ("agnostic", "aware", "x3d")


def train(monkeypatch, config, workdir, data_dir, **settings):
  """The results of a run of one step, and of its evaluation afterwards."""
  values = {**SETTINGS, "data.data_dir": data_dir} | {
    key.replace("__", "."): value for key, value in settings.items()
  }  # fmt: skip
  args = (f"--config=configs/{config}", f"--workdir={workdir}",
          *(f"--config.{key}={value}" for key, value in values.items()))  # fmt: skip
  program.call(monkeypatch, *args)
  trained = json.loads((workdir / "results.json").read_text())
  program.call(monkeypatch, *args, "--mode=evaluate")
  assert json.loads((workdir / "results.json").read_text()) == trained
  return trained


@pytest.fixture(scope="module")
def own_videos(tmp_path_factory):
  """A data set `video_folder` with the streams of two encoders, neither of them of the papers."""
  root = tmp_path_factory.mktemp("own")
  lines = [f"{i}.mp4,Sentence {i} is here,{split}" for i, split in
           enumerate(["train"] * 4 + ["val"] * 3 + ["test"] * 3)]  # fmt: skip
  own.manual_dir(root, lines, folders=[f"features_{name}" for name in OTHERS])
  for number in range(len(lines)):
    feature = -2 * own.feature(f"{number}.mp4")
    own.write_features(root / "features_bobsl", f"{number}.mp4", feature=feature)
  own.prepare(root)
  return root / "tfds"


@pytest.fixture(scope="module")
def run(own_videos, tmp_path_factory):
  """(workdir, results) of a run on the sum of two encoders."""
  workdir = tmp_path_factory.mktemp("run")
  with pytest.MonkeyPatch.context() as patch:
    return workdir, train(
      patch, "cico.py:video_folder", workdir, own_videos, data__combine="sum:kinetics,bobsl",
      data__alpha=0.75,
    )


def test_a_run_on_two_encoders_of_any_name(run):
  workdir, results = run
  assert (results["streams"], results["combine"]) == ("kinetics, bobsl", "sum:kinetics,bobsl")
  assert results["alpha"] == 0.75 and 0 <= results["test/t2v/R@1"] <= 100
  assert all("loss" in line for line in program.metrics(workdir)[:1])


def test_the_door_from_python_combines_them_alike(run, own_videos, monkeypatch):
  workdir, results = run
  measured = sign_jax.evaluate(workdir, split="test", config={"data.data_dir": str(own_videos)})
  assert measured["test/t2v/R@1"] == results["test/t2v/R@1"]
  model = sign_jax.load(workdir)
  feature = own.feature("x")
  streams = [{"bobsl": -2 * feature, "kinetics": feature, "unused": feature[:1]}]
  combined = [0.75 * feature - 0.25 * 2 * feature]
  np.testing.assert_allclose(
    model.similarity(streams, ["rain"]), model.similarity(combined, ["rain"]), atol=1e-5
  )
  with pytest.raises(UserError, match="streams bobsl, and the model reads kinetics and bobsl"):
    model.encode_videos([{"bobsl": feature}])


def test_the_card_for_the_hub_names_them(run, tmp_path):
  export.main(["--workdir", str(run[0]), "--out", str(tmp_path / "hub"), "--format", "hub"])
  card = (tmp_path / "hub/README.md").read_text()
  assert "- streams: kinetics, bobsl\n" in card
  assert "- combine: sum:kinetics,bobsl\n" in card and "- data.alpha: 0.75\n" in card
  assert sign_jax.load(tmp_path / "hub").config.data.combine == "sum:kinetics,bobsl"


def test_a_corpus_with_a_third_encoder(tmp_path, monkeypatch):
  names = trees.how2sign(tmp_path / "files")
  trees.write_features(tmp_path / "files", names, "aware", sign=-1)
  trees.write_features(tmp_path / "files", names, "x3d", sign=3)
  build.prepare("how2sign", None, tmp_path / "tfds", tmp_path / "files")
  for split in names:  # notes the lengths of all streams
    RetrievalSplit("how2sign", split, tmp_path / "tfds")
  read, decoded = SplitSource.read, set()

  def watched(self, indices, fields):
    decoded.update(fields)
    return read(self, indices, fields)

  monkeypatch.setattr(SplitSource, "read", watched)
  results = train(
    monkeypatch, "cico.py:how2sign", tmp_path / "run", tmp_path / "tfds", data__combine="x3d"
  )
  assert results["streams"] == "x3d" and results["alpha"] is None and decoded == {"x3d"}
  assert 0 <= results["test/t2v/R@1"] <= 100


def config(**changes):
  settings = registry.get("cico").config("signing_sim")
  values = {**SETTINGS, "data.name": "tiny", **changes}
  settings.update_from_flattened_dict(values)
  return settings


@pytest.fixture(scope="module")
def all_five(tmp_path_factory):
  folder = tmp_path_factory.mktemp("tfds")
  clips = tiny.clips(streams=(*TRIO, *OTHERS))
  tiny.build(folder, dict.fromkeys(("train", "validation", "test"), clips))
  return str(folder)


@pytest.mark.parametrize(("combine", "read"), [
  ("sum", TRIO[:2]), ("cat", TRIO[:2]), ("auto", TRIO[:2]), ("x3d", ("x3d",)),
  ("cat:x3d,agnostic", ("x3d", "agnostic")),
])  # fmt: skip
def test_no_other_streams_are_read_wherever_features_lie(all_five, combine, read):
  tasks = [run_task.make(config(**{
    "data.data_dir": all_five, "data.combine": combine, "data.placement": placement,
  })) for placement in ("host", "disk", "device")]  # fmt: skip
  assert all(task.split(name).streams == read for task in tasks for name in ("train", "test"))

  def videos(task):
    batch = jax.device_put(next(task.train_batches(0)) | task.resident(jax.device_put))
    return np.asarray(task._with_videos(batch)["video"])

  host, disk, device = map(videos, tasks)
  np.testing.assert_array_equal(host, disk)
  np.testing.assert_allclose(host, device, rtol=1e-6)
  assert host.shape[-1] == pipeline.combined_dim(tasks[0].split("train"), combine)
  held = tasks[0]._cache.nbytes
  assert held and held == sum(
    2 * tiny.DIM * len(read) * np.minimum(tasks[0].split("train").windows[[v]], 8).sum()
    for _, v, _ in tasks[0]._cache._held
  )


def test_a_stream_that_the_data_set_lacks(all_five):
  task = run_task.make(config(**{"data.data_dir": all_five, "data.combine": "sum:x3d,slovo"}))
  with pytest.raises(UserError, match="needs the streams x3d and slovo, .* no slovo"):
    task.split("train")


def test_auto_names_the_streams_that_it_cannot_decide_among(own_videos):
  task = run_task.make(config(**{
    "data.data_dir": str(own_videos), "data.name": "video_folder", "data.combine": "auto",
  }))  # fmt: skip
  with pytest.raises(UserError, match="auto cannot decide among the streams bobsl and kinetics: "):
    task.split("train")


@pytest.mark.parametrize("combine", ["Kinetics", "sum:a", "text", "sum:a,a", "max:a,b"])
@pytest.mark.parametrize("system", ["cico", "seds"])
def test_wrong_settings_are_one_sentence_before_anything_is_read(system, combine):
  settings = registry.get(system).config("signing_sim")
  settings.data.combine = combine
  with pytest.raises(UserError, match=f"data.combine='{combine}'"):
    checks.check(settings)
