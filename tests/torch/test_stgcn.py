import pytest

torch = pytest.importorskip("torch")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from sign_jax.modules import stgcn  # noqa: E402
from sign_jax.modules.skeleton import HAND  # noqa: E402
from sign_jax.systems.seds import released_names as table  # noqa: E402
from sign_jax.weights import convert  # noqa: E402
from tests.torch import compare  # noqa: E402

pytestmark = pytest.mark.usefixtures("quick_compile")
GROUP, HERE = "signbert.embed.st_gcn_hand", "pose_encoder/st_gcn_hand"
BATCH, FRAMES, WIDTH = 3, 7, 4


class GraphConv(nn.Module):
  def __init__(self, channels, features, adjacency):
    super().__init__()
    self.adjacency = torch.from_numpy(adjacency)
    self.conv = nn.Conv2d(channels, 4 * features, 1)

  def forward(self, x):
    y = self.conv(x)
    y = y.reshape(len(y), 4, -1, *y.shape[2:])
    return torch.einsum("nkctv,kvw->nctw", y, self.adjacency)


class Block(nn.Module):
  """(B, C, T, V) -> (B, features, T, V)."""

  def __init__(self, channels, features, adjacency, residual=True):
    super().__init__()
    self.gcn, self.with_residual = GraphConv(channels, features, adjacency), residual
    norm = lambda: nn.BatchNorm2d(features)
    self.tcn = nn.Sequential(
      norm(), nn.ReLU(), nn.Dropout(0.0), nn.Conv2d(features, features, 1), norm(), nn.Dropout(0.0)
    )
    if residual and channels != features:
      self.residual = nn.Sequential(nn.Conv2d(channels, features, 1), norm())

  def forward(self, x):
    residual = self.residual(x) if hasattr(self, "residual") else x
    return F.relu(self.tcn(self.gcn(x)) + (residual if self.with_residual else 0))


class Temporal(nn.Module):
  """(B, C, T) -> (B, C, T)."""

  def __init__(self, width):
    super().__init__()
    conv = lambda size: nn.Sequential(nn.Conv1d(width, width, size, padding="same"), nn.ReLU())
    self.conv1d_5, self.conv1d_3_1, self.conv1d_3_2 = conv(5), conv(3), conv(3)
    self.conv1x1, self.bn = nn.Conv1d(2 * width, width, 1), nn.BatchNorm1d(width)

  def forward(self, x):
    both = torch.cat([self.conv1d_5(x), self.conv1d_3_2(self.conv1d_3_1(x))], 1)
    return F.relu(self.bn(self.conv1x1(both)))


class Group(nn.Module):
  """Joints (B, T, V, 2) of a hand -> (B, T, 4 width)."""

  def __init__(self, width):
    super().__init__()
    self.data_bn = nn.BatchNorm1d(42, eps=0.1)
    joints, parts = HAND.joints, HAND.part_graph
    self.st_gcn_networks = nn.ModuleList([
      Block(2, width, joints, False), Block(width, width, joints), Block(width, 2 * width, joints)
    ])
    self.st_gcn_pool = nn.ModuleList([
      Block(2 * width, 4 * width, parts), Block(4 * width, 4 * width, parts)
    ])
    self.conv4 = nn.Sequential(nn.Conv2d(4 * width, 4 * width, 1), nn.BatchNorm2d(4 * width))
    self.tcn_full_b1, self.tcn_full_b2 = Temporal(4 * width), Temporal(4 * width)

  def forward(self, joints):
    x = self.data_bn(joints.flatten(2).transpose(1, 2))  # (B, V * 2, T)
    x = x.unflatten(1, joints.shape[2:]).permute(0, 2, 3, 1)
    for block in self.st_gcn_networks:
      x = block(x)
    x = torch.stack([x[..., list(part)].amax(-1) for part in HAND.parts], -1)
    for block in self.st_gcn_pool:
      x = block(x)
    x = F.relu(self.conv4(x.amax(-1, keepdim=True)))[..., 0]
    return self.tcn_full_b2(self.tcn_full_b1(x)).transpose(1, 2)


