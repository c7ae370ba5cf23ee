"""NLA-SLR's network, losses and training step in PyTorch, with everything materialised."""

import math
from collections import OrderedDict

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

MODALITIES, LENGTHS = {"rgb": 3, "pose": 63}, ("high", "low")
HEADS = {
    "rgb-h": ("rgb-h",), "rgb-l": ("rgb-l",), "kp-h": ("kp-h",), "kp-l": ("kp-l",),
    "fuse": ("rgb-h", "rgb-l", "kp-h", "kp-l"),
    "fuse-h": ("rgb-h", "kp-h"), "fuse-l": ("rgb-l", "kp-l"),
}  # fmt: skip


class BasicConv(nn.Module):
  """1 x 1 x 1 convolution, BatchNorm, ReLU."""

  def __init__(self, channels, features):
    super().__init__()
    self.conv = nn.Conv3d(channels, features, 1, bias=False)
    self.bn = nn.BatchNorm3d(features, eps=1e-3, momentum=0.001)

  def forward(self, x):
    return F.relu(self.bn(self.conv(x)))


class SepConv(nn.Module):
  """Over frames, BatchNorm, ReLU; over time, BatchNorm, ReLU."""

  def __init__(self, channels, features, k, stride=1):
    super().__init__()
    pad = k // 2
    self.conv_s = nn.Conv3d(
        channels, features, (1, k, k), (1, stride, stride), (0, pad, pad), bias=False
    )
    self.bn_s = nn.BatchNorm3d(features, eps=1e-3, momentum=0.001)
    self.conv_t = nn.Conv3d(
        features, features, (k, 1, 1), (stride, 1, 1), (pad, 0, 0), bias=False
    )
    self.bn_t = nn.BatchNorm3d(features, eps=1e-3, momentum=0.001)

  def forward(self, x):
    x = F.relu(self.bn_s(self.conv_s(x)))
    return F.relu(self.bn_t(self.conv_t(x)))


class Mixed(nn.Module):
  """Inception block."""

  def __init__(self, channels, c0, c1a, c1b, c2a, c2b, c3):
    super().__init__()
    self.branch0 = nn.Sequential(BasicConv(channels, c0))
    self.branch1 = nn.Sequential(BasicConv(channels, c1a), SepConv(c1a, c1b, 3))
    self.branch2 = nn.Sequential(BasicConv(channels, c2a), SepConv(c2a, c2b, 3))
    self.branch3 = nn.Sequential(nn.MaxPool3d(3, 1, 1), BasicConv(channels, c3))

  def forward(self, x):
    return torch.cat([branch(x) for branch in self.children()], 1)


MIXED = {
    5: (64, 96, 128, 16, 32, 32),
    6: (128, 128, 192, 32, 96, 64),
    8: (192, 96, 208, 16, 48, 64),
    9: (160, 112, 224, 24, 64, 64),
    10: (128, 128, 256, 24, 64, 64),
    11: (112, 144, 288, 32, 64, 64),
    12: (256, 160, 320, 32, 128, 128),
    14: (256, 160, 320, 32, 128, 128),
    15: (384, 192, 384, 48, 128, 128),
}


class S3D(nn.Module):
  """Five blocks; what they return is block by block the caller's.

  `places` are those of the Mixed blocks that there are: fewer for quick tests.
  """

  ENDS = 1, 4, 7, 13, 16  # of the blocks in `base`

  def __init__(self, channels, width=1.0, places=tuple(MIXED)):
    super().__init__()
    first, third = round(64 * width), round(192 * width)
    base = {
        0: SepConv(channels, first, 7, 2),
        1: nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
        2: BasicConv(first, first),
        3: SepConv(first, third, 3),
        4: nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
        7: nn.MaxPool3d(3, 2, 1),
        13: nn.MaxPool3d(2, 2),
    }
    inside, self.features = third, {0: first, 1: third}
    for place in places:
      widths = [round(n * width) for n in MIXED[place]]
      base[place] = Mixed(inside, *widths)
      inside = widths[0] + widths[2] + widths[4] + widths[5]
      self.features[next(n for n, end in enumerate(self.ENDS) if place < end)] = inside
    self.base = nn.Sequential(OrderedDict((str(place), base[place]) for place in sorted(base)))

  def block(self, number, x):
    for name, layer in self.base.named_children():
      if [0, *self.ENDS][number] <= int(name) < self.ENDS[number]:
        x = layer(x)
    return x


