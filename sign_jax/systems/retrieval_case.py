"""The golden cases of retrieval systems, on the way that a run takes: configuration, task, step."""

from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from sign_jax.data.split_sizes import SplitSizes
from sign_jax.data.splits import SPLITS
from sign_jax.golden import retrieval_inputs, steps
from sign_jax.golden.compare import Facts, MakeTask, Quantities
from sign_jax.protocols import Batch, Task, Variables
from sign_jax.systems.base import System
from sign_jax.tasks.retrieval import Retrieval
from sign_jax.weights import convert

DATASET = "how2sign"  # whose published configuration the cases follow that name none
_PRECISIONS = ("model.dtype", "optim.precision")  # cases were measured in float32
_OPTIONAL = {"lr": "optim.lr", "t_total": "steps"}  # facts of cases that train several steps


def settings(system: System, facts: Facts, overrides: dict[str, Any]) -> ConfigDict:
  """The published configuration in the sizes of a case's parameters.

  Args:
    system: its card.
    facts: the content of STEM.json.
    overrides: {dotted name: value}, where a case is not as published.

  Returns:
    ml_collections.ConfigDict.
  """
  config = system.config(facts.get("dataset", DATASET))
  flat = [f"{section}.{key}" for section in ("model", "optim") for key in config[section]]
  config.update_from_flattened_dict({
      **_sizes(system, facts),
      **{key: "float32" for key in _PRECISIONS if key in flat},  # on every device
      "batch_size": facts["batch"], "eval_batch_size": facts["batch"],
      **{key: facts[name] for name, key in _OPTIONAL.items() if name in facts},
      **overrides,
  })
  return config


def _sizes(system, facts):
  """What the shapes say, the switches apart: those are to be what the variant decides."""
  if system.sizes is None:
    return {}
  found = system.sizes({name: tuple(shape) for name, shape in facts["params"]})
  switches = {f"model.{key}" for variant in system.variants.values() for key in variant}
  return {key: x for key, x in found.items() if x is not None and key not in switches}


def task_of(config: ConfigDict, make_task: MakeTask) -> Task:
  """The task of a configuration; of its data set there are sizes alone."""
  sizes = SplitSizes(config.batch_size, retrieval_inputs.FEATURES, config.data.combine)
  return make_task(config, dict.fromkeys(SPLITS, sizes))


def evaluate(task: Retrieval, variables: Variables, batch: Batch) -> tuple[Quantities, Any, Any]:
  """What a search computes of all pairs of a batch, compiled once.

  Returns:
    ({"eval_i2t", "eval_t2i", "eval_mix": (B, B)}, Tokens of the videos, of the texts).
  """

  @jax.jit
  def run(variables, batch):
    video = task.encode_video(variables, batch)
    text = task.encode_text(variables, batch["text"])
    with steps.observed("similarity") as seen:
      mix = task.score(variables, video, text)
    i2t, t2i = seen["similarity"]
    return {"eval_i2t": i2t, "eval_t2i": t2i, "eval_mix": mix}, video, text

  return run(variables, batch)


def training(system: System, step: steps.Step) -> Quantities:
  """Loss, logits and norms of gradients of a `golden.steps.Step`, by their names in a case."""
  return {
      "loss": step.loss, "i2t_logits": step.outputs["i2t"], "t2i_logits": step.outputs["t2i"],
      **norms(system, "grad_norms", step.gradients),
  }


def norms(system: System, title: str, params: Any) -> Quantities:
  """{"TITLE/RELEASED NAME": L2 norm} of a tree shaped as the parameters."""
  return retrieval_inputs.norms(title, released(system, params))


def released(system: System, params: Any) -> dict[str, np.ndarray]:
  """A tree shaped as the parameters -> {released name: array in the released layout}."""
  return convert.export({"params": params}, system.names)
