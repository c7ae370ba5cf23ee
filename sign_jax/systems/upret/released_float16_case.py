"""The golden case of the float16 arithmetic that CiCo, UPRet and SEDS share, measured with UPRet.

STEM.json has three parts: `optimiser` (five updates, equal bit by bit), `forward` (loss, features,
gradients with float16 towers, of the parameters of upret_tiny.json) and `twenty_steps` (losses of a
training, of the batches of e2e/upret_20_steps). These files lie beside STEM, or in tests/golden.
"""

import pathlib
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import optax

from sign_jax.errors import UserError
from sign_jax.golden import compare, rebuilt_features, seeded, steps
from sign_jax.golden.compare import Facts, MakeTask, Quantities, Row
from sign_jax.golden.judge import Judge
from sign_jax.systems import retrieval_case as case
from sign_jax.systems.base import System
from sign_jax.systems.upret import golden, released_float16_updates, twenty_steps
from sign_jax.train import released_float16
from sign_jax.weights import convert

# What a run sets to compute as the released programs do on a GPU.
FLOAT16 = {"optim.precision": "released_float16", "model.dtype": "float16"}
PLACES = (pathlib.Path("tests/golden"),)  # beside the case's own folder
# Relative to the largest entry. Other orders of float16 rounding move features and logits by
# 1.4e-3, the loss by 4.5e-5, norms of gradients by 4.5e-3 (float16) and 1e-2 (float32), as measured
# on four of them; ours is one more, so twice as much is allowed.
FEATURES, LOSS, JOINT_NORM, NORMS = 3e-3, 1e-4, 1e-3, {"float16": 1e-2, "float32": 2e-2}
# Of the training, absolute: losses, the share of second moments that are 0, log scales; relative:
# norms before clipping, changes.
LOSSES, SHARE, SCALES, NORMS_OF_STEPS, CHANGES = 1.6e-3, 5e-3, 1e-6, 1e-2, 5e-2


def check(
    system: System, stem: str | pathlib.Path, make_task: MakeTask, rtol: float | None = None
) -> list[Row]:
  """[`Row`] of all three parts; arguments as for `golden.compare.check`.

  Raises:
    UserError: files that cannot be read, or a case of something else.
  """
  facts, arrays = compare.read_case(stem, "optimiser")
  judge, prefix = Judge(rtol), facts.get("seed_prefix", "")
  try:
    return [
        *released_float16_updates.rows(judge, system, facts["optimiser"], arrays, prefix),
        *forward(judge, system, stem, facts["forward"], arrays, prefix, make_task),
        *training(judge, system, stem, facts["twenty_steps"], make_task),
    ]
  except KeyError as error:
    raise UserError(f"{stem} is no case of released_float16: it lacks {error}") from error


def forward(
    judge: Judge, system: System, stem: Any, facts: Facts, arrays: Quantities, prefix: str,
    make_task: MakeTask,
) -> Iterator[Row]:
  """A training step's loss, features, logits and gradients with float16 towers."""
  tiny = {"params": _params(stem), "batch": facts["batch"], "seed_prefix": prefix}
  state = seeded.state_dict(tiny)
  yield judge.near("forward/fingerprint", seeded.fingerprint(state), facts["fingerprint"], 1e-6)
  wrong = [n for n, x in _dtypes(system, state).items() if x != facts["dtype"].get(n)]
  yield Row(
      "forward/dtype", len(wrong), np.nan, 0.0, f"DISAGREES: {wrong[0]}" if wrong else "ok"
  )
  with compare.weights_file(state) as weights:
    config = golden.settings(system, tiny, {"init.model": str(weights), **FLOAT16})
    taken = steps.Steps(case.task_of(config, make_task), config)
    step = taken.look(
        taken.first(), golden.make_batch(prefix, facts["batch"], config.model.embed_dim)
    )
  yield judge.near("forward/loss", step.loss, arrays["forward/loss"], LOSS)
  for name in ("i2t", "t2i"):
    title = f"forward/{name}_logits"
    yield judge.near(title, step.outputs[name], arrays[title], FEATURES)
  for name, place in (("text", "text"), ("video", "video"), ("text", "text_aug")):
    title = f"forward/{name}_features" + place.removeprefix(name)
    got = step.outputs[place].features
    yield judge.near(title, got, arrays[title], FEATURES)
    yield judge.float16(title, got)
  yield from _norms(judge, system, facts, case.released(system, step.gradients))