class Stream(nn.Module):
  def __init__(self, *args):
    super().__init__()
    self.backbone = S3D(*args)


class Lateral(nn.Module):
  """A convolution of stride 2 in frames or in time, or its transpose."""

  def __init__(self, channels, in_time, transposed):
    super().__init__()
    axes = (1, 0, 0) if in_time else (0, 1, 1)
    kernel, stride = (tuple(1 + by * axis for axis in axes) for by in (2, 1))
    layer = nn.ConvTranspose3d if transposed else nn.Conv3d
    self.conv = layer(channels, channels, kernel, stride, axes, bias=False)
    self.transposed = transposed

  def forward(self, source, target):
    size = {"output_size": target.shape[2:]} if self.transposed else {}
    return target + self.conv(source, **size)


def laterals(features, in_time, transposed):
  """Behind the first four blocks."""
  return nn.ModuleList(Lateral(features[n], in_time, transposed) for n in range(4))


class TwoStream(nn.Module):
  """Video and keypoints of one length."""

  def __init__(self, width, places):
    super().__init__()
    for name, channels in MODALITIES.items():
      self.add_module(f"{name}_stream", Stream(channels, width, places))
    self.features = self.rgb_stream.backbone.features
    # From the smaller maps of keypoints, and to them.
    self.rgb_stream_lateral = laterals(self.features, False, True)
    self.pose_stream_lateral = laterals(self.features, False, False)


class Backbone(nn.Module):
  """Four streams."""

  def __init__(self, width, places):
    super().__init__()
    self.ts_high, self.ts_low = TwoStream(width, places), TwoStream(width, places)
    self.features = self.ts_high.features
    for name in MODALITIES:
      self.add_module(f"{name}_low2high", laterals(self.features, True, True))
      self.add_module(f"{name}_high2low", laterals(self.features, True, False))

  def forward(self, inputs):
    """{(modality, length): clip} -> {the same: feature}."""
    maps = dict(inputs)
    for number in range(5):
      for (modality, length), x in maps.items():
        stream = getattr(getattr(self, f"ts_{length}"), f"{modality}_stream")
        maps[modality, length] = stream.backbone.block(number, x)
      if number == 4:
        return {key: self.pooled(x) for key, x in maps.items()}
      before = dict(maps)
      for length in LENGTHS:
        both, rgb, pose = (getattr(self, f"ts_{length}"), before["rgb", length],
                           before["pose", length])  # fmt: skip
        maps["rgb", length] = both.rgb_stream_lateral[number](pose, rgb)
        maps["pose", length] = both.pose_stream_lateral[number](rgb, pose)
      before = dict(maps)
      for name in MODALITIES:
        high, low = before[name, "high"], before[name, "low"]
        maps[name, "high"] = getattr(self, f"{name}_low2high")[number](low, high)
        maps[name, "low"] = getattr(self, f"{name}_high2low")[number](high, low)
    return None

  @staticmethod
  def pooled(x):
    time, *frame = x.shape[2:]
    return F.avg_pool3d(x, (min(time, 2), *frame), 1).mean((2, 3, 4))


class Head(nn.Module):
  def __init__(self, width, classes, embedding):
    super().__init__()
    self.gloss_output_layer = nn.Linear(width, classes)
    self.word_emb_mapper = nn.Linear(embedding, width)
    self.word_fused_gloss_output_layer = nn.Linear(width, classes)

  def blended(self, feature, embeddings, labels):
    """((B, N, N) logits of FC2 of each feature with each gloss, (B, N) the glosses' order).

    The label comes first, the others in the order of FC1's scores, the largest first.
    """
    scores = self.gloss_output_layer(feature).scatter(1, labels[:, None], math.inf)
    order = scores.argsort(1, descending=True)
    mapped = self.word_emb_mapper(embeddings)
    return self.word_fused_gloss_output_layer(feature[:, None] + mapped[order]), order


