"""Updates of the golden case of the released float16 arithmetic: a few parameters, five steps."""

import functools
from collections.abc import Iterator

import jax
import numpy as np
import optax

from sign_jax.golden import seeded
from sign_jax.golden.compare import Facts, Quantities, Row
from sign_jax.golden.judge import Judge
from sign_jax.systems import retrieval_case as case
from sign_jax.systems.base import System
from sign_jax.train import optim, schedules
from sign_jax.weights import convert

FLOAT32 = 2e-6  # of float32 parameters, relative; float16 ones are equal
KINDS = {"parameter": None, "first_moment": "mu", "second_moment": "nu"}


def rows(
    judge: Judge, system: System, facts: Facts, arrays: Quantities, prefix: str
) -> Iterator[Row]:
  """Five updates of a few parameters, clipped jointly and not."""
  dtypes = {name: dtype for name, _, dtype in facts["parameters"]}
  for name, settings in facts["cases"].items():
    found = list(updates(system, facts, name, settings, prefix))
    for kind in KINDS:
      for parameter, dtype in dtypes.items():
        title = f"{name}/{kind}/{parameter}"
        got = np.stack([state[kind][parameter] for state in found])
        if dtype == "float16":
          yield judge.equal(title, got, arrays[title])
        else:
          yield judge.near(title, got, arrays[title], FLOAT32)


def updates(
    system: System, facts: Facts, name: str, settings: Facts, prefix: str
) -> Iterator[dict[str, dict[str, np.ndarray]]]:
  """{kind: {released name: array}} after each update of a case."""
  section = system.config(case.DATASET).optim
  section.update(precision="released_float16", lr=settings["lr"])
  kinds = system.parameter_kinds
  rule = optim.released_float16_adam(
      section, schedules.warmup_cosine(1.0, settings["total_steps"], section.warmup), [], kinds,
      joint=settings["clip_joint"],
  )
  settle = optim.settling(section, kinds)

  @jax.jit
  def update(params, state, gradients):
    change, state = rule.update(gradients, state, params)
    return settle(jax.tree.map(lambda p, u: p + u, params, change)), state

  tree = lambda make: convert.rename(
      {n: make(n, tuple(shape), dtype) for n, shape, dtype in facts["parameters"]}, system.names
  )["params"]
  params = tree(lambda n, shape, dtype: _in(dtype, seeded.parameter(n, shape, prefix=prefix)))
  state = rule.init(params)
  for step in range(facts["steps"]):
    draw = functools.partial(
        gradient, f"{prefix}{name}/step{step}/", scale=settings["gradient_scale"][step]
    )
    params, state = update(params, state, tree(draw))
    trees = {k: optax.tree_utils.tree_get(state, v) if v else params for k, v in KINDS.items()}
    yield {kind: case.released(system, x) for kind, x in trees.items()}


def gradient(
    prefix: str, name: str, shape: tuple[int, ...], dtype: str, scale: float
) -> np.ndarray:
  """A gradient of the case: float32 array of numbers of a dtype, from 1e-7 to 0.1 times scale."""
  exponents = seeded.integers(f"{prefix}{name}/exponent", -70, -9, shape) / 10
  wide = seeded.normal(f"{prefix}{name}/grad", shape) * 10**exponents * scale
  return _in(dtype, np.float32(wide))


def _in(dtype, x):
  """`x` rounded to a dtype, as a float32 array."""
  return np.asarray(x).astype(dtype).astype(np.float32)