def unsettle(module):
  """Running statistics, scales and shifts as training leaves them, not as they begin."""
  for part in module.modules():
    if isinstance(part, nn.modules.batchnorm._BatchNorm):
      nn.init.normal_(part.running_mean, std=0.1)
      nn.init.uniform_(part.running_var, 0.5, 2.0)
      nn.init.normal_(part.weight, mean=1.0, std=0.2)
      nn.init.normal_(part.bias, std=0.2)


def check(module, model, x, tensor, back, names, train):
  """Output, gradients and, in training, the new running statistics.

  Args:
    x, tensor: the input of either side.
    back: an array in our order of axes -> in theirs.
  """
  unsettle(module)
  module.train(train)
  variables = compare.carry(
    module, model, (x,), table.NAMES, **names, ignore=table.IGNORE, train=False
  )
  expected = module(tensor)
  cotangent = compare.draw(9, *expected.shape)
  expected.backward(torch.from_numpy(cotangent))

  def total(params):
    out, updates = model.apply(
      {**variables, "params": params}, x, train, mutable=["batch_stats"]
    )
    out = back(out)
    return (out * cotangent).sum(), (out, updates)

  (_, (out, updates)), grads = jax.jit(jax.value_and_grad(total, has_aux=True))(
    variables["params"]
  )
  compare.assert_close(out, expected)
  # In training a shift before a BatchNorm has no gradient.
  endings = ("tcn.3.bias", "residual.0.bias", "conv4.0.bias", "conv1x1.bias")
  zero = [
    f"{names['prefix']}{name}" for name, _ in module.named_parameters() if name.endswith(endings)
  ]
  compare.check_gradients(
    module, grads, table.NAMES, **names, zero=zero if train else (), tolerance=5e-5
  )
  ours = convert.export({"batch_stats": compare.nested(names["path"], updates["batch_stats"])},
                        table.NAMES)  # fmt: skip
  running = {
    f"{names['prefix']}{key}": x for key, x in module.state_dict().items() if "running" in key
  }
  assert ours.keys() == running.keys()
  for key, value in running.items():
    compare.assert_close(ours[key], value, key)


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize(("channels", "residual"), [(5, False), (8, True), (5, True)])
def test_graph_block(channels, residual, train):
  torch.manual_seed(0)
  module = Block(channels, 8, HAND.joints, residual)
  model = stgcn.GraphBlock(8, HAND.joints, residual, dropout=0.0)
  x = compare.draw(0, BATCH, FRAMES, 21, channels)
  names = {"prefix": f"{GROUP}.st_gcn_networks.1.", "path": f"{HERE}/st_gcn_networks_1"}
  tensor = torch.from_numpy(np.moveaxis(x, -1, 1).copy())
  check(module, model, x, tensor, lambda out: jnp.moveaxis(out, -1, 1), names, train)


@pytest.mark.parametrize("train", [False, True])
def test_temporal_block(train):
  torch.manual_seed(1)
  module, model = Temporal(6), stgcn.TemporalBlock()
  x = compare.draw(0, BATCH, FRAMES, 6)
  names = {"prefix": f"{GROUP}.tcn_full_b1.", "path": f"{HERE}/tcn_full_b1"}
  tensor = torch.from_numpy(x.swapaxes(1, 2).copy())
  check(module, model, x, tensor, lambda out: out.swapaxes(1, 2), names, train)


class HandEncoder(stgcn.GroupEncoder):
  """With the order of arguments that `check` has."""

  def __call__(self, joints, train):
    return super().__call__(joints, np.ones(joints.shape[:2], bool), train)


@pytest.mark.parametrize("train", [False, True])
def test_hand_encoder(train):
  torch.manual_seed(2)
  module, model = Group(WIDTH), HandEncoder(HAND, WIDTH, dropout=0.0, head_dropout=0.0)
  joints = compare.draw(0, BATCH, FRAMES, 21, 2)
  names = {"prefix": f"{GROUP}.", "path": HERE}
  check(module, model, joints, torch.from_numpy(joints), lambda out: out, names, train)
