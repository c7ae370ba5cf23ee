"""SEDS's golden case."""

import functools
import pathlib
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from sign_jax.golden import retrieval_inputs, seeded, steps
from sign_jax.golden.compare import Facts, MakeTask, Quantities
from sign_jax.modules.skeleton import BODY, HAND
from sign_jax.protocols import Batch, Variables
from sign_jax.systems import retrieval_case as case
from sign_jax.systems.base import System
from sign_jax.systems.seds.model import STREAMS
from sign_jax.tasks.retrieval import Retrieval
from sign_jax.weights.convert import export

FRAMES, WINDOW = 40, 16
FEWEST_WINDOWS = 6
JOINTS = {"right": 21, "left": 21, "body": 7}
# Where the measured numbers are not those of the published configuration: they are without dropout.
SETTINGS = {
    "model.pose.dropout": 0.0, "model.pose.head_dropout": 0.0, "model.fusion.dropout": 0.0,
    "data.max_frames": FRAMES,
}
FIRST_BATCH_NORM = "signbert.embed.st_gcn_hand.data_bn"
# The pose encoder's maxima and ReLUs switch at differences that float32 does not resolve.
TOLERANCES = (("grad_norms/signbert.", 3e-3),)
# Zero in theory, as a BatchNorm ignores a shift, and rounding noise in practice: these are compared
# absolutely.
ZERO = ((r"grad_norms/signbert\..+\.(tcn\.3|residual\.0|conv4\.0|conv1x1)\.bias", 3e-6),)


def make_batch(prefix: str, size: int, windows: int) -> Batch:
  """Inputs drawn from names that begin with `prefix`; see `systems.seds.model.SEDS`."""
  counts = seeded.integers(f"{prefix}input/clips", FEWEST_WINDOWS, windows + 1, (size,))
  starts = np.full((size, windows), -1, np.int32)
  for row, count in zip(starts, counts, strict=True):
    row[:count] = np.linspace(0, FRAMES - WINDOW, count)  # truncated
  rgb = seeded.normal(f"{prefix}input/rgb", (size, windows, retrieval_inputs.FEATURES))
  valid = starts >= 0
  pose = {
      name: seeded.normal(f"{prefix}input/{name}", (size, FRAMES, joints, 2))
      for name, joints in JOINTS.items()
  }
  return {
      "video": rgb * valid[..., None], "video_valid": valid,
      "pose": {**pose, "frames_valid": np.ones((size, FRAMES), bool), "clips_start": starts},
      **retrieval_inputs.texts(prefix, size),
  }


def settings(system: System, facts: Facts, overrides: dict[str, Any]) -> ConfigDict:
  """The configuration of a case; see `systems.retrieval_case.settings`."""
  return case.settings(system, facts, SETTINGS | overrides)


def quantities(
    system: System, facts: Facts, weights: pathlib.Path, make_task: MakeTask
) -> Quantities:
  """Everything that a case of SEDS can hold; see `systems.cico.golden`."""
  config = settings(system, facts, {"init.model": str(weights)})
  task = case.task_of(config, make_task)
  prefix = facts.get("seed_prefix", "")
  batch = make_batch(prefix, facts["batch"], config.data.video_length)
  taken = steps.Steps(task, config)
  first = taken.first()
  return {
      **_training(system, taken.look(first, batch)),
      **evaluation(task, first.variables, batch), **_constants(),
  }


def _training(system, step):
  running = export(step.model_state, system.names)
  logits = dict(step.outputs["logits"])
  pose2rgb, rgb2pose = logits.pop("match")
  return {
      "train_loss": step.loss,
      **{f"train_loss_{name}": step.terms[f"loss_{name}"] for name in STREAMS["both"]},
      "train_loss_pose_rgb_match_weighted": step.terms["loss_match"],
      **case.norms(system, "grad_norms", step.gradients),
      **{
          f"after_train_step/{name}": x for name, x in running.items()
          if name.startswith(FIRST_BATCH_NORM)
      },
      "train_pose2rgb": pose2rgb, "train_rgb2pose": rgb2pose,
      **{
          f"train_{way}_{name}": x for name, pair in logits.items()
          for way, x in zip(("i2t", "t2i"), pair, strict=True)
      },
  }


def evaluation(task: Retrieval, variables: Variables, batch: Batch) -> Quantities:
  """What a search computes of a batch, and the other streams beside the one that it compares."""
  streams, text, scores, frames = _evaluator(task)(variables, batch)
  return {
      **{f"eval_{name}_features": tokens.features for name, tokens in streams.items()},
      "eval_text_features": text.features,
      **{f"eval_i2t_{name}": i2t for name, (i2t, _) in scores.items()},
      "eval_t2i_fusion": scores["fusion"][1],
      "eval_gcn_features": frames[:2],
  }


@functools.lru_cache(maxsize=1)
def _evaluator(task):
  """`evaluation`'s function (variables, batch) -> numbers, compiled once for a task."""

  @jax.jit
  def run(variables, batch):
    with steps.observed("similarity", "encode_streams", "pose_encoder/encode_frames") as seen:
      video = task.encode_video(variables, batch)
      text = task.encode_text(variables, batch["text"])
      streams = seen["encode_streams"] | {"fusion": video}
      scores = {}
      for name, tokens in streams.items():
        task.score(variables, tokens, text)
        scores[name] = seen["similarity"]
    scaled = jax.tree.map(lambda x: np.exp(seeded.LOGIT_SCALE) * x, scores)
    return streams, text, scaled, seen["pose_encoder/encode_frames"]

  return run


def _constants():
  graphs = {"hand": HAND, "body": BODY}
  name = "const/signbert.embed.st_gcn_{}.{}"
  return {
      **{name.format(group, "A"): graph.joints for group, graph in graphs.items()},
      **{name.format(group, "A_pool"): graph.part_graph for group, graph in graphs.items()},
  }
