"""NLA-SLR's golden case by the reference: all quantities, for any seed prefix and batch."""

import json

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402

from sign_jax.golden import seeded  # noqa: E402
from tests.reference import nla_slr as reference  # noqa: E402

FUSED = ("fuse", "fuse-h", "fuse-l")
SIZES = {"rgb": ("rgb", 3, 64), "pose": ("heatmap", 63, 32)}  # name, channels, pixels
FRAMES = {"high": 32, "low": 16}


def inputs(prefix, batch):
  """{(modality, length): (B, C, T, H, W)}; each sample has a scale and a shift of its own."""
  found = {}
  for modality, (name, channels, size) in SIZES.items():
    for length, frames in FRAMES.items():
      shape = (batch, channels, frames, size, size)
      x = seeded.normal(f"{prefix}input/{name}_{length}", shape, 0.5)
      each = np.arange(batch, dtype=np.float32).reshape(-1, 1, 1, 1, 1)
      found[modality, length] = torch.from_numpy(x * (1 + 2 * each) + each)
  return found


def model_of(facts):
  """The reference with the case's weights; every released name is accounted for."""
  model = reference.NLASLR(facts["num_classes"]).eval()
  state = {name: torch.from_numpy(np.array(x)) for name, x in seeded.state_dict(facts).items()}
  model.load_state_dict(state, strict=True)
  return model


@torch.no_grad()
def quantities(facts):
  """{name: array} of everything that a case holds."""
  prefix, batch, classes = facts["seed_prefix"], facts["batch"], facts["num_classes"]
  model = model_of(facts)
  joined, logits = model(inputs(prefix, batch))
  labels = torch.from_numpy(seeded.integers(f"{prefix}input/labels", 0, classes, (batch,)))
  embeddings = torch.from_numpy(seeded.normal(f"{prefix}input/word_embeddings", (classes, 300)))
  ensembles = {
      key: sum(logits[name].softmax(1) for name in names)
      for key, names in (("all", logits), ("last", FUSED))
  }
  blended, order = model.heads["fuse"].blended(joined["fuse"], embeddings, labels)
  mixed = lambda *others: reference.inter_modality_loss(
      model.heads["fuse"], joined["fuse"], embeddings, labels, *others
  )
  language, uniform = (
      reference.cross_entropy(logits["fuse"], reference.smoothed(labels, classes, x))
      for x in (embeddings, None)
  )
  points = np.concatenate([
      seeded.normal(f"{prefix}input/keypoints", (3, 63, 2), 40) + 64,
      np.abs(seeded.normal(f"{prefix}input/confidence", (3, 63, 1))),
  ], axis=2)
  maps = reference.heatmaps(torch.from_numpy(points) * 56 / 128, 56, 4)
  found = {
      **{f"feature/{x}": joined[x] for x in ("rgb-h", "rgb-l", "kp-h", "kp-l")},
      **{f"logits/{name}": x for name, x in logits.items()},
      "logits/ensemble_all": ensembles["all"].log(),
      "probability_sum_of_fuse_heads": ensembles["last"],
      "labels": labels,
      "loss/language_aware_label_smoothing": language,
      "loss/vanilla_label_smoothing": uniform,
      "inter_modality_logits/fuse": blended,
      "inter_modality_gloss_order/fuse": order,
      "loss/inter_modality_mixup": mixed(),
      "loss/inter_modality_mixup_with_intra_mixup_lambda_0.3": mixed(labels.flip(0), 0.3),
      "heatmap/output_frame0_joint0_7_62": maps[0, [0, 7, 62]],
  }
  return {"heatmap/input": points, **{name: x.numpy() for name, x in found.items()}}


def write(facts, stem):
  """STEM.json and STEM.npz of a case; `facts` as those of the golden one."""
  facts = facts | {"fingerprint": seeded.fingerprint(seeded.state_dict(facts))}
  stem.with_suffix(".json").write_text(json.dumps(facts))
  np.savez(stem.with_suffix(".npz"), **quantities(facts))
