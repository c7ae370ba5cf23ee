"""SPOT-ALIGN's embeddings, loss, optimiser, spotting and measures, in PyTorch and plain Python."""

import itertools
import math
import re

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402


class MaskedNorm(nn.BatchNorm1d):
  """BatchNorm of some rows: the others are normalised with them, and do not count."""

  def forward(self, x, rows=None):
    if rows is None:
      return super().forward(x)
    if self.training:
      chosen = x[rows]
      mean, var = chosen.mean(0), chosen.var(0, unbiased=False)
    else:
      mean, var = self.running_mean, self.running_var
    return (x - mean) / torch.sqrt(var + self.eps) * self.weight + self.bias


class NetVLAD(nn.Module):
  def __init__(self, width, clusters, ghosts):
    super().__init__()
    self.clusters = nn.Parameter(torch.empty(width, clusters + ghosts))
    self.clusters2 = nn.Parameter(torch.empty(1, width, clusters))
    self.batch_norm = MaskedNorm(clusters + ghosts)

  def forward(self, x, valid=None):
    """(B, N, D), and (B, N) bool where padding is to stay out -> (B, D * K)."""
    batch, words, width = x.shape
    rows = x.reshape(-1, width)
    chances = self.batch_norm(rows @ self.clusters, None if valid is None else valid.reshape(-1))
    chances = chances.softmax(1)[:, : self.clusters2.shape[2]].reshape(batch, words, -1)
    if valid is not None:
      chances = chances * valid[..., None]
    found = []
    for k in range(chances.shape[2]):
      centre = self.clusters2[0, :, k]
      found.append((chances[:, :, k, None] * (x - centre)).sum(1))
    vlad = F.normalize(torch.stack(found, 2), dim=1)
    return F.normalize(vlad.reshape(batch, -1), dim=1)


class Gate(nn.Module):
  def __init__(self, width):
    super().__init__()
    self.fc = nn.Linear(width, width)
    self.batch_norm = nn.BatchNorm1d(width)

  def forward(self, y):
    return y * self.batch_norm(self.fc(y)).sigmoid()


class Unit(nn.Module):
  """The gated embedding unit, or its gate alone."""

  def __init__(self, inside, width):
    super().__init__()
    if inside:
      self.fc = nn.Linear(inside, width)
    self.cg = Gate(width)

  def forward(self, x):
    return F.normalize(self.cg(self.fc(x) if hasattr(self, "fc") else x), dim=1)


class Reduce(nn.Module):
  def __init__(self, inside, width):
    super().__init__()
    self.fc = nn.Linear(inside, width)

  def forward(self, x):
    return F.normalize(self.fc(x), dim=1)


class Experts(nn.Module):
  """Both sides' units, under the released names."""

  def __init__(self, text, video, width, gate_alone=False):
    super().__init__()
    if text:
      self.text_GU = nn.ModuleList([Unit(text, width)])
    if gate_alone:
      self.video_dim_reduce = nn.ModuleList([Reduce(video, width)])
    self.video_GU = nn.ModuleList([Unit(0 if gate_alone else video, width)])


class Mimic(nn.Module):
  """What videos are projected with by the other two projections."""

  def __init__(self, video, width):
    super().__init__()
    self.ce = Experts(0, video, width, gate_alone=True)

  def linear(self, pooled):
    return self.ce.video_dim_reduce[0](pooled)

  def reduce_geu(self, pooled):
    return self.ce.video_GU[0](self.linear(pooled))


class SpotAlign(nn.Module):
  def __init__(self, inputs):
    super().__init__()
    text, clusters, width = (inputs[key] for key in ("text_dim", "clusters", "embed_dim"))
    self.text_pooling = NetVLAD(text, clusters, inputs["ghost_clusters"])
    self.ce = Experts(text * clusters, inputs["video_dim"], width)
    self.mimic = Mimic(inputs["video_dim"], width)

  def forward(self, batch, aggregation="mean"):
    """{"pooled", "vlad", "text", "video", "similarity"}; rows of the similarity are videos."""
    pooled = pool(batch["video"], batch["video_valid"], aggregation)
    vlad = self.text_pooling(batch["text"])
    text, video = self.ce.text_GU[0](vlad), self.ce.video_GU[0](pooled)
    return {
        "pooled": pooled, "vlad": vlad, "text": text, "video": video, "similarity": video @ text.T
    }

  def trained(self):
    """{released name: parameter} of those that the loss reaches."""
    return {n: p for n, p in self.named_parameters() if not n.startswith("mimic.")}


