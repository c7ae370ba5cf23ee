"""What the settings build; no network is run."""

import jax
import numpy as np
import pytest

from sign_jax.errors import UserError
from sign_jax.run import checks
from sign_jax.systems.base import resolve
from sign_jax.systems.signvtcl import card, model, settings
from sign_jax.systems.signvtcl import streams as names
from sign_jax.weights import convert

SMALL = {"width": 0.125, "depth": "small", "head.hidden": 8, "head.feedforward": 12,
         "align.shared": 4, "align.adapter": 6}
ADAPTERS = {"v2t_gloss", "v2t_sentence", "t2v"}
FUSIONS = {"fusion_1", "fusion_2", "fusion_3"}


def section(variant="paper", **overrides):
  found = settings.model_section(variant)
  changes = {key.replace("__", "."): value for key, value in overrides.items()}
  found.update_from_flattened_dict(SMALL | changes)
  return found


def shapes(section):
  """Of all variables of a `model` section."""
  return model.init_shapes(card.SYSTEM.build(section, {"classes": 7}), 10)


def expected(streams, extra=()):
  streams = set(streams.split("+"))
  heads = {f"head_{name}" for name in streams}
  return streams | heads | ({"head_joint"} if len(streams) > 1 else set()) | set(extra)


ALL = "video+keypoint+flow"
ROWS = [
    ({}, expected(ALL, ADAPTERS | FUSIONS)),
    ({"align__gloss": 0.0}, expected(ALL, ADAPTERS | FUSIONS)),
    ({"align__gloss": 0.0, "align__sentence": 0.0}, expected(ALL, FUSIONS)),
    ({"fusion__stages": 1}, expected(ALL, ADAPTERS | {"fusion_1"})),
    ({"fusion__stages": 0}, expected(ALL, ADAPTERS)),
    ({"fusion__kind": "convolution"}, expected(ALL, ADAPTERS | FUSIONS)),
    ({"streams": "flow"}, expected("flow", ADAPTERS)),
    ({"streams": "keypoint+flow"}, expected("keypoint+flow", ADAPTERS | FUSIONS)),
    ({"spn__weight": 1.0, "streams": "flow"},
     expected("flow", ADAPTERS | {"pyramid_flow", "head_flow_c2", "head_flow_c3"})),
]


@pytest.mark.parametrize(("overrides", "parts"), ROWS, ids=[str(x) for x, _ in ROWS])
def test_parts_of_the_papers_rows(overrides, parts):
  """And that each of their variables has a name of its own in files."""
  found = shapes(section(**overrides))
  assert set(found["params"]) == parts
  zeros = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), found)
  state = convert.export(zeros, card.SYSTEM.names)
  assert len(state) == len(jax.tree.leaves(found))
  back = convert.merge(found, state, card.SYSTEM.names)
  assert jax.tree.map(np.shape, back) == jax.tree.map(np.shape, found)


def test_parts_of_the_base():
  found = set(shapes(section("base"))["params"])
  levels = {f"head_{name}_{level}" for name in names.BASE for level in names.PYRAMID}
  laterals = {
      f"{a}_to_{b}_{n}" for a, b in (names.BASE, names.BASE[::-1]) for n in (1, 2, 3)
  }
  pyramids = {f"pyramid_{name}" for name in names.BASE}
  assert found == expected("video+keypoint", levels | laterals | pyramids)


def test_the_base_reads_keypoints_first():
  decided = {name: resolve(card.SYSTEM, section(name)) for name in settings.VARIANTS}
  assert settings.joint_of(decided["base"]) == ("keypoint", "video")
  assert settings.joint_of(decided["paper"]) == names.STREAMS
  reversed_names = resolve(card.SYSTEM, section(streams="flow+video"))
  assert settings.streams_of(reversed_names) == ("video", "flow")


@pytest.mark.parametrize(("overrides", "message"), [
    ({"streams": "video+flwo"}, "'flwo', which is not one of .*did you mean 'flow'"),
    ({"streams": "video+video"}, "names a stream twice"),
    ({"fusion__kind": "lateral"}, "connects video and keypoint"),
    ({"fusion__stages": 4}, "model.fusion.stages=4 is not one of"),
    ({"fusion__kind": "mean"}, "model.fusion.kind='mean' is not one of"),
])
def test_wrong_settings_are_one_sentence(overrides, message):
  with pytest.raises(UserError, match=message):
    card.SYSTEM.build(section(**overrides), {"classes": 7})


@pytest.mark.parametrize(("changes", "message"), [
    ({"model.head.hidden": 7}, "model.head.hidden=7 must be even"),
    ({"model.heatmap_canvas": (260, 0)}, r"\(260, 0\) is not a height and a width"),
    ({"model.heatmap_canvas": (1, 2, 3)}, r"\(1, 2, 3\) is not a height and a width"),
    ({"data.stretch": (0.5, 1.0, 1.5)}, "is not two ascending numbers"),
    ({"data.stretch": (1.5, 0.5)}, "is not two ascending numbers"),
])
def test_numbers_that_cannot_be_are_refused_before_anything_is_read(changes, message):
  config = settings.config()
  checks.check(config)
  config.update_from_flattened_dict(changes)
  with pytest.raises(UserError, match=message):
    checks.check(config)


def test_fresh_variables():
  """Kernels of the streams are as wide as He's, those of heads as PyTorch's."""
  small = card.SYSTEM.build(section(streams="flow", align__shared=40), {"classes": 7})
  variables = jax.jit(lambda key: model.init(small, key, 30))(jax.random.key(0))
  assert jax.tree.map(np.shape, variables) == jax.tree.map(np.shape, model.init_shapes(small, 30))
  params = variables["params"]
  kernel = params["flow"]["base_0"]["conv_s"]["kernel"]
  assert np.std(kernel) == pytest.approx((2 / (49 * 3)) ** 0.5, rel=0.05)
  kernel = params["head_flow"]["fc1"]["kernel"]
  assert np.std(kernel) == pytest.approx((1 / 3 / kernel.shape[0]) ** 0.5, rel=0.05)
  assert params["t2v"]["layer_0"]["kernel"].shape == (30, 6)
  assert not params["head_flow"]["bn1"]["bias"].any()
  assert (variables["batch_stats"]["head_flow"]["bn1"]["var"] == 1).all()
