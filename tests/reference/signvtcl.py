"""Layers of TwoStream-SLR and SignVTCL in PyTorch, with the released names of their parameters."""

import math

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from tests.reference.nla_slr import MIXED, Stream  # noqa: E402

PLACES = tuple(place for place in MIXED if place < 13)  # of the first four blocks
CHANNELS = {"video": 3, "keypoint": 79, "flow": 3}


class MaskedNorm(nn.Module):
  """BatchNorm of the valid steps alone in training; of all in evaluation."""

  def __init__(self, features):
    super().__init__()
    self.norm = nn.BatchNorm1d(features)

  def forward(self, x, valid):
    if not self.training:
      return self.norm(x.flatten(0, 1)).reshape(x.shape)
    out = x.clone()
    out[valid] = self.norm(x[valid])
    return out


class FeedForward(nn.Module):
  def __init__(self, hidden, inner):
    super().__init__()
    self.layer_norm = nn.LayerNorm(hidden, eps=1e-6)
    self.pwff_layer = nn.Sequential(
        nn.Conv1d(hidden, inner, 3, padding=1), nn.ReLU(), nn.Dropout(0),
        nn.Conv1d(inner, hidden, 3, padding=1), nn.Dropout(0),
    )

  def forward(self, x):
    return x + self.pwff_layer(self.layer_norm(x).transpose(1, 2)).transpose(1, 2)


class Head(nn.Module):
  def __init__(self, channels, hidden, inner, classes):
    super().__init__()
    self.fc1 = nn.Linear(channels, hidden)
    self.bn1 = MaskedNorm(hidden)
    self.feedforward = FeedForward(hidden, inner)
    self.layer_norm = nn.LayerNorm(hidden, eps=1e-6)
    self.gloss_output_layer = nn.Linear(hidden, classes)

  def forward(self, x, valid):
    x = F.relu(self.bn1(self.fc1(x), valid))
    places = torch.zeros(x.shape[1:])
    for step in range(x.shape[1]):
      for channel in range(x.shape[2]):
        angle = step / 10000 ** (2 * (channel // 2) / x.shape[2])
        places[step, channel] = math.cos(angle) if channel % 2 else math.sin(angle)
    return self.gloss_output_layer(self.layer_norm(self.feedforward(x + places)))


class Up(nn.Module):
  """Two transposed convolutions; `stride` is that in time."""

  def __init__(self, channels, features, stride):
    super().__init__()
    self.conv_trans_s = nn.ConvTranspose3d(
        channels, features, (1, 3, 3), (1, 2, 2), (0, 1, 1), (0, 1, 1), bias=False
    )
    self.bn_s = nn.BatchNorm3d(features, eps=1e-3, momentum=0.001)
    self.conv_trans_t = nn.ConvTranspose3d(
        features, features, (3, 1, 1), (stride, 1, 1), (1, 0, 0), (stride - 1, 0, 0), bias=False
    )
    self.bn_t = nn.BatchNorm3d(features, eps=1e-3, momentum=0.001)

  def forward(self, x):
    x = F.relu(self.bn_s(self.conv_trans_s(x)))
    return F.relu(self.bn_t(self.conv_trans_t(x)))


class Pyramid(nn.Module):
  def __init__(self, c2, c3, c4):
    super().__init__()
    self.upsample_layers = nn.ModuleList([Up(c4, c3, 2), Up(c3, c2, 1)])

  def forward(self, c2, c3, c4):
    c3 = c3 + self.upsample_layers[0](c4)
    return c2 + self.upsample_layers[1](c3), c3


class Attention(nn.Module):
  def __init__(self, width, heads):
    super().__init__()
    self.heads = heads
    for name in ("k", "v", "q", "out"):
      setattr(self, f"{name}_proj", nn.Linear(width, width))

  def forward(self, x, mask):
    q, k, v = (
        getattr(self, f"{name}_proj")(x).unflatten(2, (self.heads, -1)).transpose(1, 2)
        for name in "qkv"
    )
    scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])
    scores = scores.masked_fill(~mask[:, None, None], -torch.inf)
    return self.out_proj((scores.softmax(3) @ v).transpose(1, 2).flatten(2))


class MBartLayer(nn.Module):
  def __init__(self, width, heads, hidden):
    super().__init__()
    self.self_attn = Attention(width, heads)
    self.self_attn_layer_norm = nn.LayerNorm(width)
    self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)
    self.final_layer_norm = nn.LayerNorm(width)

  def forward(self, x, mask):
    x = x + self.self_attn(self.self_attn_layer_norm(x), mask)
    return x + self.fc2(F.gelu(self.fc1(self.final_layer_norm(x))))


def fused(kind, channels):
  """What all of three streams of `channels` get, from their concatenated channels; no attention."""
  layers = [nn.Linear(3 * channels, channels), nn.ReLU(), nn.Linear(channels, channels)]
  if kind == "convolution":
    layers[::2] = [nn.Conv3d(n * channels, channels, 3, padding=1) for n in (3, 1)]
  return nn.Sequential(*layers)


class SignVTCL(nn.Module):
  """Three streams that exchange maps by MLPs behind three blocks, and four heads."""

  def __init__(self, classes, width=1.0, hidden=512, inner=2048, places=PLACES):
    super().__init__()
    self.branch = nn.ModuleDict({
        name: Stream(channels, width, places) for name, channels in CHANNELS.items()
    })
    features = self.branch["video"].backbone.features
    self.fusion = nn.ModuleList(fused("mlp", features[n]) for n in range(3))
    sizes = dict.fromkeys(CHANNELS, features[3]) | {"joint": 3 * features[3]}
    self.head = nn.ModuleDict({
        name: Head(channels, hidden, inner, classes) for name, channels in sizes.items()
    })

  def forward(self, clips, lengths):
    """{stream: (B, C, T, H, W)}, (B,) -> ({head: logits (B, T / 4, V)}, (B,) steps)."""
    maps = dict(clips)
    for number in range(4):
      maps = {name: self.branch[name].backbone.block(number, x) for name, x in maps.items()}
      if number < 3:
        joined = torch.cat(list(maps.values()), 1).movedim(1, -1)
        shared = self.fusion[number](joined).movedim(-1, 1)
        maps = {name: x + shared for name, x in maps.items()}
    features = {name: x.mean((3, 4)).transpose(1, 2) for name, x in maps.items()}
    features["joint"] = torch.cat(list(features.values()), 2)
    count = features["joint"].shape[1]
    steps = lengths * count // next(iter(clips.values())).shape[2]
    valid = torch.arange(count)[None] < steps[:, None]
    return {name: self.head[name](x, valid) for name, x in features.items()}, steps


def ctc_of_heads(logits, steps, glosses, counts):
  """The sum over heads of the sums over examples of CTC's losses, over the batch's size."""
  loss = nn.CTCLoss(blank=0, reduction="sum", zero_infinity=True)
  return sum(
      loss(x.log_softmax(2).transpose(0, 1), glosses, steps, counts) / len(steps)
      for x in logits.values()
  )
