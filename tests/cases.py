"""Golden cases as tests need them: the task of one, its weights, its loss."""

import importlib
import json
import pathlib

import jax

from sign_jax.golden import retrieval_inputs, seeded, steps
from sign_jax.run import task as run_task
from sign_jax.systems import registry, retrieval_case
from sign_jax.weights import convert

GOLDEN = pathlib.Path(__file__).parent / "golden"


def read_facts(stem):
  """The content of STEM.json."""
  return json.loads((GOLDEN / f"{stem}.json").read_text())


def make_task(name, facts, **overrides):
  """The task of a retrieval system's case; `overrides` with "__" for dots."""
  changes = {key.replace("__", "."): value for key, value in overrides.items()}
  module = importlib.import_module(registry.get(name).golden)
  settings = getattr(module, "settings", retrieval_case.settings)
  return retrieval_case.task_of(settings(registry.get(name), facts, changes), run_task.make)


def shapes(task):
  """Of the task's variables."""
  return jax.eval_shape(task.init, jax.random.key(0))


def variables(name, facts, task):
  """The case's weights."""
  system = registry.get(name)
  return convert.merge(shapes(task), seeded.state_dict(facts), system.names, system.ignore)


def loss(task, variables, batch=None, noise=None):
  """(loss of a training step, what the model returned), not compiled."""
  batch = retrieval_inputs.batch() if batch is None else batch
  given = {} if noise is None else {steps.NOISE: noise}
  found, (seen, _) = steps.Case(task).loss(variables, batch | given, jax.random.key(0), 0)
  return found, seen["outputs"]
