"""CiCo's golden case."""

import pathlib

from sign_jax.golden import retrieval_inputs, steps
from sign_jax.golden.compare import Facts, MakeTask, Quantities
from sign_jax.systems import pipeline_case
from sign_jax.systems import retrieval_case as case
from sign_jax.systems.base import System


def quantities(
    system: System, facts: Facts, weights: pathlib.Path, make_task: MakeTask
) -> Quantities:
  """Everything that a case of CiCo can hold; arguments as for `golden.compare.quantities`.

  Returns:
    {name: array}; entries of the .json's dicts are named `grad_norms/PARAMETER` and so on.
  """
  if "pipeline" in facts:
    return pipeline_case.quantities(system, facts, weights, make_task, case.settings)
  config = case.settings(system, facts, {"init.model": str(weights)})
  task = case.task_of(config, make_task)
  batch = retrieval_inputs.batch(facts.get("seed_prefix", ""), facts["batch"])
  taken = steps.Steps(task, config)
  first = taken.first()
  found, _, _ = case.evaluate(task, first.variables, batch)
  return {**case.training(system, taken.look(first, batch)), **found}
