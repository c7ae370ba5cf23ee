import pytest

torch = pytest.importorskip("torch")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

from sign_jax.modules import i3d  # noqa: E402
from sign_jax.systems.i3d import released_names as table  # noqa: E402
from sign_jax.weights import convert  # noqa: E402
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
    module, model, (x,), table.NAMES, **names, ignore=table.IGNORE, train=False
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
  compare.check_gradients(module, grads, table.NAMES, **names)
  ours = convert.export({"batch_stats": {name: updates["batch_stats"]}}, table.NAMES)
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


def pool(x, window, strides):
  """Max-pool with padding SAME, zeros around."""
  padding = []
  for length, size, stride in zip(x.shape[:1:-1], window[::-1], strides[::-1], strict=True):
    total = max((-(-length // stride) - 1) * stride + size - length, 0)
    padding += [total // 2, total - total // 2]
  return torch.nn.functional.max_pool3d(torch.nn.functional.pad(x, padding), window, strides)


class WholeI3D(torch.nn.Module):
  """I3D at a share of its width, without dropout, on clips of any size."""

  POOLS = {
    "Conv3d_2b_1x1": ((1, 3, 3), (1, 2, 2)), "Mixed_3b": ((1, 3, 3), (1, 2, 2)),
    "Mixed_4b": ((3, 3, 3), (2, 2, 2)), "Mixed_5b": ((2, 2, 2), (2, 2, 2)),
  }  # fmt: skip

  def __init__(self, width, classes):
    super().__init__()
    scaled = lambda channels: round(channels * width)
    first, third, channels = scaled(64), scaled(192), scaled(192)
    self.Conv3d_1a_7x7 = reference.ConvUnit(3, first, 7, 2)
    self.Conv3d_2b_1x1 = reference.ConvUnit(first, first, 1)
    self.Conv3d_2c_3x3 = reference.ConvUnit(first, third, 3)
    for name, widths in i3d.MIXED.items():
      widths = tuple(map(scaled, widths))
      self.add_module(name, reference.Mixed(channels, widths))
      channels = widths[0] + widths[2] + widths[4] + widths[5]
    self.logits = torch.nn.Module()
    self.logits.conv3d = torch.nn.Conv3d(channels, classes, 1)

  def forward(self, x):
    for name, module in self.named_children():
      if name in self.POOLS:
        x = pool(x, *self.POOLS[name])
      if name != "logits":
        x = module(x)
    return self.logits.conv3d(x.mean((2, 3, 4), keepdim=True))[..., 0, 0, 0]


def test_a_training_step_of_the_whole_network(quick_compile):
  """Forward by batch statistics, gradients of all parameters, statistics after the step.

  In float64: in float32 some activation always lies so near to the kink of a ReLU or of a pool that
  rounding decides on which side, and with it on a gradient.
  """
  with jax.enable_x64(True):
    check_a_training_step()


def check_a_training_step():
  torch.manual_seed(2)
  width, classes = 1 / 8, 4
  module = WholeI3D(width, classes)
  model = i3d.I3D(classes, dropout_rate=0.0, width=width, dtype=np.float64)
  clip = compare.draw(0, 3, 16, 40, 48, 3).astype(np.float64)  # odd after some of the strides
  labels = np.array([1, 3, 0])
  unsettle(module)
  module.double().train()
  state = {name: x.numpy() for name, x in module.state_dict().items()}
  variables = convert.merge(i3d.init_shapes(model), state, table.NAMES, table.IGNORE)

  expected = module(theirs_of(clip))
  loss = torch.nn.functional.cross_entropy(expected, torch.from_numpy(labels))
  loss.backward()

  @jax.jit
  def step(params):
    def total(params):
      out, updates = model.apply(
        {**variables, "params": params}, clip, train=True, mutable=["batch_stats"]
      )
      log = jax.nn.log_softmax(out["logits"])
      return -log[np.arange(3), labels].mean(), (out["logits"], updates)

    return jax.value_and_grad(total, has_aux=True)(params)

  (value, (logits, updates)), grads = step(variables["params"])
  compare.assert_close(logits, expected, "logits", 1e-4)
  compare.assert_close(value, loss, "loss", 1e-4)
  compare.check_gradients(module, grads, table.NAMES, "", "", tolerance=1e-3)
  ours = convert.export(updates, table.NAMES)
  running = {name: x for name, x in module.state_dict().items() if "running" in name}
  assert ours.keys() == running.keys()
  for name, value in running.items():
    compare.assert_close(ours[name], value, name, 1e-4)
