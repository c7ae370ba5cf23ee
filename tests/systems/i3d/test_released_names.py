import jax
import numpy as np
import pytest

from sign_jax.errors import UserError
from sign_jax.modules import i3d
from sign_jax.systems.i3d import released_names as table
from sign_jax.weights import convert


def variables(model):
  rng = np.random.default_rng(0)
  shapes = i3d.init_shapes(model)
  return jax.tree.map(lambda x: rng.standard_normal(x.shape, dtype=np.float32), shapes)


def test_in_and_out_is_the_identity():
  model = i3d.I3D(num_classes=7, width=0.25)
  expected = variables(model)
  state = convert.export(expected, table.NAMES)
  assert state["logits.conv3d.weight"].shape == (7, 256, 1, 1, 1)
  assert state["Conv3d_1a_7x7.conv3d.weight"].shape == (16, 3, 7, 7, 7)
  actual = convert.merge(i3d.init_shapes(model), state, table.NAMES)
  jax.tree.map(np.testing.assert_array_equal, actual, expected)


def test_loads_a_training_checkpoint_with_its_number_of_classes(tmp_path):
  torch = pytest.importorskip("torch")
  expected = variables(i3d.I3D(num_classes=11))
  state = {
    f"module.{name}": torch.from_numpy(value)
    for name, value in convert.export(expected, table.NAMES).items()
  }
  state["module.Mixed_3b.b0.bn.num_batches_tracked"] = torch.tensor(5)
  torch.save({"epoch": 1, "state_dict": state}, tmp_path / "i3d.pth.tar")
  model, actual = table.load(tmp_path / "i3d.pth.tar")
  assert model.num_classes == 11
  jax.tree.map(np.testing.assert_array_equal, actual, expected)


def test_other_weights_are_refused_in_one_sentence(tmp_path):
  np.savez(tmp_path / "other.npz", weight=np.zeros(3))
  with pytest.raises(UserError, match="holds no I3D weights"):
    table.load(tmp_path / "other.npz")
  state = {"logits.conv3d.weight": np.zeros((4, 1024, 1, 1, 1)), "logits.conv3d.bias": np.zeros(4)}
  np.savez(tmp_path / "part.npz", **state)
  with pytest.raises(UserError, match=r"285 missing \(Conv3d_1a_7x7"):
    table.load(tmp_path / "part.npz")
