import math

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from sign_jax.modules import cgaf  # noqa: E402
from sign_jax.systems.seds import released_names as table  # noqa: E402
from tests.torch import compare  # noqa: E402

pytestmark = pytest.mark.usefixtures("quick_compile")
BATCH, LENGTH, WIDTH, HEADS = 3, 9, 32, 4
MASK = np.arange(LENGTH)[None] < np.array([[4], [9], [7]])
STREAMS = ("P2R", "R2P")


class Attention(nn.Module):
  """Gloss attention, sampled by `grid_sample` from images one pixel wide."""

  def __init__(self, keys):
    super().__init__()
    self.keys = keys
    self.q_layer, self.k_layer, self.v_layer, self.output_layer = (
      nn.Linear(WIDTH, WIDTH) for _ in range(4)
    )
    self.sample_offsets = nn.Linear(WIDTH, HEADS * keys)

  def sample(self, x, positions):
    """(B, L, D) at (B, H, L, N) -> (B, H, L, N, D / H)."""
    image = x.unflatten(-1, (HEADS, -1)).permute(0, 2, 3, 1).flatten(0, 1)[..., None]
    down = 2 * positions.flatten(0, 1) / (LENGTH - 1) - 1
    grid = torch.stack([torch.full_like(down, -1), down], -1)
    values = F.grid_sample(image, grid, align_corners=False)  # (B * H, C, L, N)
    return values.unflatten(0, (BATCH, HEADS)).permute(0, 1, 3, 4, 2)

  def forward(self, query, key, value, windows):
    q, k, v = self.q_layer(query), self.k_layer(key), self.v_layer(value)
    offsets = self.sample_offsets(q).unflatten(-1, (HEADS, self.keys)).transpose(1, 2)
    first = {5: -3, 3: -2}[self.keys]
    around = torch.arange(first, first + self.keys)
    positions = torch.arange(LENGTH)[:, None] + around + offsets
    positions = positions % torch.tensor(windows)[:, None, None, None]
    q = q.unflatten(-1, (HEADS, -1)).transpose(1, 2) / math.sqrt(WIDTH // HEADS)
    weights = (q[..., None, :] * self.sample(k, positions)).sum(-1).softmax(-1)
    found = (weights[..., None] * self.sample(v, positions)).sum(-2)
    return self.output_layer(found.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
  def __init__(self):
    super().__init__()
    self.layer_norm = nn.LayerNorm(WIDTH, eps=1e-6)
    hidden = cgaf.FEED_FORWARD * WIDTH
    layers = nn.Linear(WIDTH, hidden), nn.ReLU(), nn.Identity(), nn.Linear(hidden, WIDTH)
    self.pwff_layer = nn.Sequential(*layers)

  def forward(self, x):
    return x + self.pwff_layer(self.layer_norm(x))


class Layer(nn.Module):
  def __init__(self, keys):
    super().__init__()
    self.layer_norm = nn.LayerNorm(WIDTH, eps=1e-6)
    self.src_src_att, self.feed_forward = Attention(keys), FeedForward()

  def forward(self, x, y, windows):
    return self.feed_forward(x + self.src_src_att(y, self.layer_norm(x), y, windows))


class Mlp(nn.Module):
  def __init__(self):
    super().__init__()
    self.c_fc, self.c_proj = nn.Linear(2 * WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, 2 * WIDTH)
    self.c_proj1 = nn.Linear(2 * WIDTH, WIDTH)

  def forward(self, x):
    for layer in (self.c_fc, self.c_proj):
      x = layer(x)
      x = x * torch.sigmoid(1.702 * x)
    return self.c_proj1(x)


class Fusion(nn.Module):
  """Pose and RGB tokens (B, L, D) -> fused ones, as released."""

  def __init__(self):
    super().__init__()
    for stream in STREAMS:
      setattr(self, f"{stream}_layers", nn.ModuleList(Layer(keys) for keys in (5, 3)))
      setattr(self, f"{stream}_layer_norm", nn.LayerNorm(WIDTH, eps=1e-6))
    self.mlp_fusion = nn.ModuleDict({"mlp": Mlp(), "ln": nn.LayerNorm(WIDTH, eps=1e-12)})

  def forward(self, pose, rgb, windows):
    places = torch.zeros(LENGTH, WIDTH)
    for t in range(LENGTH):
      for i in range(0, WIDTH, 2):
        angle = t / 10000 ** (i / WIDTH)
        places[t, i], places[t, i + 1] = math.sin(angle), math.cos(angle)
    p, r = pose + places, rgb + places
    for to_pose, to_rgb in zip(self.P2R_layers, self.R2P_layers, strict=True):
      p, r = to_pose(p, r, windows), to_rgb(r, p, windows)
    p, r = self.P2R_layer_norm(p), self.R2P_layer_norm(r)
    fused = self.mlp_fusion["ln"](self.mlp_fusion["mlp"](torch.cat([p, r], -1)) + p + r)
    return fused + pose + rgb


def spread(module):
  """Offsets of several positions, and norms as training leaves them."""
  for part in module.modules():
    if isinstance(part, Attention):
      nn.init.normal_(part.sample_offsets.weight)
    if isinstance(part, nn.LayerNorm):
      nn.init.normal_(part.weight, mean=1.0, std=0.2)
      nn.init.normal_(part.bias, std=0.2)


def check(module, model, arrays, inputs, prefix, path):
  """Outputs and gradients; `inputs` follow the arrays in our module."""
  spread(module)
  variables = compare.carry(module, model, (*arrays, *inputs), table.NAMES, prefix, path)
  windows = (MASK.sum(1) - 1).tolist()
  expected = module(*map(torch.from_numpy, arrays), windows)
  cotangent = compare.draw(9, *expected.shape)
  expected.backward(torch.from_numpy(cotangent))
  out, grads = compare.gradients(model, variables, (*arrays, *inputs), [cotangent])
  compare.assert_close(out, expected)
  compare.check_gradients(module, grads, table.NAMES, prefix, path, tolerance=5e-5)


@pytest.mark.parametrize("keys", [5, 3])
def test_attention(keys):
  torch.manual_seed(0)
  module, model = Attention(keys), cgaf.CrossAttention(HEADS, keys, "released", 0.0)
  arrays = [compare.draw(i, BATCH, LENGTH, WIDTH) for i in range(3)]
  names = "fusion.P2R_layers.0.src_src_att.", "fuse/P2R_layers_0/src_src_att"
  check(module, model, arrays, (MASK,), *names)


def test_fusion():
  torch.manual_seed(1)
  module, model = Fusion(), cgaf.CrossFusion(heads=HEADS, dropout=0.0)
  arrays = [compare.draw(i, BATCH, LENGTH, WIDTH) for i in range(2)]
  check(module, model, arrays, (MASK,), "fusion.", "fuse")
