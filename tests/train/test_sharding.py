import jax
import numpy as np
import optax
import pytest
from jax.sharding import AbstractMesh, AxisType
from jax.sharding import PartitionSpec as P

from configs import upret
from sign_jax.errors import UserError
from sign_jax.run import task as run_task
from sign_jax.train import optim, sharding
from sign_jax.train.step import create_state
from tests import fakes


def mesh(data=1, fsdp=1, tensor=1):
  return AbstractMesh((data, fsdp, tensor), sharding.AXES, axis_types=(AxisType.Auto,) * 3)


@pytest.fixture(scope="module", params=optim.PRECISIONS)
def state(request):
  """Shapes of the training state of UPRet at full size."""
  config = upret.get_config("how2sign")
  config.optim.precision = request.param
  task = run_task.make(config, fakes.splits(sentences=2, videos=2, windows=4))
  optimizer, _ = optim.from_config(config.optim, 10, task.parameter_kinds)
  return jax.eval_shape(lambda: create_state(task, optimizer, 0))


def specs(tree, mesh):
  """[(name, shape, spec)] of all leaves."""
  placed = sharding.tree_shardings(tree, mesh)
  leaves = jax.tree_util.tree_leaves_with_path(tree)
  return [
      (jax.tree_util.keystr(path, simple=True, separator="/"), x.shape, s.spec)
      for (path, x), s in zip(leaves, jax.tree.leaves(placed), strict=True)
  ]


@pytest.mark.parametrize("sizes", [(1, 1, 1), (2, 2, 2), (1, 3, 5), (4, 8, 4)])
def test_axes_divide_what_they_split(state, sizes):
  where = mesh(*sizes)
  for name, shape, spec in specs(state, where):
    assert len(spec) <= len(shape), name
    for size, axis in zip(shape, spec, strict=False):
      assert axis is None or size % where.shape[axis] == 0, name
    assert "data" not in spec, name


def test_every_large_parameter_is_split(state):
  for name, shape, spec in specs(state.params, mesh(2, 2, 2)):
    kinds = {axis for axis in spec if axis}
    if np.prod(shape) >= 2**20:
      assert kinds == {"fsdp", "tensor"} or name.endswith(("conv1/kernel", "fc/kernel")), name
    if name.endswith("bias") or len(shape) < 2:
      assert not kinds, name


def test_the_two_halves_of_a_layer_match(state):
  # Megatron's pattern: the first product is split by columns, the second by rows.
  found = {name: spec for name, _, spec in specs(state.params, mesh(1, 2, 2))}
  block = "visual/transformer/resblocks_0"
  assert found[f"{block}/mlp/c_fc/kernel"] == P("fsdp", "tensor")
  assert found[f"{block}/mlp/c_proj/kernel"] == P("tensor", "fsdp")
  assert found[f"{block}/attn/in_proj/kernel"] == P("fsdp", "tensor")
  assert found[f"{block}/attn/out_proj/kernel"] == P("tensor", "fsdp")
  assert found["textual/token_embedding/embedding"] == P("tensor", "fsdp")


def test_moments_lie_where_their_parameters_lie(state):
  where = mesh(1, 2, 2)
  params = [spec for *_, spec in specs(state.params, where)]
  is_adam = lambda x: isinstance(x, optax.ScaleByAdamState)
  (adam,) = filter(is_adam, jax.tree.leaves(state.opt_state, is_leaf=is_adam))
  for moment in (adam.mu, adam.nu):
    assert [spec for *_, spec in specs(moment, where)] == params


def test_a_batch_must_divide():
  sharding.check_batch(24, mesh(4, 2, 3))
  with pytest.raises(UserError, match="batch_size 20 .* 8 devices.*batch_size=16 or 24$"):
    sharding.check_batch(20, mesh(4, 2, 3))
  with pytest.raises(UserError, match="eval_batch_size 3 .*eval_batch_size=8$"):
    sharding.check_batch(3, mesh(4, 2, 3), "eval_batch_size")


def test_a_mesh_takes_all_devices():
  devices = jax.devices()[:1]
  assert dict(sharding.make_mesh(devices=devices).shape) == {"data": 1, "fsdp": 1, "tensor": 1}
  with pytest.raises(UserError, match="does not divide the 1 devices"):
    sharding.make_mesh(fsdp=2, devices=devices)


def test_a_batch_is_placed_as_it_is():
  where = sharding.make_mesh(devices=jax.devices()[:1])
  batch = {"video": np.arange(24.0, dtype=np.float32).reshape(4, 3, 2), "text": np.arange(4)}
  placed = sharding.place_batch(where, batch)
  for name, value in batch.items():
    np.testing.assert_array_equal(placed[name], value)
    assert placed[name].sharding.spec == sharding.BATCH


def test_a_copy_lies_on_every_device():
  where = sharding.make_mesh(devices=jax.devices()[:1])
  value = np.arange(10, dtype=np.float16).reshape(5, 2)  # rows need not divide
  placed = sharding.replicate(where, {"rows": value})["rows"]
  np.testing.assert_array_equal(placed, value, strict=True)
  assert placed.sharding.spec == P() and placed.is_fully_replicated