class NLASLR(nn.Module):
  def __init__(self, classes, embedding=300, width=1.0, places=tuple(MIXED)):
    super().__init__()
    self.backbone = Backbone(width, places)
    features = self.backbone.features[4]
    self.heads = nn.ModuleDict({
        name: Head(features * len(members), classes, embedding) for name, members in HEADS.items()
    })

  def forward(self, inputs):
    """{("rgb", "high"): (B, 3, T, H, W), ...} -> ({head: its input}, {head: logits})."""
    found = self.backbone(inputs)
    short = {"rgb": "rgb", "pose": "kp"}
    features = {f"{short[name]}-{length[0]}": x for (name, length), x in found.items()}
    joined = {head: torch.cat([features[x] for x in names], 1) for head, names in HEADS.items()}
    return joined, {name: self.heads[name].gloss_output_layer(x) for name, x in joined.items()}


def smoothed(labels, classes, embeddings=None, eps=0.2, temperature=0.5):
  """(B, N) targets: 1 - eps on the label; the rest by likeness of the glosses, or uniform."""
  if embeddings is None:
    rest = torch.ones(len(labels), classes, dtype=torch.get_default_dtype())
    rest = rest.scatter(1, labels[:, None], 0) / (classes - 1)
  else:
    likeness = F.cosine_similarity(embeddings[labels][:, None], embeddings[None], dim=2)
    rest = (likeness / temperature).scatter(1, labels[:, None], -math.inf).softmax(1)
  return (eps * rest).scatter(1, labels[:, None], 1 - eps)


def cross_entropy(logits, targets):
  return -(targets * logits.log_softmax(-1)).sum(-1).mean()


def mixup_targets(order, labels, others=None, share=1.0):
  """(B, N, N): half on the label, or shared with another's, and half on the gloss."""
  half = 0.5 * F.one_hot(order, order.shape[1]).to(torch.get_default_dtype())
  one_hot = lambda x: F.one_hot(x, order.shape[1])[:, None].to(half.dtype)
  own = share * one_hot(labels)
  return half + 0.5 * (own if others is None else own + (1 - share) * one_hot(others))


def inter_modality_loss(head, feature, embeddings, labels, others=None, share=1.0):
  logits, order = head.blended(feature, embeddings, labels)
  return cross_entropy(logits, mixup_targets(order, labels, others, share))


def loss_of(model, inputs, embeddings, labels, others, share, epoch, epochs):
  """The sum of all heads' losses."""
  joined, logits = model(inputs)
  classes, total = len(embeddings), 0.0
  weight = 0.5 * (1 + math.cos(math.pi * epoch / epochs))
  for name, head in model.heads.items():
    for target, part in ((labels, share), (others, 1 - share)):
      total = total + part * cross_entropy(logits[name], smoothed(target, classes, embeddings))
    total = total + weight * inter_modality_loss(
        head, joined[name], embeddings, labels, others, share
    )
  return total


@torch.no_grad()
def pull(model, epoch, epochs, base=0.99):
  """FC1 to FC2, after every update; eq. 6."""
  beta = 1 - (1 - base) * (math.cos(math.pi * epoch / epochs) + 1) / 2
  for head in model.heads.values():
    pairs = zip(head.gloss_output_layer.parameters(),
                head.word_fused_gloss_output_layer.parameters(), strict=True)  # fmt: skip
    for first, second in pairs:
      first.mul_(beta).add_(second, alpha=1 - beta)


def heatmaps(points, size, sigma):
  """(T, K, 3) in pixels of the map -> (T, K, size, size)."""
  at = torch.arange(size, dtype=points.dtype)
  square = lambda x: (at - x[..., None]) ** 2
  distance = square(points[..., 1])[..., None] + square(points[..., 0])[..., None, :]
  return torch.exp(-distance / (2 * sigma**2))
