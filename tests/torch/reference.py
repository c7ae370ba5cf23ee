"""The building blocks in PyTorch, written compactly from the papers, with the released names."""

import math
from collections import OrderedDict

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402


class QuickGELU(nn.Module):
  def forward(self, x):
    return x * torch.sigmoid(1.702 * x)


class Block(nn.Module):
  """Pre-LN residual block of CLIP around `nn.MultiheadAttention`."""

  def __init__(self, width, heads):
    super().__init__()
    self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
    self.ln_1 = nn.LayerNorm(width)
    layers = [("c_fc", nn.Linear(width, 4 * width)), ("gelu", QuickGELU()),
              ("c_proj", nn.Linear(4 * width, width))]  # fmt: skip
    self.mlp = nn.Sequential(OrderedDict(layers))
    self.ln_2 = nn.LayerNorm(width)

  def forward(self, x, padding=None, causal=None):
    y = self.ln_1(x)
    x = x + self.attn(
      y, y, y, need_weights=False, key_padding_mask=padding, attn_mask=causal
    )[0]  # fmt: skip
    return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
  def __init__(self, width, heads, layers):
    super().__init__()
    self.resblocks = nn.ModuleList(Block(width, heads) for _ in range(layers))

  def forward(self, x, padding=None, causal=None):
    for block in self.resblocks:
      x = block(x, padding, causal)
    return x


class VideoTower(nn.Module):
  """Clips (B, L, F) with a mask (B, L) -> tokens (B, 1 + L, D); CLIP's vision transformer."""

  def __init__(self, width, heads, layers, dim, length, features):
    super().__init__()
    self.conv1 = nn.Conv2d(features, width, 1, bias=False)
    self._common(width, heads, layers, dim, length)

  def _common(self, width, heads, layers, dim, length):
    self.class_embedding = nn.Parameter(torch.randn(width))
    self.positional_embedding = nn.Parameter(torch.randn(1 + length, width))
    self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
    self.transformer = Transformer(width, heads, layers)
    self.proj = nn.Parameter(torch.randn(width, dim) / math.sqrt(width))

  def forward(self, video, valid):
    x = self.conv1(video.transpose(1, 2)[..., None])[..., 0].transpose(1, 2)
    return self.encode(x, F.pad(~valid, (1, 0), value=True))

  def encode(self, x, padding=None):
    first = self.class_embedding.expand(len(x), 1, -1)
    x = self.ln_pre(torch.cat([first, x], 1) + self.positional_embedding)
    return self.ln_post(self.transformer(x, padding)) @ self.proj


class ImageTower(VideoTower):
  """The same on patches of an image (B, 3, 224, 224): the tower that CLIP's files hold."""

  def __init__(self, width, heads, layers, dim):
    nn.Module.__init__(self)
    self.conv1 = nn.Conv2d(3, width, 32, stride=32, bias=False)
    self._common(width, heads, layers, dim, 49)

  def forward(self, image):
    return self.encode(self.conv1(image).flatten(2).transpose(1, 2))


class TextTower(nn.Module):
  """Ids (B, N) -> tokens (B, N, D); CLIP's causal text transformer."""

  def __init__(self, width, heads, layers, dim):
    super().__init__()
    self.token_embedding = nn.Embedding(49408, width)
    self.positional_embedding = nn.Parameter(torch.randn(77, width))
    self.transformer = Transformer(width, heads, layers)
    self.ln_final = nn.LayerNorm(width)
    self.text_projection = nn.Parameter(torch.randn(width, dim) / math.sqrt(width))

  def forward(self, ids):
    length = ids.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool).triu(1)
    x = self.token_embedding(ids) + self.positional_embedding[:length]
    return self.ln_final(self.transformer(x, causal=causal)) @ self.text_projection


class CLIP(TextTower):
  """Both towers as in OpenAI's files."""

  def __init__(self, video, text, dim):
    super().__init__(**text, dim=dim)
    self.visual = ImageTower(**video, dim=dim)
    self.logit_scale = nn.Parameter(torch.tensor(math.log(100.0)))
    for name, value in (("input_resolution", 224), ("context_length", 77), ("vocab_size", 49408)):
      self.register_buffer(name, torch.tensor(value))
    for block in self.transformer.resblocks:
      block.attn_mask = torch.zeros(77, 77)  # an attribute, and no buffer

  def forward(self, image, ids):
    return self.visual(image), super().forward(ids), self.logit_scale.exp()


def token_weight(dim):
  """Linear-ReLU-Linear to one number a token."""
  return nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, 1))


