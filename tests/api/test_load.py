"""The Python interface: what it loads, encodes and compares, and what it refuses."""

import json
import subprocess
import sys

import jax
import ml_collections
import numpy as np
import pytest

import sign_jax
from sign_jax import export
from sign_jax.api import retrieval
from sign_jax.errors import UserError
from sign_jax.run import hub as run_hub
from sign_jax.run import hub_card, settings, trained
from sign_jax.systems import registry
from tests import test_export
from tests.systems.seds import small as small_seds
from tests.tasks.test_retrieval import place

pytestmark = pytest.mark.usefixtures("quick_compile")


@pytest.fixture(scope="module")
def task():
  return test_export.make_task("upret")[0]


@pytest.fixture(scope="module")
def workdir(task, tmp_path_factory):
  folder = tmp_path_factory.mktemp("run")
  test_export.make_run(folder, task, task._config, seed=0)
  return folder


@pytest.fixture(scope="module")
def model(workdir):
  return sign_jax.load(workdir)


@pytest.fixture(scope="module")
def hub(workdir, tmp_path_factory):
  out = tmp_path_factory.mktemp("hub") / "model"
  results = {"test/t2v/R@1": 3.25, "data": "signing_sim/tiny:1.0.0", "fingerprint": "ab12"}
  (workdir / "results.json").write_text(json.dumps(results))
  export.main(["--workdir", str(workdir), "--out", str(out), "--format", "hub",
               "--license", "cc-by-4.0"])  # fmt: skip
  return out


def test_importing_the_package_imports_no_framework():
  code = (
      "import sys, sign_jax; "
      "print(sign_jax.__version__, {'jax', 'flax', 'numpy'} & {*sys.modules})"
  )
  done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
  assert done.stdout.split() == [sign_jax.__version__, "set()"]


def test_names_are_listed_and_others_are_not_there():
  assert {"load", "evaluate", "list_systems", "__version__"} <= set(dir(sign_jax))
  with pytest.raises(AttributeError, match="no attribute 'lode'"):
    sign_jax.lode  # noqa: B018


def test_systems_are_told_in_a_line():
  systems = sign_jax.list_systems()
  assert {"cico", "upret", "seds", "i3d"} <= set(systems)
  assert systems["upret"].startswith("UPRet (Wu et al.") and all(systems.values())


def test_similarities_are_those_of_the_task(model, task):
  split = task.split("test")
  expected = task.similarity(model.trained.variables, "test", place)
  found = model.similarity(split._features, split.sentence_texts)
  assert found.dtype == np.float32 and expected.std() > 0.01
  np.testing.assert_allclose(found, expected, atol=1e-5)
  streams = {name: [x[name] for x in split._features] for name in split.streams}
  encoded = model.encode_videos(streams)
  np.testing.assert_array_equal(model.similarity(encoded, split.sentence_texts), found)
  some = model.similarity(encoded[3:5], split.sentence_texts[:1])
  np.testing.assert_allclose(some, expected[3:5, :1], atol=1e-5)


def test_an_array_of_all_videos_is_read_up_to_their_lengths(model):
  rng = np.random.default_rng(0)
  videos, lengths = rng.standard_normal((3, 9, 1024)), (9, 2, 5)
  listed = model.similarity([x[:n] for x, n in zip(videos, lengths, strict=True)], ["rain"])
  videos[1, 2:] = np.nan
  found = model.similarity(model.encode_videos(videos, lengths=lengths), ["rain"])
  np.testing.assert_array_equal(found, listed)


def test_texts_of_a_generator_are_all_encoded(model):
  assert len(model.encode_texts(text for text in ["one", "two"])) == 2


def test_nothing_gives_nothing(model):
  assert model.similarity([], ["rain"]).shape == (0, 1)
  assert len(model.encode_videos([])) == len(model.encode_texts([])) == 0