def pool(windows, valid, how):
  rows = [x[mask] for x, mask in zip(windows, valid, strict=True)]
  return torch.stack([x.mean(0) if how == "mean" else x.max(0).values for x in rows])


def ranking_loss(similarity, margin, reduction):
  """Term by term."""
  size, total = len(similarity), 0.0
  for i in range(size):
    for j in range(size):
      if i != j or reduction == "diagonal":
        own = similarity[i, i]
        total = total + F.relu(similarity[i, j] - own + margin)
        total = total + F.relu(similarity[j, i] - own + margin)
  return total / {"mean": 2 * size * (size - 1), "batch": size, "diagonal": 2 * size**2}[reduction]


class RAdam:
  """Parameters decay first, then move; all numbers beside the tensors are Python's."""

  def __init__(self, params, decay, betas=(0.9, 0.999), eps=1e-8):
    self.params, self.decay, self.betas, self.eps = list(params), decay, betas, eps
    self.t = 0
    self.m = [torch.zeros_like(p) for p in self.params]
    self.v = [torch.zeros_like(p) for p in self.params]

  @torch.no_grad()
  def step(self, lr):
    self.t += 1
    b1, b2, t = *self.betas, self.t
    r_max = 2 / (1 - b2) - 1
    r = r_max - 2 * t * b2**t / (1 - b2**t)
    for p, m, v in zip(self.params, self.m, self.v, strict=True):
      m.mul_(b1).add_(p.grad, alpha=1 - b1)
      v.mul_(b2).addcmul_(p.grad, p.grad, value=1 - b2)
      p.add_(p, alpha=-self.decay * lr)  # not p * (1 - decay * lr), which float32 rounds more
      if r < 5:
        p.sub_(m, alpha=lr / (1 - b1**t))
        continue
      c = math.sqrt(
          (1 - b2**t) * (r - 4) * (r - 2) * r_max / ((r_max - 4) * (r_max - 2) * r)
      )
      p.sub_(m / (v.sqrt() + self.eps), alpha=lr * c / (1 - b1**t))


def words_of(text):
  return re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower().replace("’", "'"))


def lemmas_of(texts, lemmas):
  return {lemmas.get(word, word) for text in texts for word in words_of(text)}


def is_candidate(entry, text, lemmas):
  """Whether an entry's words stand side by side in a text or in its lemmas."""
  asked, spoken = entry.split(), words_of(text)
  sequences = spoken, [lemmas.get(word, word) for word in spoken]
  parts = (x[i : i + len(asked)] for x in sequences for i in range(len(x)))
  return any(part == asked for part in parts)


def best_window(windows, exemplars):
  """(cosine, window, exemplar): the window by its best exemplar, the first of equal ones."""
  best = (-2.0, -1, -1)
  for t, e in itertools.product(range(len(windows)), range(len(exemplars))):
    cosine = float(F.cosine_similarity(windows[t], exemplars[e], dim=0))
    if cosine > best[0]:
      best = (cosine, t, e)
  return best


def overlap(first, second):
  return len(first & second) / len(first | second) if first | second else 0.0


def clip_range(kind, t, frames):
  before, after = {"mouthing": (15, 4), "dictionary": (3, 22)}[kind]
  inside = [frame for frame in range(t - before, t + after + 1) if 0 <= frame < frames]
  spare = max(0, len(inside) - 16)
  return inside[0], inside[-1], inside[0] + spare, inside[0] + spare // 2


def averaged_metrics(similarity):
  """{"R@1", ...} of the queries in rows of a square matrix, whose right answer is the diagonal."""
  positions = []
  for i, row in enumerate(similarity.tolist()):
    order = sorted(row, reverse=True)
    tied = [place for place, score in enumerate(order) if score == row[i]]
    positions.append(sum(tied) / len(tied))
  count = lambda fits: 100 * sum(map(fits, positions)) / len(positions)
  found = {
      "R@1": count(lambda x: x == 0), "R@5": count(lambda x: x < 5),
      "R@10": count(lambda x: x < 10),
  }
  middle = sorted(positions)
  half = len(middle) // 2
  median = middle[half] if len(middle) % 2 else (middle[half - 1] + middle[half]) / 2
  mean = math.prod(found.values()) ** (1 / 3)
  return found | {
      "MedR": median + 1, "MnR": sum(positions) / len(positions) + 1, "geometric_mean": mean
  }
