"""What files of weights tell of a model, and what they call its parameters."""

import jax
import numpy as np
import pytest

from sign_jax.run import from_weights, hub, settings, trained
from sign_jax.systems import registry
from sign_jax.systems.base import resolve
from sign_jax.weights import convert, writers

SMALL = {
    "model.width": 0.125, "model.depth": "small", "model.head.hidden": 8,
    "model.head.feedforward": 12, "model.align.shared": 4, "model.align.adapter": 6,
}
PLAIN = {"model.align.gloss": 0.0, "model.align.sentence": 0.0}
ROWS = [
    {}, PLAIN, {"model.fusion.stages": 1}, {"model.fusion.mlp_depth": 3},
    {"model.fusion.kind": "attention"}, {"model.fusion.kind": "convolution"},
    {"model.streams": "flow", **PLAIN}, {"model.streams": "video+keypoint", "model.depth": "full"},
    {"model.spn.weight": 1.0, "model.streams": "video", **PLAIN},
    {"model.variant": "base"}, {"model.variant": "base", "model.streams": "keypoint"},
    {"model.variant": "base", "model.streams": "video+flow", "model.fusion.kind": "mlp"},
]


def made(overrides, dataset=None):
  """(configuration, `trained.Trained`) of a small model of 7 classes."""
  card = registry.get("signvtcl")
  config = settings.with_changes(card.config(dataset), SMALL | overrides, "test")
  inputs = card.recognizer.inputs(config, 7, 10)
  target = from_weights.target_of(card, config, inputs)
  fill = lambda x: np.random.default_rng(x.size).standard_normal(x.shape).astype(x.dtype)
  variables = jax.tree.map(fill, target)
  return config, trained.Trained(card, config, variables, {}, inputs, None)


@pytest.mark.parametrize("overrides", ROWS, ids=[str(x) for x in ROWS])
def test_a_file_tells_what_it_holds(overrides):
  config, run = made(overrides)
  state = run.state
  told = run.system.sizes({name: x.shape for name, x in state.items()})
  wanted = settings.flat({"model": resolve(run.system, config.model).to_dict()})
  wanted["model.num_classes"] = 7
  own = {"model.align.gloss", "model.align.sentence", "model.variant"}
  is_mixed = overrides.get("model.streams", "") == "video+flow"  # of the base: no such release
  for key in told.keys() - own - ({"model.streams"} if is_mixed else set()):
    assert told[key] == wanted[key], key
  if is_mixed:
    return
  aligned = wanted["model.align.gloss"] > 0
  assert told["model.align.gloss"] == told["model.align.sentence"] == float(aligned)
  assert told["model.variant"] == wanted["model.variant"]
  assert run.system.text_inputs(config, {n: x.shape for n, x in state.items()}) == {
      "text_width": 10 if aligned else 0
  }


def test_the_base_has_the_names_of_its_release_and_others_ours():
  first = lambda overrides: {name.partition(".")[0] for name in made(overrides)[1].state}
  assert first({"model.variant": "base"}) == {
      "visual_backbone_twostream", "visual_head", "visual_head_keypoint", "visual_head_fuse",
      "visual_head_remain", "visual_head_keypoint_remain",
  }
  assert first({}) == {"branch", "head", "fusion", "v2t_gloss", "v2t_sentence", "t2v"}


@pytest.mark.parametrize("overrides", [{}, {"model.variant": "base"}], ids=["paper", "base"])
def test_weights_come_back_from_a_file(overrides, tmp_path):
  config, run = made(overrides)
  path = tmp_path / "weights.safetensors"
  writers.write(path, run.state)
  back = from_weights.load(path, changes={"model.head.dropout": 0.2})
  assert back.system.name == "signvtcl" and back.inputs["classes"] == 7
  assert jax.tree.all(jax.tree.map(np.array_equal, back.variables, run.variables))
  assert convert.unknown(run.state, run.system.names) == []
  assert config.model.variant == back.config.model.variant


def test_a_published_model_that_a_teacher_taught_comes_back_from_the_hub(tmp_path):
  """Without the teacher, whose folder is not told to others, and with inputs of its full size."""
  config, run = made({"init.teacher": "teacher", "text.weights": "mbart.bin"}, "phoenix14")
  assert config.model.align.source == "teacher"
  hub.write(tmp_path / "hub", run.replace(workdir=tmp_path))
  back, labels = hub.read(tmp_path / "hub")
  assert labels is None and back.inputs["keypoint"] == [[400, 224, 224, 79], "float32"]
  assert jax.tree.all(jax.tree.map(np.array_equal, back.variables, run.variables))
  assert back.config.init.teacher == back.config.text.weights == ""
  assert "mbart" not in (tmp_path / "hub/config.json").read_text().replace('"mbart"', "")