@pytest.mark.parametrize(("videos", "words"), [
    ([np.zeros((3, 5))], "video 0 has 5 channels, and the model reads 1024"),
    ([np.ones((3, 1024)), np.full((2, 1024), np.nan)], "video 1 are not all finite"),
    ([np.zeros((0, 1024))], "video 0 has no windows"),
    (np.zeros((3, 1024)), "put the array of a single video into a list"),
    ([{"agnostic": np.zeros((3, 1024))}], "the model reads agnostic and aware"),
    ([{"agnostic": np.zeros((3, 1024)), "aware": np.zeros((4, 1024))}], "differ in shape"),
    (7, "videos are a list"),
    ([[[1.0, 2.0], [3.0]]], "video 0 cannot be made an array"),
    ([np.full((3, 1024), 1e300)], "the features of video 0 are not all finite"),
])
def test_videos_that_cannot_be_read(model, videos, words):
  with pytest.raises(UserError, match=words):
    model.encode_videos(videos)


@pytest.mark.usefixtures("without_type_checks")
@pytest.mark.parametrize("lengths", [3, [1, "a"], [1, 1.5], [1], [1, 10], [1, float("nan")]])
def test_lengths_that_are_none(model, lengths):
  words = "lengths must be 2 whole numbers between 1 and 9, not "
  with pytest.raises(UserError, match=words + "."):
    model.encode_videos(np.zeros((2, 9, 1024)), lengths=lengths)


@pytest.mark.usefixtures("without_type_checks")
@pytest.mark.parametrize(("call", "words"), [
    (lambda path: sign_jax.load(path, config=[1]), "config is a dict .*, not list"),
    (lambda path: sign_jax.load(path, config="x"), "config is a dict .*, not str"),
    (lambda path: sign_jax.evaluate(path, config=[1]), "config is a dict .*, not list"),
    (lambda path: sign_jax.load(None), "NoneType is no path: pass the folder of a run"),
    (lambda path: sign_jax.evaluate(ml_collections.ConfigDict()), "names no system"),
    (lambda path: sign_jax.evaluate(ml_collections.ConfigDict({"model": {"name": "cico"}})),
     "the configuration lacks batch_size, data, "),
])
def test_arguments_of_another_kind_are_one_sentence(workdir, call, words):
  with pytest.raises(UserError, match=words):
    call(workdir)


def test_other_mistakes_are_one_sentence(model, workdir, tmp_path):
  tokens = model.encode_videos([np.ones((3, 1024))]).tokens
  other = retrieval.EncodedVideos(jax.tree.map(lambda x: x[..., :5], tokens))
  for call, words in (
      (lambda: model.encode_texts("rain"), "put a single one into a list"),
      (lambda: model.encode_texts(["rain", " "]), "text 1 has no words"),
      (lambda: model.similarity(model.encode_texts(["rain"]), ["rain"]), "videos first"),
      (lambda: model.recognize("video.mp4"), "does not recognize signs: it can encode videos"),
      (lambda: model.encode_videos([], poses=[]), "upret reads no poses"),
      (lambda: sign_jax.load(tmp_path), "holds no trained model"),
      (lambda: model.similarity(other, ["rain"]), "EncodedVideos are of another model"),
      (lambda: sign_jax.load(tmp_path / "runs"), "there is no file or folder .*pass the folder"),
      (lambda: sign_jax.load(workdir, config={"data.alfa": 1}), "no setting 'data.alfa'.*alpha"),
      (lambda: sign_jax.load(workdir, config={"model.embed_dim": 64}), "not of 64"),
      (lambda: sign_jax.load(workdir, system="cico"), "a model of upret"),
      (lambda: sign_jax.evaluate(workdir, "train"), "split='train' is not one of"),
  ):  # fmt: skip
    with pytest.raises(UserError, match=words):
      call()


def test_a_file_of_weights_is_recognised_by_its_names(workdir, model, task, tmp_path):
  path = tmp_path / "weights.safetensors"
  export.export(workdir, path)
  with pytest.raises(UserError, match="does not tell model.video.heads and model.text.heads"):
    sign_jax.load(path)
  heads = {"model.video.heads": 2, "model.text.heads": 2, "data.text_length": 20}
  found = sign_jax.load(path, config=heads)
  split = task.split("test")
  assert found.system == "upret" and found.config.data.video_length == 32
  np.testing.assert_array_equal(
      found.similarity(split._features, split.sentence_texts),
      model.similarity(split._features, split.sentence_texts),
  )
  with pytest.raises(UserError, match="unexpected .*video_weight_fc"):
    sign_jax.load(path, system="cico", config=heads)


