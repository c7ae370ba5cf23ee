"""SPOT-ALIGN's golden case; `spotting_case` has what no model computes.

Losses, gradients and the trajectory go the way of a run: configuration, task, training step.
"""

import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from sign_jax.data import specs
from sign_jax.data.split_sizes import SplitSizes
from sign_jax.data.splits import SPLITS
from sign_jax.golden import compare, seeded, steps
from sign_jax.golden.compare import Facts, MakeTask, Quantities
from sign_jax.protocols import Batch, Task, Variables
from sign_jax.systems import retrieval_case as case
from sign_jax.systems.base import System
from sign_jax.systems.spot_align import spotting_case
from sign_jax.train.state import TrainState
from sign_jax.weights import convert

# Zero in theory, since a BatchNorm follows, and rounding noise in practice.
ZERO = (
    (r"grad_norms/.+\.cg\.fc\.bias", 1e-7),
    (r"change_norms_after_trajectory/.+\.cg\.fc\.bias", 1e-5),
)
LISTS = (r"spot_(unit|cosine)(_score)?",)  # of what passes a threshold
_OTHER = "mimic."  # before the names of what the other projections of videos need
_SHARED = 0.7  # of a number that all words and windows of a pair have in common
_STATISTICS = "running"  # in the released names of what is no parameter
LOSSES = {"loss_paper": "batch", "loss_with_diagonal": "diagonal"}


def make_batch(prefix: str, size: int, inputs: dict[str, Any]) -> Batch:
  """A training batch drawn from names that begin with `prefix`.

  Args:
    prefix: of names.
    size: B.
    inputs: the case's sizes: words, text_dim, windows, video_dim.
  """
  shared = seeded.normal(f"{prefix}input/shared", (size, min(inputs["text_dim"],
                                                             inputs["video_dim"])))
  batch = {}
  for field, name, length, width in (
      ("text", "text", "words", "text_dim"), ("video", "windows", "windows", "video_dim")
  ):
    count, dim = inputs[length], inputs[width]
    x = seeded.normal(f"{prefix}input/{name}", (size, count, dim))
    x[..., : shared.shape[1]] += np.float32(_SHARED) * shared[:, None]
    lengths = seeded.integers(f"{prefix}input/{name}_len", 1, count + 1, (size,))
    valid = np.arange(count)[None] < lengths[:, None]
    batch |= {field: x * valid[..., None], f"{field}_valid": valid}
  return batch


def settings(system: System, facts: Facts, overrides: dict[str, Any]) -> ConfigDict:
  """The configuration of a case; see `systems.retrieval_case.settings`."""
  inputs = facts["inputs"]
  return case.settings(system, facts, {
      "model.margin": inputs["margin"], "optim.weight_decay": inputs["weight_decay"],
      "optim.gamma": inputs["gamma"], **overrides,
  })


class Built(NamedTuple):
  """A configuration with its task, its module and the case's weights in that."""

  config: ConfigDict
  task: Task
  model: nn.Module
  variables: Variables


class Case:
  """The facts of a case, and what can be built from them."""

  def __init__(self, system: System, facts: Facts, make_task: MakeTask) -> None:
    self._system, self._facts, self._make_task = system, facts, make_task
    self._state = seeded.state_dict(facts)

  def batch(self, names: str = "") -> Batch:
    """The batch drawn from names that begin with `names` behind the case's own prefix."""
    prefix = self._facts.get("seed_prefix", "")
    return make_batch(prefix + names, self._facts["batch"], self._facts["inputs"])

  def built(self, **model: Any) -> Built:
    """What the case's configuration gives; `model`: its section's changes, "__" for dots."""
    changes = {f"model.{key.replace('__', '.')}": value for key, value in model.items()}
    with compare.weights_file(self._weights(model.get("video__projection", "geu"))) as path:
      config = settings(self._system, self._facts, {**changes, "init.model": str(path)})
      task = self._task(config)
      variables = task.load(jax.eval_shape(task.init, jax.random.key(0)))
      variables = jax.tree.map(jnp.asarray, variables)
      return Built(config, task, self._system.build(config.model, task.inputs), variables)

  def steps(self) -> tuple[steps.Steps, TrainState]:
    """(training steps, the state that they begin with)."""
    with compare.weights_file(self._weights("geu")) as path:
      config = settings(self._system, self._facts, {"init.model": str(path)})
      taken = steps.Steps(self._task(config), config)
      return taken, taken.first()

  def _task(self, config):
    inputs = self._facts["inputs"]
    examples = self._facts["batch"] * inputs["steps_per_epoch"]
    task = self._make_task(config, dict.fromkeys(SPLITS, SplitSizes(examples, inputs["video_dim"])))
    task.inputs = specs.of_batch(self.batch())
    return task

  def _weights(self, projection):
    """The released state dict of a model with one of `model.PROJECTIONS`."""
    own = {name: x for name, x in self._state.items() if not name.startswith(_OTHER)}
    if projection == "geu":
      return own
    other = {n.removeprefix(_OTHER): x for n, x in self._state.items() if n.startswith(_OTHER)}
    gate = "ce.video_GU."
    text = {name: x for name, x in own.items() if not name.startswith(gate)}
    if projection == "linear":
      other = {name: x for name, x in other.items() if not name.startswith(gate)}
    return text | other


