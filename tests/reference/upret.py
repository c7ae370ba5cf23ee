"""UPRet's and CiCo's training step in PyTorch, with everything materialised as released."""

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from tests.torch import reference as blocks  # noqa: E402

EPSILON, THRESHOLD, ROUNDS, TEMPERATURE = 0.1, 1e-2, 100, 0.07


class Towers(blocks.TextTower):
  """The part of the released state dict under `clip.`: a text tower that owns a visual one."""

  def __init__(self, video, text, dim, length=64, features=1024):
    super().__init__(**text, dim=dim)
    self.visual = blocks.VideoTower(**video, dim=dim, length=length, features=features)
    self.logit_scale = nn.Parameter(torch.tensor(2.65926))


class CiCo(nn.Module):
  """Towers and token-wise similarity with mean weights.

  The batch: video (B, L, 1024), video_valid (B, L) bool, text and text_aug (B, N_t) int64.
  """

  def __init__(self, video, text, dim):
    super().__init__()
    self.clip = Towers(video, text, dim)

  def weights(self, side, tokens, mask):
    """(B, N, D), (B, N) -> (B, N)."""
    del side, tokens
    return mask / mask.sum(1, keepdim=True)

  def similarity(self, video, text, text_aug, video_weights, text_weights):
    """Unscaled I2T and T2I, (B, B) each, from the whole (B, B, N_v, N_t) tensor."""
    video, text, text_aug = (F.normalize(x, dim=-1) for x in (video, text, text_aug))
    s = torch.einsum("aid,bjd->abij", video, text)
    pooled = ((s / TEMPERATURE).softmax(3) * s).sum(3)
    i2t = torch.einsum("abi,ai->ab", pooled, video_weights)
    s = torch.einsum("aid,bjd->abij", video, text_aug)
    pooled = ((s / TEMPERATURE).softmax(2) * s).sum(2)
    return i2t, torch.einsum("abj,bj->ab", pooled, text_weights)

  def transport(self, video, text_aug, video_mask, text_mask, noise):
    """What is added to both logit matrices."""
    del video, text_aug, video_mask, text_mask, noise
    return 0.0

  def forward(self, batch, noise=None):
    """Logits i2t and t2i, (B, B); rows are videos."""
    video = self.clip.visual(batch["video"], batch["video_valid"])
    text, text_aug = (self.clip(batch[name]) for name in ("text", "text_aug"))
    video_mask = F.pad(batch["video_valid"], (1, 0), value=False)
    text_mask, aug_mask = (
        torch.arange(ids.shape[1])[None].to(ids.device) <= ids.argmax(1, keepdim=True)
        for ids in (batch["text"], batch["text_aug"])
    )
    i2t, t2i = self.similarity(
        video, text, text_aug,
        self.weights("video", video, video_mask), self.weights("text", text_aug, aug_mask),
    )
    scale = self.clip.logit_scale.exp()
    added = self.transport(video, text_aug, video_mask, text_mask, noise)
    return scale * i2t + added, scale * t2i + added


class UPRet(CiCo):
  """CiCo with learned weights, distributions and transport between K = 2 samples a side."""

  def __init__(self, video, text, dim, dropout=0.0):
    super().__init__(video, text, dim)
    self.video_weight_fc, self.text_weight_fc = blocks.token_weight(dim), blocks.token_weight(dim)
    heads = max(1, dim // 64)
    self.dist_video_trans = blocks.Distribution(dim, heads, dropout)
    self.dist_text_trans = blocks.Distribution(dim, heads, dropout)

  def weights(self, side, tokens, mask):
    module = self.video_weight_fc if side == "video" else self.text_weight_fc
    return module(tokens)[..., 0].masked_fill(~mask, -torch.inf).softmax(1)

  @staticmethod
  def pooled_samples(module, tokens, mask, noise):
    """Mean and one draw, pooled over valid tokens, normalised: (2, B, D)."""
    mu, log_sigma = module(tokens)
    draw = torch.randn_like(mu) if noise is None else noise
    samples = torch.stack([mu, mu + log_sigma.exp() * draw])
    mask = mask[None, :, :, None]
    return F.normalize((samples * mask).sum(2) / mask.sum(2), dim=-1)

  def transport(self, video, text_aug, video_mask, text_mask, noise):
    noise = noise or {"video": None, "text": None}
    text_mask = text_mask.clone()
    text_mask[:, 0] = False
    video = self.pooled_samples(self.dist_video_trans, video, video_mask, noise["video"])
    text = self.pooled_samples(self.dist_text_trans, text_aug, text_mask, noise["text"])
    s = torch.einsum("kad,lbd->abkl", video, text)
    moved = plans(s.detach().flatten(0, 1)).view_as(s) * s
    return 0.5 * (moved.amax(2).mean(-1) + moved.amax(3).mean(-1))


def initialize(module):
  """Small random numbers for what torch draws with unit variance: embeddings and projections."""
  with torch.no_grad():
    for parameter in (
        module.clip.token_embedding.weight, module.clip.positional_embedding,
        module.clip.visual.class_embedding, module.clip.visual.positional_embedding,
    ):  # fmt: skip
      parameter.mul_(0.02)


def plans(similarity):
  """Sinkhorn plans of (P, K, K) similarities; the loop ends for all problems at once."""
  kernel = ((similarity - 1) / EPSILON).exp()
  count = kernel.shape[-1]
  r, c = torch.ones_like(kernel[:, :, 0]), torch.ones_like(kernel[:, 0])
  for _ in range(ROUNDS):
    before = r
    r = (1 / count) / (kernel @ c[..., None])[..., 0]
    c = (1 / count) / (kernel.transpose(1, 2) @ r[..., None])[..., 0]
    if (r - before).abs().mean() < THRESHOLD:
      break
  return r[..., None] * kernel * c[:, None]


def contrastive_loss(i2t, t2i):
  """Mean cross-entropy of both matrices over rows and over columns."""
  target = torch.arange(len(i2t), device=i2t.device)
  return sum(F.cross_entropy(x, target) for x in (i2t, i2t.T, t2i.T, t2i)) / 4
