"""SPOT-ALIGN's golden case by the reference: all quantities, for any seed prefix and sizes."""

import copy
import json

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402

from sign_jax.golden import seeded  # noqa: E402
from tests.reference import spot_align as reference  # noqa: E402

GRADIENTS = (
    "text_pooling.clusters", "text_pooling.clusters2", "ce.video_GU.0.fc.bias",
    "ce.text_GU.0.cg.batch_norm.weight",
)  # fmt: skip
AMOUNTS = 0, 0.7, 1.3, 3


def other_facts(facts):
  """Facts of a case of another prefix, batch and sizes, from those of the golden one."""
  sizes = {
      "words": 5, "text_dim": 18, "clusters": 4, "ghost_clusters": 2, "embed_dim": 24,
      "video_dim": 14, "windows": 6, "spot_windows": 12, "spot_dim": 10, "sr_windows": 5,
      "margin": 0.3, "weight_decay": 0.01, "gamma": 0.8, "steps_per_epoch": 2,
  }
  inputs = facts["inputs"] | sizes
  inputs["sentences"] = [*inputs["sentences"][::-1], "Winds and winds, ran: it's GOOD!"]
  inputs["translations"] = [*inputs["translations"], "good winds"]
  inputs["subtitles"] = [*inputs["subtitles"], "A good, good foot runs on ice. Cream?"]
  inputs["annotations"] = [["dictionary", 30, 40], ["mouthing", 0, 9], ["mouthing", 20, 21]]
  model = reference.SpotAlign(inputs)
  params = [[name, list(x.shape)] for name, x in model.state_dict().items()
            if not name.endswith("num_batches_tracked")]  # fmt: skip
  return {"params": params, "seed_prefix": "other/", "gain": 3.0, "batch": 6, "steps": 8,
          "lr": 0.004, "inputs": inputs}  # fmt: skip


def batch_of(prefix, size, inputs):
  """{"text", "text_valid", "video", "video_valid"}, tensors."""
  narrow = min(inputs["text_dim"], inputs["video_dim"])
  shared = 0.7 * torch.from_numpy(seeded.normal(f"{prefix}input/shared", (size, narrow)))
  found = {}
  for field, name, length, width in (("text", "text", inputs["words"], inputs["text_dim"]),
                                     ("video", "windows", inputs["windows"], inputs["video_dim"])):
    x = torch.from_numpy(seeded.normal(f"{prefix}input/{name}", (size, length, width)))
    ends = seeded.integers(f"{prefix}input/{name}_len", 1, length + 1, (size,))
    valid = torch.zeros(size, length, dtype=torch.bool)
    for row, end in enumerate(ends):
      valid[row, :end] = True
      x[row, :, :narrow] += shared[row]
      x[row, end:] = 0
    found |= {field: x, f"{field}_valid": valid}
  return found


def model_of(facts):
  """The reference with the case's weights; every released name is accounted for."""
  model = reference.SpotAlign(facts["inputs"])
  state = {name: torch.from_numpy(np.array(x)) for name, x in seeded.state_dict(facts).items()}
  counters = {name: x for name, x in model.state_dict().items() if name.endswith("_tracked")}
  model.load_state_dict(state | counters, strict=True)
  return model


