"""Where streams begin: which of a file's or a run's networks goes where, and what stays fresh."""

import json

import jax
import numpy as np
import pytest
import safetensors.numpy
from flax import traverse_util

from sign_jax.errors import UserError
from sign_jax.systems import registry
from sign_jax.systems.signvtcl import card, model, released_names, settings, stages
from sign_jax.train import checkpoint
from sign_jax.weights import convert, initial

CLASSES = ["<blank>", "REGEN", "SONNE", "WIND"]
SIZES = {"width": 1 / 16, "depth": "small", "head.hidden": 8, "head.feedforward": 12,
         "align.gloss": 0.0, "align.sentence": 0.0}  # fmt: skip
ALL = "video+keypoint+flow"


def drawn(streams, seed, variant="paper", **changes):
  """Variables of a model of some streams, all entries different."""
  section = settings.model_section(variant)
  section.update_from_flattened_dict({**SIZES, "streams": streams, **changes})
  shapes = model.init_shapes(card.SYSTEM.build(section, {"classes": len(CLASSES)}))
  rng = np.random.default_rng(seed)
  return jax.tree.map(lambda x: rng.standard_normal(x.shape).astype(np.float32), shapes)


@pytest.fixture(scope="module")
def fresh():
  return drawn(ALL, 0)


@pytest.fixture
def run(tmp_path, monkeypatch):
  """Function of variables and labels -> the folder of a run."""
  noted = {}

  def make(variables, labels=CLASSES):
    folder = tmp_path / f"run{len(noted)}"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model": {}, "labels": labels}))
    noted[folder / "checkpoints"] = checkpoint.Best(variables, {}, None, True)
    return folder

  monkeypatch.setattr(checkpoint, "best_on_cpu", noted.__getitem__)
  return make


def save(path, state):
  safetensors.numpy.save_file(state, path)
  return path


def flat(variables):
  return traverse_util.flatten_dict(variables, sep="/")


def changed(before, after):
  """Paths of the entries that differ."""
  before, after = flat(before), flat(after)
  assert before.keys() == after.keys()
  return {path for path, x in after.items() if not np.array_equal(x, before[path])}


def of(variables, *modules):
  """All paths of some modules."""
  return {path for path in flat(variables) if path.split("/")[1] in modules}


def single(variables, name, start):
  """A stream's S3D under names that begin otherwise, with later blocks and a classifier."""
  own = f"branch.{name}.backbone."
  state = convert.export(variables, released_names.PAPER)
  found = {start + x.removeprefix(own): value for x, value in state.items() if x.startswith(own)}
  later = {f"{start}base.14.branch0.0.conv.weight": np.zeros((4, 4, 1, 1, 1), np.float32)}
  return found | later | {f"{start}fc.0.weight": np.zeros((400, 4), np.float32)}


@pytest.mark.parametrize("name", ["video", "keypoint", "flow"])
def test_a_run_of_one_stream_gives_its_network_and_its_head(fresh, run, capsys, name):
  source = drawn(name, 1)
  found = stages.load_stream(fresh, run(source), CLASSES, name)
  assert changed(fresh, found) == of(fresh, name, f"head_{name}") == set(flat(source))
  for path, x in flat(source).items():
    np.testing.assert_array_equal(flat(found)[path], x)
  assert not capsys.readouterr().err


@pytest.mark.parametrize("labels", [CLASSES[::-1], None])
def test_a_head_of_other_glosses_begins_afresh(fresh, run, capsys, labels):
  found = stages.load_stream(fresh, run(drawn("video", 1), labels), CLASSES, "video")
  assert changed(fresh, found) == of(fresh, "video")
  assert "head of video begins afresh: this run is on other glosses" in capsys.readouterr().err


def test_the_base_takes_pyramids_and_their_heads_too(run, capsys):
  before, source = drawn("video+keypoint", 0, "base"), drawn("keypoint", 1, "base")
  found = stages.load_stream(before, run(source), CLASSES, "keypoint")
  parts = "keypoint", "head_keypoint", "pyramid_keypoint", "head_keypoint_c2", "head_keypoint_c3"
  assert changed(before, found) == of(before, *parts) == set(flat(source))
  assert not capsys.readouterr().err
  found = stages.load_stream(before, run(drawn("keypoint", 1)), CLASSES, "keypoint")
  assert changed(before, found) == of(before, "keypoint", "head_keypoint")
  said = capsys.readouterr().err
  assert "pyramid of keypoint begins afresh" in said and "keypoint_c2 begins afresh" in said


