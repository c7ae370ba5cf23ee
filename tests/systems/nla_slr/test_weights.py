"""A file of released names is found to be NLA-SLR's, gives a model of its sizes, and comes back."""

import jax
import numpy as np
import pytest
import safetensors.numpy

from sign_jax.errors import UserError
from sign_jax.run import from_weights
from sign_jax.systems.nla_slr import model as vknet
from sign_jax.systems.nla_slr import released_names
from sign_jax.weights import convert

STREAM = ("keypoint_short",)


@pytest.fixture(scope="module", params=["full", "small"])
def depth(request):
  return request.param


@pytest.fixture(scope="module")
def state(depth):
  shapes = vknet.init_shapes(vknet.VKNet(7, 5, STREAM, 1 / 16, depth=depth))
  rng = np.random.default_rng(0)
  drawn = jax.tree.map(lambda x: rng.standard_normal(x.shape).astype(np.float32), shapes)
  return convert.export(drawn, released_names.NAMES)


def test_the_file_of_one_stream(state, depth, tmp_path):
  path = tmp_path / "released.safetensors"
  counters = {name.replace("running_mean", "num_batches_tracked"): np.int64(3)
              for name in state if "running_mean" in name}  # fmt: skip
  safetensors.numpy.save_file(state | {n: np.asarray(x) for n, x in counters.items()}, path)
  run = from_weights.load(path, dataset="wlasl")
  assert run.system.name == "nla_slr"
  model = run.model
  assert (model.streams, model.classes, model.embedding, model.width) == (STREAM, 7, 5, 1 / 16)
  assert model.depth == depth
  assert run.inputs["keypoint_short"] == [[32, 112, 112, 63], "float32"]
  assert run.state.keys() == state.keys()
  for name, value in run.state.items():
    np.testing.assert_array_equal(value, state[name])


def test_what_is_missing_is_named(state, tmp_path):
  path = tmp_path / "half.safetensors"
  name = "heads.kp-l.word_emb_mapper.bias"
  safetensors.numpy.save_file({key: x for key, x in state.items() if key != name}, path)
  with pytest.raises(UserError, match=f"1 missing .{name}"):
    from_weights.load(path, "nla_slr")