class Mlp(nn.Module):
  def __init__(self, dim, dropout):
    super().__init__()
    self.fc1, self.fc2 = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)
    self.drop = nn.Dropout(dropout)

  def forward(self, x):
    return self.drop(self.fc2(self.drop(F.gelu(self.fc1(x)))))


class SplitAttention(nn.Module):
  def __init__(self, dim, heads, dropout):
    super().__init__()
    self.heads, self.drop = heads, nn.Dropout(dropout)
    self.qkv = nn.Linear(dim, 3 * dim, bias=False)
    self.mu_proj, self.logsig_proj = nn.Linear(dim // 2, dim), nn.Linear(dim // 2, dim)

  def forward(self, x):
    batch, length, dim = x.shape
    qkv = self.qkv(x).reshape(batch, length, 3, self.heads, dim // self.heads)
    q, k, v = qkv.permute(2, 0, 3, 1, 4)
    weights = (q @ k.transpose(-1, -2) * (dim * self.heads) ** -0.5).softmax(-1)
    mu, log_sigma = (self.drop(weights) @ v).transpose(1, 2).reshape(x.shape).chunk(2, -1)
    return self.mu_proj(mu), self.logsig_proj(log_sigma)


class Distribution(nn.Module):
  """Tokens (B, N, D) -> means and log standard deviations."""

  def __init__(self, dim, heads, dropout=0.0):
    super().__init__()
    self.fc, self.attn = nn.Linear(dim, dim), SplitAttention(dim, heads, dropout)
    self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(dim) for _ in range(3))
    self.mu_mlp, self.logsig_mlp = Mlp(dim, dropout), Mlp(dim, dropout)

  def forward(self, x):
    mu, log_sigma = self.attn(self.norm1(F.gelu(self.fc(x))))
    mu = x + mu
    return mu + self.mu_mlp(self.norm2(mu)), log_sigma + self.logsig_mlp(self.norm3(log_sigma))


def same_padding(x, kernel, stride):
  """Pads (B, C, T, H, W) as TensorFlow's SAME does, with zeros."""
  totals = [max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in x.shape[2:]]
  return F.pad(x, [pad for n in totals[::-1] for pad in (n // 2, n - n // 2)])


class ConvUnit(nn.Module):
  """Convolution with padding SAME, BatchNorm, ReLU."""

  def __init__(self, channels, features, kernel, stride=1):
    super().__init__()
    self.kernel, self.stride = kernel, stride
    self.conv3d = nn.Conv3d(channels, features, kernel, stride, bias=False)
    self.bn = nn.BatchNorm3d(features, eps=1e-3)

  def forward(self, x):
    return F.relu(self.bn(self.conv3d(same_padding(x, self.kernel, self.stride))))


class Mixed(nn.Module):
  """Inception block."""

  def __init__(self, channels, widths):
    super().__init__()
    b0, b1a, b1b, b2a, b2b, b3b = widths
    self.b0 = ConvUnit(channels, b0, 1)
    self.b1a, self.b1b = ConvUnit(channels, b1a, 1), ConvUnit(b1a, b1b, 3)
    self.b2a, self.b2b = ConvUnit(channels, b2a, 1), ConvUnit(b2a, b2b, 3)
    self.b3b = ConvUnit(channels, b3b, 1)

  def forward(self, x):
    pooled = F.max_pool3d(same_padding(x, 3, 1), 3, 1)
    branches = self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(pooled)
    return torch.cat(branches, 1)


class ReleasedAdam:
  """The released optimiser, one named parameter at a time.

  Attributes:
    params: {name: leaf tensor}; their `.grad` is read and changed.
  """

  def __init__(self, params, lr, total, warmup=0.1, decay=0.001):
    self.params, self.lr, self.total, self.warmup, self.decay = params, lr, total, warmup, decay
    self.step_count = 0
    self.moments = {name: [torch.zeros_like(p), torch.zeros_like(p)] for name, p in params.items()}

  def rate(self):
    x = self.step_count / self.total
    return self.lr * (x / self.warmup if x < self.warmup else 0.5 * (1 + math.cos(math.pi * x)))

  @torch.no_grad()
  def step(self):
    torch.nn.utils.clip_grad_norm_(self.params.values(), 1.0)
    for name, p in self.params.items():
      torch.nn.utils.clip_grad_norm_([p], 1.0)
      m, v = self.moments[name]
      m.mul_(0.9).add_(p.grad, alpha=0.1)
      v.mul_(0.98).addcmul_(p.grad, p.grad, value=0.02)
      update = m / (v.sqrt() + 1e-6)
      if "bias" not in name:
        update = update + self.decay * p
      p.sub_(self.rate() * update)
    self.step_count += 1