def test_a_folder_of_the_hub_is_the_run_again(hub, model, task):
  found, split = sign_jax.load(hub), task.split("test")
  np.testing.assert_array_equal(
      found.similarity(split._features, split.sentence_texts),
      model.similarity(split._features, split.sentence_texts),
  )
  assert sorted(path.name for path in hub.iterdir()) == [
      "README.md", "config.json", "model.safetensors"
  ]


@pytest.mark.parametrize(("noted", "read"), [(21, 21), (None, None), (0, None), ("many", None)])
def test_a_folder_of_the_hub_says_how_long_clips_are(hub, tmp_path, noted, read):
  content = json.loads((hub / "config.json").read_text()) | {"clip_windows": noted}
  (tmp_path / "config.json").write_text(json.dumps(content))
  (tmp_path / "model.safetensors").symlink_to(hub / "model.safetensors")
  assert sign_jax.load(tmp_path).trained.clip_windows == read


def test_the_card_says_what_was_measured_and_under_which_licence(hub):
  yaml = pytest.importorskip("yaml")
  _, front, text = (hub / "README.md").read_text().split("---\n", 2)
  front = yaml.safe_load(front)
  assert front["license"] == "cc-by-4.0" and front["library_name"] == "sign_jax"
  (result,) = front["model-index"][0]["results"]
  assert result["metrics"] == [{"type": "t2v/R@1", "value": 3.25}]
  for words in ("ab12", "3.25", "Weights: cc-by-4.0", "Data that they were trained on: not stated",
                "sign_jax.load("):
    assert words in text


HOSTILE = {
    "system": (("model_type",), "none", "there is no system 'none'"),
    "kind": (("settings",), [], "settings is missing or of another kind"),
    "version": (("format_version",), 9, "update sign_jax"),
    "library": (("library_name",), "transformers", "was not written by sign_jax.export"),
    "layers": (("settings", "model", "video", "layers"), 10**12, "no model has"),
    "many layers": (("settings", "model", "video", "layers"), 9, "and not of 9"),
    "width": (("settings", "model", "embed_dim"), 10**12, "no model has model.embed_dim"),
    "length": (("settings", "data", "video_length"), 10**12, "no model has data.video_length"),
    "text": (("settings", "model", "video", "layers"), "9", "is of another kind than"),
    "unknown": (("settings", "model", "hook"), "os.system", "there is no setting 'model.hook'"),
    "inputs": (("inputs", "video"), [[10**12, 10**12], "float32"], "no model reads inputs"),
    "labels": (("labels",), ["a"], "upret has no labels"),
    "no width": (("settings", "model", "video", "width"), None, "model.video.width=None"),
    "no heads": (("settings", "model", "text", "heads"), None, "model.text.heads=None"),
    "no length": (("settings", "data", "text_length"), None, "data.text_length=None"),
    "no alpha": (("settings", "data", "alpha"), None, "data.alpha=None: give it a value"),
    "no optimiser": (("settings", "optim", "name"), None, "optim.name=None"),
    "long name": (("model_type",), "x" * 900_000, "^.{,300}900000 characters.{,300}$"),
    "long task": (("settings", "task"), "x" * 900_000, "^.{,300}900000 characters.{,300}$"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_config_is_refused_in_a_sentence(hub, tmp_path, name):
  keys, value, words = HOSTILE[name]
  content = json.loads((hub / "config.json").read_text())
  place_of = content
  for key in keys[:-1]:
    place_of = place_of[key]
  place_of[keys[-1]] = value
  (tmp_path / "config.json").write_text(json.dumps(content))
  (tmp_path / "model.safetensors").symlink_to(hub / "model.safetensors")
  with pytest.raises(UserError, match=words):
    sign_jax.load(tmp_path)


def test_a_folder_for_a_config_is_refused_in_a_sentence(hub, tmp_path):
  (tmp_path / "config.json").mkdir()
  (tmp_path / "model.safetensors").symlink_to(hub / "model.safetensors")
  with pytest.raises(UserError, match="config.json cannot be read .*directory"):
    sign_jax.load(tmp_path)


def test_similarities_that_are_not_finite_are_refused(model):
  with pytest.raises(UserError, match="not finite, the first is of video 1 and text 0: look for"):
    model.similarity([np.ones((3, 1024)), np.full((3, 1024), 1e20)], ["rain"])


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 99_999, '{"library_name": "sign_jax"}'])
def test_a_damaged_config_is_refused_in_a_sentence(hub, tmp_path, text):
  (tmp_path / "config.json").write_text(text)
  (tmp_path / "model.safetensors").symlink_to(hub / "model.safetensors")
  with pytest.raises(UserError, match=str(tmp_path)):
    sign_jax.load(tmp_path)