def _norms(judge, system, facts, gradients):
  norms = {name: np.linalg.norm(np.float64(x).ravel()) for name, x in gradients.items()}
  dtypes = facts["dtype"]
  together = lambda names: np.linalg.norm([norms[name] for name in names])
  yield judge.near(
      "forward/joint_gradient_norm", together(norms), facts["joint_gradient_norm"], JOINT_NORM
  )
  for dtype, tolerance in NORMS.items():
    of_dtype = [name for name in norms if dtypes[name] == dtype]
    title = f"gradient_norm_{dtype}"
    yield judge.near(f"forward/{title}", together(of_dtype), facts[title], tolerance)
    for name in of_dtype:
      title, expected = f"forward/grad_norms/{name}", facts["grad_norms"][name]
      if name.endswith("_weight_fc.2.bias"):  # 0 in theory: a softmax ignores a shift
        yield judge.within(title, norms[name], expected, 1e-7)
      else:
        yield judge.near(title, norms[name], expected, tolerance)


def _dtypes(system, state):
  """{released name: dtype} as the card says it, of what has a part in the computation."""
  params = convert.rename(state, system.names, system.ignore)["params"]
  is_float16 = released_float16.mask(params, system.parameter_kinds)
  marked = jax.tree.map(lambda x, yes: np.full(x.shape, yes), params, is_float16)
  return {
      name: "float16" if np.any(x) else "float32"
      for name, x in case.released(system, marked).items()
  }


def training(
    judge: Judge, system: System, stem: Any, facts: Facts, make_task: MakeTask
) -> Iterator[Row]:
  """Twenty steps: losses, norms of gradients, changes, moments that have become 0."""
  of_steps = _beside(stem, "e2e/upret_20_steps.json").with_suffix("")
  recorded, arrays = compare.read_case(of_steps, "videos")
  inputs = _beside(stem, "e2e/upret_20_steps_inputs.npz")
  params = _params(stem)
  state = rebuilt_features.state_dict(params)
  with compare.weights_file(state) as weights:
    overrides = {"optim.lr": facts["lr"], **FLOAT16}
    config = twenty_steps.settings(system, params, weights, overrides)
    taken = steps.Steps(case.task_of(config, make_task), config)
    now = first = taken.first()
  found = {"losses": [], "gradient_norm_before_clipping": [], "log_logit_scale": []}
  for batch in twenty_steps.batches(config, inputs, recorded, arrays, state, facts["batches"]):
    now, step = taken.take(now, batch)
    found["losses"].append(step.loss)
    found["gradient_norm_before_clipping"].append(step.gradient_norm)
    found["log_logit_scale"].append(now.params["logit_scale"])
  title = "twenty_steps/{}".format
  yield judge.within(title("losses"), found["losses"], facts["losses"], LOSSES)
  bounds = {"gradient_norm_before_clipping": NORMS_OF_STEPS, "log_logit_scale": SCALES}
  for name, bound in bounds.items():
    yield judge.near(title(name), found[name], facts[name], bound)
  name = "share_of_zero_second_moments"
  yield judge.within(title(name), _zero_share(system, now), facts[name], SHARE)
  change = case.released(system, jax.tree.map(lambda a, b: a - b, now.params, first.params))
  for name, expected in facts["change_norms"].items():
    norm = np.linalg.norm(change[name].ravel())
    yield judge.near(title(f"change_norms/{name}"), norm, expected, CHANGES)


def _zero_share(system, state):
  """Of the float16 parameters' second moments."""
  moments = optax.tree_utils.tree_get(state.opt_state, "nu")
  mask = released_float16.mask(moments, system.parameter_kinds)
  chosen = [x for x, yes in zip(*map(jax.tree.leaves, (moments, mask)), strict=True) if yes]
  return sum(np.sum(np.asarray(x) == 0) for x in chosen) / sum(x.size for x in chosen)


def _params(stem):
  return compare.read_case(_beside(stem, "upret_tiny.json").with_suffix(""))[0]["params"]


def _beside(stem, name):
  """A further file that the case is made of.

  Raises:
    UserError: it is neither beside the case nor in tests/golden.
  """
  folder = pathlib.Path(stem).parent
  for place in (folder, *PLACES):
    if (place / name).is_file():
      return place / name
  raise UserError(f"there is no file {folder / name}, which the case is made of: put it there")
