"""The settings of configs/seds.py: as published, complete, and refused where they cannot work."""

import re

import jax
import pytest

from configs import seds
from launch.tables import TABLES
from sign_jax.data import pose
from sign_jax.errors import UserError
from sign_jax.run import task as run_task
from sign_jax.systems import base
from sign_jax.systems.seds.card import SYSTEM
from tests import fakes, program

# Of the pictures of the released poses; px of the rule on forearms near their bottom.
PUBLISHED = {
    "how2sign": ((256, 256), 50), "phoenix14t": ((210, 260), 0), "csl_daily": ((512, 512), 50),
}  # fmt: skip


def switches(config):
  """{key: value} of the switches that a variant decides."""
  model = base.resolve(SYSTEM, config.model).to_dict()
  values = {**model, **{f"fusion.{key}": value for key, value in model["fusion"].items()}}
  return {key: values[key] for key in SYSTEM.variants["paper"]}


def build(config):
  return SYSTEM.build(config.model, {"video_valid": [[config.data.video_length], "bool"]})


def parse(monkeypatch, *overrides, dataset="how2sign"):
  args = [f"--config.{override}" for override in overrides]
  return program.parse(monkeypatch, "--config", f"configs/seds.py:{dataset}", *args)


@pytest.mark.parametrize("dataset", PUBLISHED)
def test_published_settings(dataset, monkeypatch):
  config = parse(monkeypatch, dataset=dataset)
  assert config.data.name == f"{dataset}/features_pose"
  assert (config.batch_size, config.epochs, config.steps) == (128, 200, 0)
  rates = (config.optim.lr, config.optim.groups.pose.lr, config.optim.groups.fusion.lr)
  assert rates == (1e-5, 1e-4, 1e-4)
  assert (config.data.image_size, config.data.bottom_margin) == PUBLISHED[dataset]
  assert config.data.hand_boxes == "released"
  assert (config.data.video_length, config.data.max_frames) == (64, pose.MAX_FRAMES)
  assert (config.data.text_length, config.data.combine) == (32, "agnostic")
  assert switches(config) == SYSTEM.variants["released"] and config.model.beta == 0.4


def test_the_published_model_has_the_released_sizes(monkeypatch):
  config = parse(monkeypatch)
  data = config.data
  poses = pose.Settings(data.image_size, data.video_length, data.max_frames)
  splits = fakes.splits(poses, sentences=2, videos=2, windows=20, dims={"agnostic": 1024})
  shapes = jax.eval_shape(run_task.make(config, splits).init, jax.random.key(0))["params"]
  assert len(shapes["visual"]["transformer"]) == len(shapes["visual_rgb"]["transformer"]) == 12
  assert shapes["visual"]["conv1"]["kernel"].shape == (1536, 768)
  assert shapes["visual_rgb"]["conv1"]["kernel"].shape == (1024, 768)
  assert shapes["visual"]["positional_embedding"].shape == (65, 768)
  layer = shapes["fuse"]["P2R_layers_1"]
  assert layer["src_src_att"]["sample_offsets"]["kernel"].shape == (512, 8 * 3)
  assert layer["feed_forward"]["pwff_layer_0"]["kernel"].shape == (512, 2048)
  for group, lr in seds.get_config("how2sign").optim.groups.items():
    assert any(re.search(lr.paths, f"{name}/") for name in shapes), group


@pytest.mark.parametrize(("key", "value"), [
    ("fusion.roles", "paper"), ("fusion.sampling", "exact"), ("fusion.merge", "paper"),
    ("alpha", 0.8),
])
def test_the_variant_paper_is_its_switches(key, value, monkeypatch):
  one = switches(parse(monkeypatch, f"model.{key}={value}"))
  assert one == {**SYSTEM.variants["released"], key: value}
  whole = switches(parse(monkeypatch, "model.variant=paper"))
  assert whole[key] == value and whole == SYSTEM.variants["paper"]


def text_rows():
  """Overrides of the rows in the text of configs/seds.py."""
  text = seds.__doc__.split("in front:")[1].split("The paper does not print")[0]
  for key, values in re.findall(r"([a-z.]+)=([\w.]+(?:, [\w.]+)*)", text):
    yield from (f"model.{key}={value}" for value in values.split(", "))


@pytest.mark.parametrize("override", list(text_rows()))
def test_every_row_of_the_text_makes_a_model(override, monkeypatch):
  config = parse(monkeypatch, override)
  build(config)


def test_the_tables_are_those_of_the_text():
  rows = {
      f"{key}={value:g}" if isinstance(value, float) else f"{key}={value}"
      for name, table in TABLES.items() if re.match("seds/(table|figure)", name)
      for row in table.rows for key, value in row.overrides.items()
  }  # fmt: skip
  assert rows == {re.sub(r"(\.\d*?)0+$|\.0$", r"\1", row).rstrip(".") for row in text_rows()}


@pytest.mark.parametrize(("override", "words"), [
    ("data.image_size=(0, 720)", "data.image_size=.* no size"),
    ("data.hand_boxes=exakt", "data.hand_boxes='exakt' is not one of exact, released.*'exact'"),
    ("data.bottom_margin=-1", "data.bottom_margin=-1 must not be negative"),
    ("data.max_frames=8", "data.max_frames=8 must be at least 16"),
    ("model.fusion.heads=7", "model.embed_dim=512 must be even and divide among .*heads=7"),
    ("model.fusion.keys=(5, 0)", "model.fusion.keys"),
    ("model.alpha=-1", "model.alpha=-1.0 must not be negative"),
    ("optim.groups.pose.lr=-1", "optim.groups.pose.lr=-1.0 must not be negative"),
])
def test_numbers_that_cannot_work(override, words, monkeypatch):
  with pytest.raises(UserError, match=words):
    parse(monkeypatch, override)


def test_poses_of_the_simulator_are_read_as_before(monkeypatch):
  data = parse(monkeypatch, dataset="signing_sim").data
  assert (data.bottom_margin, data.hand_boxes, data.image_size) == (50, "exact", (256, 256))


def test_a_data_set_without_poses_has_no_setting():
  with pytest.raises(UserError, match="'video_folder': choose one of how2sign, .*signing_sim"):
    seds.get_config("video_folder")
