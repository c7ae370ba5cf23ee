"""NLA-SLR's golden case: features, logits, losses and heatmaps of seeded inputs.

The inputs stand for prepared ones, (B, C, T, H, W) as the network reads them.
"""

import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int
from ml_collections import ConfigDict

from sign_jax.data.sign_clips import SignClips
from sign_jax.data.splits import SPLITS
from sign_jax.golden import seeded
from sign_jax.golden.compare import Facts, MakeTask, Quantities
from sign_jax.ops import gloss_mixup, heatmap
from sign_jax.protocols import Task
from sign_jax.systems.base import System
from sign_jax.systems.nla_slr import streams as names

FRAMES, SIZE, MAP = 32, 64, 32  # of the long clips
EMBEDDING = 300
HEAD = "fuse"  # that losses are computed on
_PICTURE, _POINTS, _MAP, _SIGMA = 128, 3, 56, 4.0  # of the heatmaps that are compared
_JOINTS = np.array([0, 7, 62])


class _NoClips(SignClips):
  """What the task asks of a data set of which nothing is read."""

  def __init__(self, num_classes, vectors):
    self.label, self.names = "none", None
    self.num_classes, self.gloss_vectors = num_classes, vectors


def quantities(
    system: System, facts: Facts, weights: pathlib.Path, make_task: MakeTask
) -> Quantities:
  """Everything that a case holds; arguments as in `golden.compare.quantities`."""
  prefix, classes, batch = facts.get("seed_prefix", ""), facts["num_classes"], facts["batch"]
  vectors = seeded.normal(f"{prefix}input/word_embeddings", (classes, EMBEDDING))
  labels = seeded.integers(f"{prefix}input/labels", 0, classes, (batch,))
  config = settings(system, facts, weights)
  source = dict.fromkeys(SPLITS, _NoClips(classes, vectors.tolist()))
  task = make_task(config, source)
  variables = task.load(jax.eval_shape(task.init, jax.random.key(0)))
  found = _computed(system, config, task, variables, inputs(prefix, batch), labels)
  return {"num_classes": classes, "labels": labels, **found, **_maps(prefix)}


def settings(system: System, facts: Facts, weights: pathlib.Path) -> ConfigDict:
  """The published configuration in the sizes of a case."""
  config = system.config("wlasl")
  config.update_from_flattened_dict({
      "model.dtype": "float32",  # on every device
      "model.num_classes": facts["num_classes"],
      "data.frames": FRAMES, "data.size": SIZE, "data.heatmap_size": MAP,
      "init.model": str(weights), "batch_size": facts["batch"], "eval_batch_size": facts["batch"],
  })
  return config


def inputs(prefix: str, batch: int) -> dict[str, Float[np.ndarray, "B T H W C"]]:
  """{stream: clips} drawn from names; the samples differ in scale and shift."""
  found = {}
  for stream in names.STREAMS:
    modality, length = stream.split("_")
    kind, size = {"video": ("rgb", SIZE), "keypoint": ("heatmap", MAP)}[modality]
    level, frames = {"long": ("high", FRAMES), "short": ("low", FRAMES // 2)}[length]
    shape = (batch, names.CHANNELS[modality], frames, size, size)
    clips = seeded.normal(f"{prefix}input/{kind}_{level}", shape, 0.5)
    for number in range(batch):
      clips[number] = clips[number] * (1 + 2 * number) + number
    found[stream] = np.moveaxis(clips, 1, -1)
  return found


def _computed(system, config, task: Task, variables, clips, labels: Int[np.ndarray, " B"]) -> Any:
  """What the network makes of the clips, and the recogniser of that."""
  model, recognizer = system.build(config.model, task.inputs), system.recognizer
  resident = task.resident(lambda arrays: jax.tree.map(jnp.asarray, arrays))

  @jax.jit
  def run(variables, clips, labels, resident):
    out = model.apply(variables, clips, **resident)
    scores = recognizer.scores(config, out)
    one = {key: {HEAD: out[key][HEAD]} for key in ("head_inputs", "logits", "mixup")}

    def loss(term, share=1.0, **model):
      changed = ConfigDict(config)
      changed.model.update(model)
      targets = {"label": labels, "other": labels[::-1], "share": jnp.float32(share)}
      return recognizer.loss(changed, one, targets, resident, jnp.float32(0))[1][term]

    logits = gloss_mixup.inter_modality_logits(one["head_inputs"][HEAD], **one["mixup"][HEAD])
    order = _order(one["logits"][HEAD], labels)
    return {
        **{f"feature/{names.released(name)}": x for name, x in out["features"].items()},
        **{f"logits/{names.released(name)}": x for name, x in out["logits"].items()},
        "logits/ensemble_all": scores["ensemble_all"],
        "probability_sum_of_fuse_heads": jnp.exp(scores[""]),
        "loss/language_aware_label_smoothing": loss("smoothing"),
        "loss/vanilla_label_smoothing": loss("smoothing", smoothing="uniform"),
        "loss/inter_modality_mixup": loss("mixup"),
        "loss/inter_modality_mixup_with_intra_mixup_lambda_0.3": loss("mixup", 0.3),
        f"inter_modality_gloss_order/{HEAD}": order,
        f"inter_modality_logits/{HEAD}": jnp.take_along_axis(logits, order[:, :, None], axis=1),
    }

  return run(variables, clips, labels, resident)


def _order(scores, labels):
  """The glosses as the released code takes them: the label first, then by their scores."""
  own = jnp.arange(scores.shape[1])[None] == labels[:, None]
  return jnp.argsort(-jnp.where(own, jnp.inf, scores), axis=1)


def _maps(prefix):
  """Keypoints in pixels with confidences, and heatmaps of some in the first frame."""
  places = seeded.normal(f"{prefix}input/keypoints", (_POINTS, 63, 2), 40.0) + _PICTURE / 2
  confidence = np.abs(seeded.normal(f"{prefix}input/confidence", (_POINTS, 63, 1)))
  points = np.concatenate([places, confidence], axis=2).astype(np.float32)
  shares = points[None, :1, _JOINTS] / _PICTURE
  maps = heatmap.heatmaps(shares, _MAP, canvas=_MAP, sigma=_SIGMA)[0, 0]
  return {
      "heatmap/input": points, "heatmap/output_frame0_joint0_7_62": np.moveaxis(maps, -1, 0),
  }
