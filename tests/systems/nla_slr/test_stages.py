"""Where streams begin: which of a file's or a run's networks goes where, and what stays fresh."""

import jax
import numpy as np
import pytest
import safetensors.numpy
from flax import traverse_util

from sign_jax.errors import UserError
from sign_jax.systems import registry
from sign_jax.systems.nla_slr import model as vknet
from sign_jax.systems.nla_slr import released_names, stages, streams
from sign_jax.train import checkpoint
from sign_jax.weights import convert, initial

WIDTH, CLASSES = 1 / 16, 3


def drawn(names, seed):
  """Variables of a network of some streams, all entries different."""
  shapes = vknet.init_shapes(vknet.VKNet(CLASSES, 4, names, WIDTH))
  rng = np.random.default_rng(seed)
  return jax.tree.map(lambda x: rng.standard_normal(x.shape).astype(np.float32), shapes)


def flat(variables):
  return traverse_util.flatten_dict(variables, sep="/")


def changed(before, after):
  """Paths of the entries that differ, without the collection."""
  before, after = flat(before), flat(after)
  assert before.keys() == after.keys()
  return {path for path, x in after.items() if not np.array_equal(x, before[path])}


def tops(paths):
  return {path.split("/")[1] for path in paths}


@pytest.fixture(scope="module")
def long():
  return drawn(streams.chosen(lengths="long"), 0)


@pytest.fixture(scope="module")
def long_state():
  return convert.export(drawn(streams.chosen(lengths="long"), 1), released_names.NAMES)


def single(state, name, start):
  """One S3D alone, under names that begin otherwise, with what a classifier has beside it."""
  own = released_names.stream(name)
  found = {start + x.removeprefix(own): value for x, value in state.items() if x.startswith(own)}
  return found | {f"{start}fc.0.weight": np.zeros((400, 4), np.float32)}


def save(path, state):
  safetensors.numpy.save_file(state, path)
  return path


def test_a_stream_from_a_file_with_several_takes_its_own(long, long_state, tmp_path):
  path = save(tmp_path / "a.safetensors", long_state)
  found = stages.load_stream(long, path, "keypoint_long")
  paths = changed(long, found)
  assert tops(paths) == {"keypoint_long"}
  assert len(paths) == sum("/keypoint_long/" in x for x in flat(long))
  first = released_names.stream("keypoint_long") + released_names.FIRST
  kernel = found["params"]["keypoint_long"]["base_0"]["conv_s"]["kernel"]
  np.testing.assert_array_equal(kernel, convert.CONV.to_flax(long_state[first]))


@pytest.mark.parametrize("start", ["", "module.", "backbone.s3d."])
def test_a_single_network_goes_anywhere_but_for_colours_into_keypoints(
    long, long_state, tmp_path, capsys, start
):
  path = save(tmp_path / "k.safetensors", single(long_state, "video_long", start))
  paths = changed(long, stages.load_stream(long, path, "video_long"))
  assert len(paths) == sum("/video_long/" in x for x in flat(long))
  assert "afresh" not in capsys.readouterr().err
  paths = changed(long, stages.load_stream(long, path, "keypoint_long"))
  kept = {x for x in flat(long) if "/keypoint_long/" in x} - paths
  assert kept == {"params/keypoint_long/base_0/conv_s/kernel"}
  assert "that of keypoint_long begins afresh" in capsys.readouterr().err


def test_a_length_takes_both_streams_and_what_connects_them(long, long_state, tmp_path):
  for name, start in (("a", "backbone.ts_high."), ("b", "backbone.")):  # alone, or among four
    state = {x.replace("backbone.ts_high.", start): value for x, value in long_state.items()}
    path = save(tmp_path / f"{name}.safetensors", state)
    paths = changed(long, stages.load_length(long, path, "long"))
    assert len(paths) == sum("/head_" not in x for x in flat(long))
    assert any("video_long_to_keypoint_long_4" in x for x in paths)


def test_a_run_is_as_its_file(long, tmp_path, monkeypatch):
  variables = drawn(("video_long",), 2)

  def best_of(folder):
    assert folder == tmp_path / "checkpoints"
    return checkpoint.Best(variables, {}, None, True)

  monkeypatch.setattr(checkpoint, "best_on_cpu", best_of)
  found = stages.load_stream(long, tmp_path, "video_long")
  np.testing.assert_array_equal(
      found["params"]["video_long"]["base_15"]["branch3_1"]["conv"]["kernel"],
      variables["params"]["video_long"]["base_15"]["branch3_1"]["conv"]["kernel"],
  )
  assert tops(changed(long, found)) == {"video_long"}
  variables = {"params": {"Mixed_3b": {"kernel": np.zeros(1)}}}
  with pytest.raises(UserError, match="is no run of nla_slr"):
    stages.load_stream(long, tmp_path, "video_long")


def test_faults_are_one_sentence(long, long_state, tmp_path):
  two = single(long_state, "video_long", "a.") | single(long_state, "video_long", "b.")
  path = save(tmp_path / "two.safetensors", two)
  with pytest.raises(UserError, match="holds 2 networks .*a., b."):
    stages.load_stream(long, path, "video_long")
  path = save(tmp_path / "none.safetensors", {"x": np.zeros(1, np.float32)})
  with pytest.raises(UserError, match="holds no networks"):
    stages.load_length(long, path, "long")
  with pytest.raises(UserError, match="init.video_short fills .*does not have"):
    stages.load_stream(long, path, "video_short")
  half = single(long_state, "video_long", "")
  half.pop("base.3.conv_t.weight")
  path = save(tmp_path / "half.safetensors", half)
  with pytest.raises(UserError, match="1 missing .*base.3.conv_t.weight"):
    stages.load_stream(long, path, "video_long")
  with pytest.raises(UserError, match="init.long and init.video_long both fill video_long"):
    stages.check({"init.long": "a", "init.video_long": "b"})


def test_the_section_names_them(long, long_state, tmp_path):
  """As a run loads them: both settings of a configuration, each into its own stream."""
  system = registry.get("nla_slr")
  config = system.config()
  a = save(tmp_path / "a.safetensors", single(long_state, "video_long", ""))
  config.init.video_long = config.init.keypoint_long = str(a)
  paths = changed(long, initial.load(long, config.init, system))
  assert tops(paths) == {"video_long", "keypoint_long"}


def test_sizes_of_a_file(long_state):
  shapes = {name: x.shape for name, x in long_state.items()}
  told = released_names.sizes(shapes)
  assert told == {
      "model.num_classes": CLASSES, "model.width": WIDTH, "model.embedding": 4,
      "model.modalities": "both", "model.lengths": "long", "model.depth": "full",
  }
  alone = {x: shape for x, shape in shapes.items() if "pose" not in x and "kp" not in x}
  assert released_names.sizes(alone)["model.modalities"] == "video"
  with pytest.raises(KeyError):
    released_names.sizes({"base.0.conv_s.weight": (64, 3, 1, 7, 7)})