def quantities(
    system: System, facts: Facts, weights: pathlib.Path, make_task: MakeTask
) -> Quantities:
  """Everything that a case can hold; arguments as in `golden.compare.quantities`."""
  del weights  # of several models: each gets its own part of them
  built = Case(system, facts, make_task)
  return {
      **_embeddings(built), **_training(system, facts, built), **spotting_case.quantities(facts)
  }


def _embeddings(built: Case) -> Quantities:
  """What models with one switch changed at a time make of the case's batch."""
  models = {
      "": built.built(),
      "max": built.built(video__aggregation="max"),
      "masked": built.built(text__mask_padding=True),
      **{kind: built.built(video__projection=kind) for kind in ("reduce_geu", "linear")},
  }
  losses = {name: built.built(loss=loss).model for name, loss in LOSSES.items()}
  variables = {name: model.variables for name, model in models.items()}

  @jax.jit
  def run(variables, batch):
    look = lambda name, train: _outputs(models[name].model, variables[name], batch, train)
    plain, train = look("", False), look("", True)
    return {
        "video_mean": plain["pooled"], "video_max": look("max", False)["pooled"],
        "eval_similarity_max": look("max", False)["similarity"],
        **_named("eval_{}", plain), **_named("train_{}", train),
        **{f"{name}_vlad_masked": look("masked", name == "train")["vlad"]
           for name in ("eval", "train")},
        "eval_video_reduce_geu": look("reduce_geu", False)["video"],
        "train_video_reduce_geu": look("reduce_geu", True)["video"],
        "eval_video_linear": look("linear", False)["video"],
        **{name: model.loss(train)[0] for name, model in losses.items()},
    }

  return run(variables, built.batch())


def _named(title, outputs):
  return {title.format(name): outputs[name] for name in ("vlad", "text", "video", "similarity")}


def _outputs(model, variables, batch, train):
  """What a module returns, with the words' pooling as "vlad" and the windows' as "pooled"."""
  with steps.observed("text_pooling/__call__", "aggregate") as seen:
    out, _ = model.apply(variables, batch, deterministic=not train, mutable=["batch_stats"])
  return {**out, "vlad": seen["text_pooling/__call__"], "pooled": seen["aggregate"]}


def _training(system, facts, built) -> Quantities:
  """One step and its gradients, and a trajectory of several steps from the same weights."""
  taken, first = built.steps()
  state, step = taken.take(first, built.batch())
  gradients = case.released(system, step.gradients)
  names = {f"after_one_step/{name}": x for name, x in _statistics(system, state).items()}
  return {
      "loss": step.loss, **names, **{f"grad/{name}": x for name, x in gradients.items()},
      **case.norms(system, "grad_norms", step.gradients),
      **_trajectory(system, facts, built, taken.take, first),
  }


def _statistics(system, state):
  found = convert.export(state.variables, system.names)
  return {name: x for name, x in found.items() if f".{_STATISTICS}_" in name}


def _trajectory(
    system: System, facts: Facts, built: Case, take: Callable, state: TrainState
) -> Quantities:
  """Several steps, each on a batch of its own."""
  first, losses = state.params, []
  for number in range(facts["steps"]):
    state, step = take(state, built.batch(f"step{number}/"))
    losses.append(step.loss)
  change = jax.tree.map(lambda a, b: a - b, state.params, first)
  after = jax.jit(built.built().model.apply)(dict(state.variables), built.batch())
  return {
      "trajectory_loss": losses, **case.norms(system, "change_norms_after_trajectory", change),
      "eval_similarity_after_trajectory": after["similarity"],
  }
