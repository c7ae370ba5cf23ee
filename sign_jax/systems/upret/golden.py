"""UPRet's golden case."""

import pathlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from sign_jax.golden import retrieval_inputs, steps
from sign_jax.golden.compare import Facts, MakeTask, Quantities
from sign_jax.protocols import Batch
from sign_jax.systems import pipeline_case
from sign_jax.systems import retrieval_case as case
from sign_jax.systems.base import System
from sign_jax.train.state import TrainState

# Where the measured numbers are not those of the published configuration: they are without dropout,
# and the released solver stops on a threshold that the others do not have.
SETTINGS = {
    "model.distribution.dropout": 0.0, "model.ot.solver": "released", "model.ot.iterations": 100,
}
# Zero in theory, rounding noise in practice, which an optimiser's normalisation enlarges: a softmax
# ignores a shift. These are compared absolutely.
ZERO = (
    (r"grad_norms/\w+_weight_fc\.2\.bias", 1e-7),
    (r"change_norms_after_trajectory/\w+_weight_fc\.2\.bias", 1e-5),
)


def make_batch(prefix: str = "", size: int = 6, dim: int = 128) -> Batch:
  """A training batch with UPRet's noise of D = `dim` channels beside it."""
  return {
      **retrieval_inputs.batch(prefix, size),
      steps.NOISE: retrieval_inputs.noise(prefix, size, dim),
  }


def settings(system: System, facts: Facts, overrides: dict[str, Any]) -> ConfigDict:
  """The configuration of a case; see `systems.retrieval_case.settings`."""
  return case.settings(system, facts, SETTINGS | overrides)


def quantities(
    system: System, facts: Facts, weights: pathlib.Path, make_task: MakeTask
) -> Quantities:
  """Everything that a case of UPRet can hold; see `systems.cico.golden`."""
  if "pipeline" in facts:
    return pipeline_case.quantities(system, facts, weights, make_task, settings, no_noise)
  config = settings(system, facts, {"init.model": str(weights)})
  task = case.task_of(config, make_task)
  taken, batch_of = steps.Steps(task, config), _batches(facts, config)
  first = taken.first()
  _, step = taken.take(first, batch_of(""))
  out = step.outputs
  found, video, text = case.evaluate(task, first.variables, batch_of(""))
  gradients = case.released(system, step.gradients)
  return {
      **case.training(system, step), **found,
      "eval_video_features": video.features, "eval_text_features": text.features,
      **{f"{name}_features": out[name].features for name in ("video", "text")},
      "text_features_aug": out["text_aug"].features,
      "ot_plan": out["plans"],
      "ot_kernel": jnp.exp((out["sample_cosines"] - 1.0) / config.model.ot.epsilon),
      "loss_ot_weight_0": _loss_without_transport(system, facts, first.params, make_task),
      **{f"grad/{name}": x for name, x in gradients.items()},
      **trajectory(system, facts, taken, first, batch_of),
  }


def no_noise(size: int, dim: int) -> dict[str, np.ndarray]:
  """Noise of `size` pairs with which all samples are the mean; D = `dim` channels."""
  return jax.tree.map(np.zeros_like, retrieval_inputs.noise("", size, dim))


def _batches(facts, config):
  """A function of what names of inputs begin with, behind the case's own prefix -> the batch."""
  prefix, size = facts.get("seed_prefix", ""), facts["batch"]
  return lambda names: make_batch(prefix + names, size, config.model.embed_dim)


def _loss_without_transport(system, facts, params, make_task):
  """The loss of a model that has no distributions, with the weights that it shares."""
  task = case.task_of(settings(system, facts, {"model.ot.weight": 0.0}), make_task)
  shapes = jax.eval_shape(task.init, jax.random.key(0))["params"]
  params = {name: params[name] for name in shapes}
  batch = retrieval_inputs.batch(facts.get("seed_prefix", ""), facts["batch"])
  return jax.jit(task.loss)({"params": params}, batch, jax.random.key(0), 0)[0]


def trajectory(
    system: System, facts: Facts, taken: steps.Steps, state: TrainState,
    batch_of: Callable[[str], Batch],
) -> Quantities:
  """Several steps, each on a batch of its own.

  Args:
    system, facts: as in `quantities`.
    taken: `golden.steps.Steps`.
    state: where they begin.
    batch_of: function of the beginning of names -> the batch drawn from them.
  """
  first, losses, scales = state.params, [], []
  for number in range(facts["steps"]):
    state, step = taken.take(state, batch_of(f"step{number}/"))
    losses.append(step.loss)
    scales.append(state.params["logit_scale"])
  change = jax.tree.map(lambda a, b: a - b, state.params, first)
  return {
      "trajectory_loss": losses, "trajectory_logit_scale": scales,
      "loss_after_trajectory": taken.take(state, batch_of(""))[1].loss,
      **case.norms(system, "change_norms_after_trajectory", change),
  }
