import pytest

torch = pytest.importorskip("torch")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

from sign_jax.modules import i3d  # noqa: E402
from sign_jax.weights import convert  # noqa: E402
from sign_jax.weights.tables import i3d as table  # noqa: E402
from tests.torch import compare, reference  # noqa: E402

WIDTHS = (6, 5, 8, 3, 4, 4)


def theirs_of(x):
  """(B, T, H, W, C) -> a tensor (B, C, T, H, W)."""
  return torch.from_numpy(np.moveaxis(x, -1, 1).copy())


def unsettle(module):
  """Running statistics and scales as training leaves them, not as they begin."""
  for part in module.modules():
    if isinstance(part, torch.nn.BatchNorm3d):
      torch.nn.init.normal_(part.running_mean, std=0.1)
      torch.nn.init.uniform_(part.running_var, 0.5, 2.0)
      torch.nn.init.normal_(part.weight, mean=1.0, std=0.2)
      torch.nn.init.normal_(part.bias, std=0.2)


def check(module, model, x, name, train):
  """Output, gradients and, in training, the new running statistics."""
  unsettle(module)
  module.train(train)
  names = {"prefix": f"{name}.", "path": name}
  variables = compare.carry(
    module, model, (x,), table.TABLE, **names, ignore=table.IGNORE, train=False
  )
  expected = module(theirs_of(x))
  cotangent = compare.draw(9, *np.moveaxis(expected.detach().numpy(), 1, -1).shape)
  expected.backward(theirs_of(cotangent))

  def total(params):
    out, updates = model.apply(
      {**variables, "params": params}, x, train, mutable=["batch_stats"]
    )
    return (out * cotangent).sum(), (out, updates)

  (_, (out, updates)), grads = jax.jit(jax.value_and_grad(total, has_aux=True))(
    variables["params"]
  )
  compare.assert_close(jnp.moveaxis(out, -1, 1), expected)
  compare.check_gradients(module, grads, table.TABLE, **names)
  ours = convert.export({"batch_stats": {name: updates["batch_stats"]}}, table.TABLE)
  running = {f"{name}.{key}": x for key, x in module.state_dict().items() if "running" in key}
  assert ours.keys() == running.keys()
  for key, value in running.items():
    compare.assert_close(ours[key], value, key)


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (7, 2)])
def test_conv_unit(kernel, stride, train):
  torch.manual_seed(0)
  module = reference.ConvUnit(5, 8, kernel, stride)
  model = i3d.ConvUnit(8, kernel, stride, jnp.float32)
  check(module, model, compare.draw(0, 2, 6, 9, 10, 5), "Conv3d_1a_7x7", train)


@pytest.mark.parametrize("train", [False, True])
def test_mixed_block(train):
  torch.manual_seed(1)
  module, model = reference.Mixed(7, WIDTHS), i3d.Mixed(WIDTHS, 1.0, jnp.float32)
  # After a ReLU, as everywhere in I3D: the original pools with zeros around.
  x = np.maximum(compare.draw(0, 2, 4, 6, 5, 7), 0)
  check(module, model, x, "Mixed_3b", train)