@pytest.mark.parametrize("name", ["video", "keypoint"])
def test_released_files_of_two_streams_give_each_its_own(fresh, tmp_path, capsys, name):
  source = drawn("video+keypoint", 1, "base")
  state = convert.export(source, released_names.BASE)
  path = save(tmp_path / "a.safetensors", {f"recognition_network.{x}": y for x, y in state.items()})
  before = drawn("video+keypoint", 0, "base")
  found = stages.load_stream(before, path, CLASSES, name)
  assert changed(before, found) == of(before, name, f"pyramid_{name}")
  np.testing.assert_array_equal(
      found["params"][name]["base_0"]["conv_s"]["kernel"],
      source["params"][name]["base_0"]["conv_s"]["kernel"],
  )
  assert "a file does not say which glosses" in capsys.readouterr().err
  if name == "video":  # flow is like video
    found = stages.load_stream(fresh, path, CLASSES, "flow")
    assert changed(fresh, found) == of(fresh, "flow")


@pytest.mark.parametrize("start", ["", "module.", "visual_backbone_keypoint.backbone."])
def test_a_single_network_goes_anywhere_but_for_pictures_into_keypoints(
    fresh, tmp_path, capsys, start
):
  path = save(tmp_path / "k.safetensors", single(drawn("video", 1), "video", start))
  for name in ("video", "flow"):
    found = stages.load_stream(fresh, path, CLASSES, name)
    assert changed(fresh, found) == of(fresh, name)
  assert "convolution" not in capsys.readouterr().err
  found = stages.load_stream(fresh, path, CLASSES, "keypoint")
  kept = of(fresh, "keypoint") - changed(fresh, found)
  assert kept == {"params/keypoint/base_0/conv_s/kernel"}
  assert "so that of keypoint begins afresh" in capsys.readouterr().err


def test_a_run_of_nla_slr_gives_its_longer_streams(fresh, run, capsys):
  system = registry.get("nla_slr")
  section = system.config().model
  sizes = {"width": 1 / 16, "depth": "small", "modalities": "keypoint"}
  section.update_from_flattened_dict(sizes)
  shapes = system.init(
      system.build(section, {"classes": 3, "embedding": 4}), {"classes": 3}, jax.random.key(0)
  )
  source = jax.tree.map(np.asarray, shapes)
  found = stages.load_stream(fresh, run(source), CLASSES, "keypoint")
  kept = of(fresh, "keypoint") - changed(fresh, found)
  assert kept == {"params/keypoint/base_0/conv_s/kernel"}  # which reads other joints
  np.testing.assert_array_equal(
      found["params"]["keypoint"]["base_3"]["conv_s"]["kernel"],
      source["params"]["keypoint_long"]["base_3"]["conv_s"]["kernel"],
  )
  assert "head of keypoint begins afresh: this run has none" in capsys.readouterr().err


def test_faults_are_one_sentence(fresh, run, tmp_path, capsys):
  with pytest.raises(UserError, match="holds no network that reads pictures"):
    stages.load_stream(fresh, run(drawn("keypoint", 1)), CLASSES, "flow")
  with pytest.raises(UserError, match="holds 2 networks .*none under branch.keypoint"):
    stages.load_stream(fresh, run(drawn("video+flow", 1)), CLASSES, "keypoint")
  with pytest.raises(UserError, match="no run of signvtcl or nla_slr"):
    stages.load_stream(fresh, run({"params": {"x": np.zeros(1)}}), CLASSES, "video")
  half = single(drawn("video", 1), "video", "")
  half.pop("base.3.conv_t.weight")
  with pytest.raises(UserError, match="1 missing .*base.3.conv_t.weight"):
    stages.load_stream(fresh, save(tmp_path / "h.safetensors", half), CLASSES, "video")
  alone = drawn("video", 0)
  assert stages.load_stream(alone, tmp_path / "nowhere", CLASSES, "flow") is alone
  assert "no stream of flow: init.flow is not read" in capsys.readouterr().err


def test_the_section_names_them(fresh, run):
  """As a training begins: each setting fills its own stream."""
  config = card.SYSTEM.config()
  config.init.video, config.init.flow = (str(run(drawn(x, 1))) for x in ("video", "flow"))
  found = initial.load(fresh, config.init, card.SYSTEM, CLASSES)
  assert changed(fresh, found) == of(fresh, "video", "head_video", "flow", "head_flow")
