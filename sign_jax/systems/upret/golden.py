"""UPRet's and CiCo's golden cases."""

import jax
import jax.numpy as jnp
import numpy as np

from sign_jax.golden import seeded
from sign_jax.modules.clip import HEAD_WIDTH
from sign_jax.ops.contrastive import clamp_logit_scale, symmetric_loss
from sign_jax.systems import registry
from sign_jax.systems.cico.model import CiCo
from sign_jax.systems.upret.model import UPRet
from sign_jax.train import optim
from sign_jax.weights.convert import export, merge

VIDEO_LENGTH, TEXT_LENGTH, FEATURES = 64, 32, 1024
EPSILON = 0.1
RELEASED = {
    "distribution": {
        "modelling": True, "sampling": True, "samples": 2, "first_is_mean": True,
        "video": True, "text": True,
        "structure": "mlp+attention", "split": "after", "score_scale": "released", "dropout": 0.0,
        "refine": False,
    },
    "ot": {
        "weight": 1.0, "scaled": False, "level": "sample", "solver": "released", "epsilon": EPSILON,
        "iterations": 100, "max_elements": 2**22,
    },
}


def _tower(shapes, prefix, width):
  layers = {n.split(".resblocks.")[1].split(".")[0] for n in shapes if n.startswith(prefix)}
  return {"width": width, "layers": len(layers), "heads": max(1, width // HEAD_WIDTH)}


def build_model(system, facts, ot_weight=1.0):
  """The released variant in the sizes that a case's parameters have."""
  shapes = {name: tuple(shape) for name, shape in facts["params"]}
  video_width = shapes["clip.visual.class_embedding"][0]
  text_width, embed_dim = shapes["clip.text_projection"]
  sizes = {
      "video": _tower(shapes, "clip.visual.transformer.resblocks", video_width),
      "text": _tower(shapes, "clip.transformer.resblocks", text_width),
      "embed_dim": embed_dim,
  }
  if system == "cico":
    return CiCo(**sizes)
  return UPRet(**sizes, **{**RELEASED, "ot": {**RELEASED["ot"], "weight": ot_weight}})


def _ids(name, prefix, size):
  ends = seeded.integers(f"{prefix}input/{name}_len", 4, 31, (size,))[:, None]
  tokens = seeded.integers(f"{prefix}input/{name}_tokens", 1, 49000, (size, TEXT_LENGTH))
  at = np.arange(TEXT_LENGTH)[None]
  tail = np.where(at == ends, 49407, 0)
  return np.where(at == 0, 49406, np.where(at < ends, tokens, tail)).astype(np.int32)


def make_batch(prefix="", size=6):
  """Inputs drawn from names that begin with `prefix`; see `systems.cico.model.CiCo`."""
  lengths = seeded.integers(f"{prefix}input/video_len", 20, 65, (size,))
  valid = np.arange(VIDEO_LENGTH)[None] < lengths[:, None]
  video = seeded.normal(f"{prefix}input/video", (size, VIDEO_LENGTH, FEATURES))
  return {
      "video": video * valid[..., None], "video_valid": valid,
      "text": _ids("text", prefix, size), "text_aug": _ids("text_aug", prefix, size),
  }


def make_noise(prefix="", size=6, dim=128):
  """Noise for K = 2 samples; see `systems.upret.model.UPRet`."""
  length = {"video": 1 + VIDEO_LENGTH, "text": TEXT_LENGTH}
  return {
      name: seeded.normal(f"{prefix}noise/{name}", (size, n, dim))[None]
      for name, n in length.items()
  }


def load_variables(system, facts, model, batch, state=None):
  """The case's state dict as variables of `model`, through the import of real checkpoints."""
  keys = {"params": jax.random.key(0), "noise": jax.random.key(1)}
  shapes = jax.eval_shape(model.init, keys, batch)
  state = seeded.state_dict(facts) if state is None else state
  return merge(shapes, state, registry.get(system).names, ignore=registry.get(system).ignore)


def compute_loss(model, params, batch, noise):
  """(loss, outputs) of one training step without dropout."""
  out = model.apply({"params": params}, batch, noise=noise)
  return symmetric_loss(out["i2t"], out["t2i"]), out


def quantities(system, facts):
  """Everything that a case of `system` can hold, by its name there.

  Args:
    system: "upret" or "cico".
    facts: the content of STEM.json.

  Returns:
    {name: array}; entries of the .json's dicts are named `grad_norms/PARAMETER` and so on.
  """
  prefix, size = facts.get("seed_prefix", ""), facts["batch"]
  model, batch = build_model(system, facts), make_batch(prefix, size)
  noise = make_noise(prefix, size, model.embed_dim)
  params = load_variables(system, facts, model, batch)["params"]
  step = jax.value_and_grad(lambda p: compute_loss(model, p, batch, noise), has_aux=True)
  (loss, out), grads = jax.jit(step)(params)
  found = {
      "loss": loss, "i2t_logits": out["i2t"], "t2i_logits": out["t2i"],
      **_norms("grad_norms", grads, system), **_evaluation(model, params, batch),
  }
  if system == "upret":
    cosines = out["sample_cosines"]
    found |= {
        **{f"{name}_features": out[name].features for name in ("video", "text")},
        "text_features_aug": out["text_aug"].features,
        "ot_plan": out["plans"],
        "ot_kernel": jnp.exp((cosines - 1.0) / EPSILON),
        "loss_ot_weight_0": _loss_without_transport(facts, params, batch),
        **{f"grad/{name}": x for name, x in _released(grads, system).items()},
        **_trajectory(model, params, facts, batch, noise),
    }
  return {name: np.asarray(value) for name, value in found.items()}


def _released(tree, system):
  """A tree shaped as the parameters under the released names and layouts."""
  return export({"params": tree}, registry.get(system).names)


def _norms(title, tree, system):
  arrays = _released(tree, system)
  return {f"{title}/{name}": np.linalg.norm(x.ravel()) for name, x in arrays.items()}


def _evaluation(model, params, batch):
  def evaluate(m):
    video, text = m.encode_video(batch["video"], batch["video_valid"]), m.encode_text(batch["text"])
    return *m.similarity(video, text), m.score(video, text), video.features, text.features

  i2t, t2i, mix, video, text = model.apply({"params": params}, method=evaluate)
  found = {"eval_i2t": i2t, "eval_t2i": t2i, "eval_mix": mix}
  if isinstance(model, UPRet):
    found |= {"eval_video_features": video, "eval_text_features": text}
  return found


def _loss_without_transport(facts, params, batch):
  model = build_model("upret", facts, ot_weight=0.0)
  params = {name: value for name, value in params.items() if not name.startswith("dist_")}
  return compute_loss(model, params, batch, None)[0]


def _trajectory(model, params, facts, batch, noise):
  """Steps of the released optimiser from the initial weights."""
  prefix, size, first = facts.get("seed_prefix", ""), facts["batch"], params
  schedule = optim.warmup_cosine(facts["lr"], facts["t_total"], 0.1)
  optimizer = optim.released_adam(schedule)
  state, losses, scales = optimizer.init(params), [], []

  @jax.jit
  def update(params, state, batch, noise):
    loss, grads = jax.value_and_grad(lambda p: compute_loss(model, p, batch, noise)[0])(params)
    updates, state = optimizer.update(grads, state, params)
    params = jax.tree.map(lambda p, u: p + u, params, updates)
    return loss, clamp_logit_scale(params), state

  for step in range(facts["steps"]):
    names = f"{prefix}step{step}/"
    noise_now = make_noise(names, size, model.embed_dim)
    loss, params, state = update(params, state, make_batch(names, size), noise_now)
    losses.append(loss)
    scales.append(params["logit_scale"])
  change = jax.tree.map(lambda a, b: a - b, params, first)
  return {
      "trajectory_loss": losses, "trajectory_logit_scale": scales,
      "loss_after_trajectory": compute_loss(model, params, batch, noise)[0],
      **_norms("change_norms_after_trajectory", change, "upret"),
  }
