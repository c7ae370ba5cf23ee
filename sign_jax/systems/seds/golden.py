"""SEDS's golden case."""

import jax
import numpy as np

from sign_jax.golden import seeded
from sign_jax.modules.skeleton import BODY, HAND
from sign_jax.systems.seds import released_names as table
from sign_jax.systems.seds.model import SEDS
from sign_jax.systems.upret import golden as retrieval
from sign_jax.weights.convert import export, merge

FRAMES, WINDOW, RGB_FEATURES = 40, 16, 1024
FEWEST_WINDOWS = 6
JOINTS = {"right": 21, "left": 21, "body": 7}
# Golden numbers are without dropout.
RELEASED = {
    "pose": {"dropout": 0.0, "head_dropout": 0.0},
    "fusion": {
        "kind": "cgaf", "keys": (5, 3), "heads": 8, "roles": "released", "sampling": "released",
        "merge": "released", "dropout": 0.0,
    },
    "streams": "both",
    "alpha": 1.0,
    "beta": 0.4,
}
FIRST_BATCH_NORM = "signbert.embed.st_gcn_hand.data_bn"


def build_model(facts):
  """The released variant in the sizes that a case's parameters have."""
  sizes = retrieval.build_model("cico", facts)
  video = {**sizes.video, "length": _windows(facts)}
  return SEDS(video=video, text=sizes.text, embed_dim=sizes.embed_dim, **RELEASED)


def _windows(facts):
  return dict(facts["params"])["clip.visual.positional_embedding"][0] - 1


def make_batch(prefix, size, windows):
  """Inputs drawn from names that begin with `prefix`; see `systems.seds.model.SEDS`."""
  counts = seeded.integers(f"{prefix}input/clips", FEWEST_WINDOWS, windows + 1, (size,))
  starts = np.full((size, windows), -1, np.int32)
  for row, count in zip(starts, counts, strict=True):
    row[:count] = np.linspace(0, FRAMES - WINDOW, count)  # truncated
  rgb = seeded.normal(f"{prefix}input/rgb", (size, windows, RGB_FEATURES))
  valid = starts >= 0
  pose = {
      name: seeded.normal(f"{prefix}input/{name}", (size, FRAMES, joints, 2))
      for name, joints in JOINTS.items()
  }
  texts = retrieval.make_batch(prefix, size)
  return {
      "video": rgb * valid[..., None], "video_valid": valid,
      "pose": {**pose, "frames_valid": np.ones((size, FRAMES), bool), "clips_start": starts},
      "text": texts["text"], "text_aug": texts["text_aug"],
  }


def load_variables(facts, model, batch, state=None):
  """The case's state dict as variables of `model`, through the import of real checkpoints."""
  shapes = jax.eval_shape(model.init, jax.random.key(0), batch)
  state = seeded.state_dict(facts) if state is None else state
  return merge(shapes, state, table.NAMES, ignore=table.IGNORE)


def compute_loss(model, variables, batch):
  """(loss, (terms, outputs, updated statistics)) of one training step without dropout."""
  out, updates = model.apply(variables, batch, deterministic=False, mutable=["batch_stats"])
  loss, terms = model.loss(out)
  return loss, (terms, out, updates)


def quantities(system, facts):
  """Everything that a case of SEDS can hold, by its name there; see `systems.upret.golden`."""
  del system
  model = build_model(facts)
  batch = make_batch(facts.get("seed_prefix", ""), facts["batch"], _windows(facts))
  variables = load_variables(facts, model, batch)
  found = {
      **_training(model, variables, batch), **_evaluation(model, variables, batch), **_constants()
  }
  return {name: np.asarray(value) for name, value in found.items()}


def _training(model, variables, batch):
  step = lambda params, rest: compute_loss(model, {**rest, "params": params}, batch)
  rest = {"batch_stats": variables["batch_stats"]}
  (loss, (terms, out, updates)), grads = jax.jit(jax.value_and_grad(step, has_aux=True))(
      variables["params"], rest
  )
  norms = export({"params": grads}, table.NAMES)
  running = export(updates, table.NAMES)
  found = {
      "train_loss": loss,
      **{f"train_loss_{name}": terms[name] for name in ("fusion", "pose", "rgb")},
      "train_loss_pose_rgb_match_weighted": terms["match"],
      **{f"grad_norms/{name}": np.linalg.norm(x.ravel()) for name, x in norms.items()},
      **{
          f"after_train_step/{name}": x for name, x in running.items()
          if name.startswith(FIRST_BATCH_NORM)
      },
  }
  logits = dict(out["logits"])
  found["train_pose2rgb"], found["train_rgb2pose"] = logits.pop("match")
  for name, pair in logits.items():
    found |= {f"train_{way}_{name}": x for way, x in zip(("i2t", "t2i"), pair, strict=True)}
  return found


def _evaluation(model, variables, batch):
  def evaluate(m):
    pose = batch["pose"]
    streams = m.encode_streams(batch["video"], batch["video_valid"], pose)
    text = m.encode_text(batch["text"])
    scores = {name: m.similarity(tokens, text) for name, tokens in streams.items()}
    scaled = jax.tree.map(lambda x: np.exp(seeded.LOGIT_SCALE) * x, scores)
    return streams, text, scaled, m.pose_encoder.encode_frames(pose)

  streams, text, scores, frames = jax.jit(
      lambda variables: model.apply(variables, method=evaluate)
  )(variables)
  return {
      **{f"eval_{name}_features": tokens.features for name, tokens in streams.items()},
      "eval_text_features": text.features,
      **{f"eval_i2t_{name}": i2t for name, (i2t, _) in scores.items()},
      "eval_t2i_fusion": scores["fusion"][1],
      "eval_gcn_features": frames[:2],
  }


def _constants():
  graphs = {"hand": HAND, "body": BODY}
  name = "const/signbert.embed.st_gcn_{}.{}"
  return {
      **{name.format(group, "A"): graph.joints for group, graph in graphs.items()},
      **{name.format(group, "A_pool"): graph.part_graph for group, graph in graphs.items()},
  }