def embeddings(facts):
  """What models make of the case's batch, and one step of training."""
  model, batch = model_of(facts), batch_of(facts["seed_prefix"], facts["batch"], facts["inputs"])
  margin, found = facts["inputs"]["margin"], {}
  for mode in ("eval", "train"):
    # Each with its own running statistics.
    fresh = copy.deepcopy(model).train(mode == "train")
    out = fresh(batch)
    found |= {f"{mode}_{name}": out[name] for name in ("vlad", "text", "video", "similarity")}
    found[f"{mode}_video_reduce_geu"] = fresh.mimic.reduce_geu(out["pooled"])
    found[f"{mode}_vlad_masked"] = fresh.text_pooling(batch["text"], batch["text_valid"])
    if mode == "eval":
      largest = fresh(batch, "max")
      found |= {"video_mean": out["pooled"], "video_max": largest["pooled"],
                "eval_similarity_max": largest["similarity"],
                "eval_video_linear": fresh.mimic.linear(out["pooled"])}  # fmt: skip
  for name, kind in (("loss", "mean"), ("loss_paper", "batch"), ("loss_with_diagonal", "diagonal")):
    found[name] = reference.ranking_loss(found["train_similarity"], margin, kind)
  found["loss"].backward()
  norms = {n: float(p.grad.norm()) for n, p in fresh.trained().items()}
  after = model_of(facts).train()
  after(batch)
  running = {n: x for n, x in after.named_buffers() if "running" in n and "mimic" not in n}
  return {
      **found, "grad_norms": norms,
      **{f"grad/{name}": fresh.trained()[name].grad for name in GRADIENTS},
      **{f"after_one_step/{name}": x for name, x in running.items()},
  }