def test_paths_of_the_owner_are_not_published(hub):
  values = settings.flat(json.loads((hub / "config.json").read_text())["settings"])
  assert values["init.clip"] == values["data.data_dir"] == ""


def test_the_card_of_a_table_of_labels_names_no_file(tmp_path):
  yaml = pytest.importorskip("yaml")
  card = registry.get("i3d")
  config = card.config(None)
  config.data.labels = config.init.i3d = "/home/somebody/secret.csv"
  results = {"data": config.data.labels, "test/top1": 50.0, "best_step": 1}
  (tmp_path / "results.json").write_text(json.dumps(results))
  run = trained.Trained(card, config, {}, {}, {"classes": 2}, tmp_path)
  content = run_hub._content(run, None)
  text = hub_card.text(run, content, "", "")
  assert "secret" not in text + json.dumps(content) and "| test/top1 | 50.00 |" in text
  front = yaml.safe_load(text.split("---\n", 2)[1])
  assert "datasets" not in front and "model-index" not in front and front["metrics"] == ["top1"]
  assert content["initialised_from"] == ["i3d"]


@pytest.mark.parametrize("name", ["config.json", "README.md"])
def test_a_folder_of_something_else_is_not_overwritten(workdir, tmp_path, name):
  (tmp_path / name).write_text('{"model": {}}')
  with pytest.raises(UserError, match="holds something else than an exported model"):
    export.export_hub(workdir, tmp_path)
  assert [path.read_text() for path in tmp_path.iterdir()] == ['{"model": {}}']


def test_an_exported_folder_can_be_written_again(workdir, tmp_path):
  for _ in range(2):
    export.export_hub(workdir, tmp_path)
  (tmp_path / "model.safetensors").unlink()
  export.export_hub(workdir, tmp_path)
  assert (tmp_path / "model.safetensors").is_file()


def test_paths_in_a_folder_of_the_hub_are_not_read(hub, tmp_path):
  content = json.loads((hub / "config.json").read_text())
  content["settings"]["data"] |= {"synonyms": "/etc/passwd", "data_dir": None}
  content["settings"]["init"]["clip"] = "/etc/passwd"
  (tmp_path / "config.json").write_text(json.dumps(content))
  (tmp_path / "model.safetensors").symlink_to(hub / "model.safetensors")
  config = sign_jax.load(tmp_path).config
  assert config.data.synonyms == config.data.data_dir == config.init.clip == ""
  changed = sign_jax.load(tmp_path, config={"data.synonyms": "mine.txt"})
  assert changed.config.data.synonyms == "mine.txt"


def test_poses_are_read_as_the_data_set_stores_them(tmp_path):
  task = small_seds.make_task()
  test_export.make_run(tmp_path, task, task._config, seed=0)
  model, split = sign_jax.load(tmp_path), task.split("test")
  model._variables = small_seds.make_variables(task)  # under which rounding does not grow
  rng = np.random.default_rng(1)  # as `fakes.FakePosedSplit` draws them
  frames = rng.integers(8, 25, split.num_videos)
  poses = [np.concatenate([rng.uniform(0, 256, (n, 133, 2)), np.ones((n, 133, 1))], -1)
           for n in frames]  # fmt: skip
  with pytest.raises(UserError, match="seds reads poses: pass poses="):
    model.encode_videos(split._features)
  videos = model.encode_videos(split._features, poses=poses)
  found = model.similarity(videos, split.sentence_texts)
  assert found.shape == (split.num_videos, split.num_sentences) and np.isfinite(found).all()
  backwards = model.encode_videos(split._features[::-1], poses=poses[::-1])
  again = model.similarity(backwards, split.sentence_texts)
  np.testing.assert_allclose(again[::-1], found, atol=1e-5)
  assert found.std(0).min() > 1e-4  # videos differ