def trajectory(facts):
  inputs, model = facts["inputs"], model_of(facts).train()
  params = model.trained()
  first = {name: p.detach().clone() for name, p in params.items()}
  optimizer, losses = reference.RAdam(params.values(), inputs["weight_decay"]), []
  for step in range(facts["steps"]):
    batch = batch_of(f"{facts['seed_prefix']}step{step}/", facts["batch"], inputs)
    model.zero_grad()
    loss = reference.ranking_loss(model(batch)["similarity"], inputs["margin"], "mean")
    loss.backward()
    losses.append(loss.detach())
    optimizer.step(facts["lr"] * inputs["gamma"] ** (step // inputs["steps_per_epoch"]))
  after = model.eval()(batch_of(facts["seed_prefix"], facts["batch"], inputs))
  change = {name: float((p.detach() - first[name]).norm()) for name, p in params.items()}
  return {
      "trajectory_loss": torch.stack(losses), "change_norms_after_trajectory": change,
      "eval_similarity_after_trajectory": after["similarity"],
  }


def spotting(facts):
  inputs, prefix = facts["inputs"], f"{facts['seed_prefix']}input/"
  owner, lengths = inputs["exemplar_word"], inputs["spot_windows"]
  videos, words = len(inputs["subtitles"]), len(inputs["dictionary"])
  exemplars = seeded.normal(f"{prefix}exemplars", (len(owner), inputs["spot_dim"]))
  windows = seeded.normal(f"{prefix}spot_windows", (videos, lengths, inputs["spot_dim"]))
  ends = seeded.integers(f"{prefix}spot_len", lengths // 2, lengths + 1, (videos,))
  at = seeded.integers(f"{prefix}plant_at", 0, lengths // 2, (videos, words))
  amount = seeded.integers(f"{prefix}plant_amount", 0, 4, (videos, words))
  chosen = seeded.integers(f"{prefix}plant_exemplar", 0, 10**6, (videos, words))
  rows_of = [[row for row, word in enumerate(owner) if word == w] for w in range(words)]
  for v in range(videos):
    for w in range(words):
      row = rows_of[w][chosen[v, w] % len(rows_of[w])]
      windows[v, at[v, w]] += AMOUNTS[amount[v, w]] * exemplars[row]
  exemplars, windows = torch.from_numpy(exemplars), torch.from_numpy(windows)
  candidates, best = np.zeros((videos, words), int), np.full((videos, words), -1.0)
  found = {"unit": [], "cosine": []}
  for v, text in enumerate(inputs["subtitles"]):
    for w, entry in enumerate(inputs["dictionary"]):
      if not reference.is_candidate(entry, text, inputs["lemmas"]):
        continue
      cosine, t, e = reference.best_window(windows[v, : ends[v]], exemplars[rows_of[w]])
      candidates[v, w], best[v, w] = 1, cosine
      for kind, score in (("unit", (1 + cosine) / 2), ("cosine", cosine)):
        if score > inputs["spot_threshold"]:
          found[kind].append((v, w, t, rows_of[w][e], score))
  tables = {kind: np.array(rows).reshape(-1, 5) for kind, rows in found.items()}
  return {
      "spot_candidates": candidates, "spot_best_cosine": best,
      **{f"spot_{kind}": rows[:, :4].astype(int) for kind, rows in tables.items()},
      **{f"spot_{kind}_score": rows[:, 4] for kind, rows in tables.items()},
  }


def signs(facts):
  """SR, COMB and the measures of both and of drawn embeddings."""
  inputs, prefix = facts["inputs"], f"{facts['seed_prefix']}input/"
  size, order = len(inputs["sentences"]), inputs["lemma_order"]
  logits = seeded.normal(f"{prefix}logits", (size, inputs["sr_windows"],
                                             len(inputs["vocabulary"])), 2.0)  # fmt: skip
  ends = seeded.integers(f"{prefix}sr_len", 1, inputs["sr_windows"] + 1, (size,))
  chances = torch.from_numpy(logits).softmax(-1)
  sets = lambda texts: [reference.lemmas_of(x, inputs["lemmas"]) for x in texts]
  query = sets([text] for text in inputs["sentences"])
  table = lambda found: np.array([[lemma in x for lemma in order] for x in found], int)
  compare = lambda found: np.array([[reference.overlap(x, q) for q in query] for x in found])
  result = {"input/sr_logits": logits, "sr_query": table(query)}
  for threshold in (0.0, 0.1, 0.25, 0.5, 0.75):
    recognised = []
    for video, end in zip(chances, ends, strict=True):
      best = [window.max(0) for window in video[:end]]
      recognised.append([inputs["vocabulary"][x.indices] for x in best if x.values >= threshold])
    found = sets(recognised)
    result[f"sr_recognised_{threshold:.2f}"] = table(found)
    result[f"sr_similarity_{threshold:.2f}"] = compare(found)
  result["sr_translation_similarity"] = compare(sets([x] for x in inputs["translations"]))
  sr = result["sr_similarity_0.50"].astype(np.float32)
  cm = seeded.normal(f"{prefix}cm", (size, size), 0.2) + np.float32(0.25) * np.eye(
      size, dtype=np.float32
  )
  result["comb_similarity"] = (cm + sr) / 2
  measured = {}
  for name, rows in (("cm", cm), ("sr", sr), ("comb", result["comb_similarity"])):
    for direction, matrix in (("t2v", rows.T), ("v2t", rows)):
      numbers = reference.averaged_metrics(matrix)
      measured |= {f"{name}/{direction}/{key}": value for key, value in numbers.items()}
  return {**result, "metrics_averaged_ties": measured}


def quantities(facts):
  """{name: array or {name: number}} of everything that a case holds but its fingerprint."""
  clips = [reference.clip_range(*given) for given in facts["inputs"]["annotations"]]
  found = {**embeddings(facts), **trajectory(facts), **spotting(facts), **signs(facts),
           "clip_ranges": np.array(clips)}  # fmt: skip
  plain = lambda x: x.detach().numpy() if isinstance(x, torch.Tensor) else x
  return {name: plain(x) for name, x in found.items()}


def write(facts, stem):
  """STEM.json and STEM.npz of a case; `facts` as those of the golden one."""
  found = quantities(facts)
  scalar = lambda x: isinstance(x, dict) or not np.ndim(x)
  numbers = {n: x if isinstance(x, dict) else float(x) for n, x in found.items() if scalar(x)}
  numbers["fingerprint"] = seeded.fingerprint(seeded.state_dict(facts))
  stem.with_suffix(".json").write_text(json.dumps(facts | numbers))
  np.savez(stem.with_suffix(".npz"), **{n: x for n, x in found.items() if not scalar(x)})
