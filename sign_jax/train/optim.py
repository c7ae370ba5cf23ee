"""Optimisers as optax chains: those of released programs, SGD, and PyTorch's Adam."""

import functools
import math
import re
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PyTree
from ml_collections import ConfigDict

from sign_jax.errors import UserError, did_you_mean
from sign_jax.protocols import NO_KINDS, ParameterKinds
from sign_jax.train import radam, released_float16, schedules

PRECISIONS = ("float32", "released_float16")
CLIP_EPS = 1e-6  # added to norms before dividing, as PyTorch's clipping does


def _clip_coefficient(norm: Float[Array, ""], max_norm: float) -> Float[Array, ""]:
  return jnp.minimum(1.0, max_norm / (norm + CLIP_EPS))


def global_norm(tree: PyTree[ArrayLike]) -> Float[Array, ""]:
  """L2 norm of all leaves together."""
  return jnp.sqrt(sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(tree)))


def norm_of_joined(tree: PyTree[ArrayLike]) -> Float[Array, ""]:
  """`global_norm` of the leaves as one vector, which optimisers with `flat` make too."""
  return jnp.linalg.norm(jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(tree)]))


def norm_of(optim: ConfigDict) -> Callable[[PyTree], Float[Array, ""]]:
  """The function for the norm of gradients: of one vector where a section's optimiser sees one."""
  return norm_of_joined if optim.get("flat", False) else global_norm


def clip_by_global_norm(max_norm: float) -> optax.GradientTransformation:
  """Scales all gradients by min(1, max_norm / (norm + 1e-6)) of their global norm."""

  def update(updates, state, params=None):
    del params
    coefficient = _clip_coefficient(global_norm(updates), max_norm)
    return jax.tree.map(lambda g: g * coefficient, updates), state

  return optax.GradientTransformation(lambda _: optax.EmptyState(), update)


def clip_each_by_norm(max_norm: float) -> optax.GradientTransformation:
  """Scales every parameter's gradient to norm `max_norm` at most."""

  def update(updates, state, params=None):
    del params
    clip = lambda g: g * _clip_coefficient(jnp.linalg.norm(g.ravel()), max_norm)
    return jax.tree.map(clip, updates), state

  return optax.GradientTransformation(lambda _: optax.EmptyState(), update)


def scale_by_uncorrected_adam(b1: float, b2: float, eps: float) -> optax.GradientTransformation:
  """Adam's m / (sqrt(v) + eps) without bias correction."""

  def init(params):
    zeros = lambda: jax.tree.map(jnp.zeros_like, params)
    return optax.ScaleByAdamState(count=jnp.zeros([], jnp.int32), mu=zeros(), nu=zeros())

  def update(updates, state, params=None):
    del params
    mu = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, state.mu, updates)
    nu = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, state.nu, updates)
    steps = jax.tree.map(lambda m, v: m / (jnp.sqrt(v) + eps), mu, nu)
    return steps, optax.ScaleByAdamState(count=state.count + 1, mu=mu, nu=nu)

  return optax.GradientTransformation(init, update)


def decay_mask(params: PyTree, norms: bool = True) -> PyTree[bool]:
  """True for parameters that decay: all but biases and, unless `norms`, the scales of norms.

  In the released code these do decay, and so do embeddings and the logit scale.
  """

  def decays(path, _):
    name = str(path[-1].key)
    return "bias" not in name and (norms or name != "scale")

  return jax.tree_util.tree_map_with_path(decays, params)


def released_adam(
    schedule: optax.Schedule,
    *,
    b1: float = 0.9,
    b2: float = 0.98,
    eps: float = 1e-6,
    weight_decay: float = 0.001,
    clip_norm: float = 1.0,
    decay_norms: bool = True,
) -> optax.GradientTransformation:
  """Both clippings, Adam without bias correction, decay inside the scheduled step.

  Args:
    schedule: step (from 0) -> learning rate.
    weight_decay: added as weight_decay * parameter to the step that the rate multiplies.
    clip_norm: of all gradients together, then of each.
    decay_norms: whether the scales of norms decay.
  """
  return optax.chain(
      clip_by_global_norm(clip_norm),
      clip_each_by_norm(clip_norm),
      scale_by_uncorrected_adam(b1, b2, eps),
      optax.add_decayed_weights(
          weight_decay, mask=functools.partial(decay_mask, norms=decay_norms)
      ),
      optax.scale_by_learning_rate(schedule),
  )


def sgd(
    schedule: optax.Schedule,
    *,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    clip_norm: float = math.inf,
) -> optax.GradientTransformation:
  """Gradient descent with momentum as PyTorch's `SGD` does it, without dampening.

  Args:
    schedule: step (from 0) -> learning rate.
    momentum: of the velocity, which the rate multiplies last.
    weight_decay: times the parameter, added to its gradient; of all parameters.
    clip_norm: of all gradients together.
  """
  return optax.chain(
      clip_by_global_norm(clip_norm),
      optax.add_decayed_weights(weight_decay),
      optax.trace(momentum),
      optax.scale_by_learning_rate(schedule),
  )


Rates = Sequence[tuple[str, float]]  # (regular expression, rate)


def _of_path(pairs: Rates, default: float, path: tuple) -> float:
  """The number beside the first expression that is found in a path ("visual/conv1/kernel")."""
  name = jax.tree_util.keystr(path, simple=True, separator="/")
  return next((value for pattern, value in pairs if re.search(pattern, name)), default)


def rates_of(params: PyTree, rates: Rates, default: float) -> PyTree[float]:
  """The rate of every parameter: that of the first expression found in its path, or `default`."""
  return jax.tree_util.tree_map_with_path(
      lambda path, _: _of_path(rates, default, path), params
  )


def _released_adam(optim: ConfigDict, schedule: optax.Schedule) -> optax.GradientTransformation:
  return released_adam(
      schedule, b1=optim.b1, b2=optim.b2, eps=optim.eps,
      weight_decay=optim.weight_decay, clip_norm=optim.clip_norm, decay_norms=optim.decay_norms,
  )


def released_float16_adam(
    optim: ConfigDict, schedule: optax.Schedule, rates: Rates, kinds: ParameterKinds,
    joint: bool = True,
) -> optax.GradientTransformation:
  """`released_adam` in the released programs' arithmetic, see `released_float16.adam`.

  Args:
    optim: the section.
    schedule: step (from 0) -> share of the rates.
    rates: of parameters by their paths; all others have `optim.lr`.
    kinds: which parameters are float16.
    joint: whether all gradients are clipped together before each is by itself.
  """
  return released_float16.adam(
      schedule, functools.partial(rates_of, rates=rates, default=optim.lr), kinds,
      decays=functools.partial(decay_mask, norms=optim.decay_norms), b1=optim.b1, b2=optim.b2,
      eps=optim.eps, weight_decay=optim.weight_decay, clip_norm=optim.clip_norm,
      clip_eps=CLIP_EPS, joint=joint,
  )


def _adam(optim: ConfigDict, schedule: optax.Schedule) -> optax.GradientTransformation:
  """Adam as in the papers, which name nothing but the rate."""
  return optax.adam(schedule, b1=optim.b1, b2=optim.b2, eps=optim.eps)


def _adam_l2(optim: ConfigDict, schedule: optax.Schedule) -> optax.GradientTransformation:
  """Adam as PyTorch's `Adam` has it with weight decay: that is added to the gradient first.

  So it passes through both moments, which AdamW's does not. All parameters decay.
  """
  return optax.chain(optax.add_decayed_weights(optim.weight_decay), _adam(optim, schedule))


def _sgd(optim: ConfigDict, schedule: optax.Schedule) -> optax.GradientTransformation:
  return sgd(
      schedule, momentum=optim.momentum, weight_decay=optim.weight_decay,
      clip_norm=optim.clip_norm,
  )


def _radam(optim: ConfigDict, schedule: optax.Schedule) -> optax.GradientTransformation:
  return radam.radam(
      schedule, b1=optim.b1, b2=optim.b2, eps=optim.eps, weight_decay=optim.weight_decay
  )


OPTIMIZERS = {
    "released_adam": _released_adam, "adam": _adam, "adam_l2": _adam_l2, "sgd": _sgd,
    "radam": _radam,
}
# Keys of the section that each reads beside `lr`, `schedule` and `warmup`.
KEYS = {
    "released_adam": ("b1", "b2", "eps", "weight_decay", "clip_norm", "decay_norms"),
    "adam": ("b1", "b2", "eps"),
    "adam_l2": ("b1", "b2", "eps", "weight_decay"),
    "sgd": ("momentum", "weight_decay", "clip_norm"),
    "radam": ("b1", "b2", "eps", "weight_decay"),
}


# Those that treat all parameters alike, so that they may see them as one vector.
FLAT = ("adam", "adam_l2", "sgd", "radam")


def scale_by_rates(rates: Rates, default: float) -> optax.GradientTransformation:
  """Scales every parameter's gradient or step by its rate, see `rates_of`."""

  def update(updates, state, params=None):
    del params
    scaled = jax.tree.map(lambda g, rate: g * rate, updates, rates_of(updates, rates, default))
    return scaled, state

  return optax.GradientTransformation(lambda _: optax.EmptyState(), update)


def _rates(optim: ConfigDict) -> list[tuple[str, float]]:
  """[(regular expression, rate)] of the section's `groups`; errors as `from_config`."""
  rates = []
  for name, group in optim.get("groups", {}).items():
    try:
      re.compile(group.paths)
    except re.error as error:
      raise UserError(
          f"optim.groups.{name}.paths={group.paths!r} is no regular expression ({error})"
      ) from error
    rates.append((group.paths, group.lr))
  return rates


def precision(optim: ConfigDict) -> str:
  """One of PRECISIONS; a section made before there was a choice is float32."""
  return optim.get("precision", PRECISIONS[0])


def check(optim: ConfigDict, kinds: ParameterKinds, system: str) -> None:
  """Raises UserError where a section asks for what an optimiser or a system does not have."""
  if optim.get("flat", False) and (optim.name not in FLAT or optim.get("groups", {})):
    raise UserError(
        f"optim.flat sees all parameters as one vector: it goes with {', '.join(FLAT)} and without "
        f"optim.groups, so {optim.name} here cannot have it: use --config.optim.flat=False"
    )
  if optim.name == "radam" and not optim.b2:
    raise UserError("optim.name=radam needs a second moment: set optim.b2 above 0")
  if precision(optim) == "released_float16":
    if optim.name != "released_adam":
      raise UserError(
          "optim.precision=released_float16 is the arithmetic of released_adam, not of "
          f"{optim.name}: use --config.optim.precision=float32"
      )
    if not kinds.float16:
      raise UserError(
          "optim.precision=released_float16 needs to know which parameters are float16, and "
          f"{system} does not say it: use --config.optim.precision=float32"
      )
  if optim.get("released_gpus", 1) > 1 and kinds.after_gathering is None:
    raise UserError(
        f"optim.released_gpus={optim.released_gpus} needs to know which parameters come after the "
        f"gathering of features, and {system} does not say it: set it to 1"
    )


def keep(params: PyTree) -> PyTree:
  """What `settling` gives where nothing is to be done: callers need not compile it."""
  return params


def settling(
    optim: ConfigDict, kinds: ParameterKinds = NO_KINDS
) -> Callable[[PyTree], PyTree]:
  """What parameters go through where training begins and after every update.

  Returns:
    a function parameters -> parameters: float16 ones rounded, where the section asks for that.
  """
  if precision(optim) == "float32":
    return keep
  return functools.partial(released_float16.settle, kinds=kinds)


def from_config(
    optim: ConfigDict, total_steps: int, kinds: ParameterKinds = NO_KINDS, epoch: int = 0
) -> tuple[optax.GradientTransformation, optax.Schedule]:
  """(optimiser, schedule) of a config's `optim` section; its `name` is one of `OPTIMIZERS`.

  Where the section has `groups`, {any name: {"paths": regular expression, "lr": rate}}, parameters
  whose path one of them is found in have that rate in place of `optim.lr`, under the same schedule;
  see `scale_by_rates`. A group may be empty.

  Args:
    optim: the section.
    total_steps: of the whole run.
    kinds: which parameters are float16 under `precision=released_float16`, which ones
      `released_gpus` leaves whole, and which ones stay as they are.
    epoch: steps of an epoch, for the schedules of schedules.BY_EPOCHS.

  Returns:
    (optax.GradientTransformation, function of a step that is the rate `optim.lr` scheduled).

  Raises:
    UserError: on another name, one whose keys the section does not have, or a wrong expression.
  """
  name = optim.name
  if name not in OPTIMIZERS:
    raise UserError(
        f"optim.name={name!r} is not one of {', '.join(OPTIMIZERS)}"
        + did_you_mean(name, OPTIMIZERS)
    )
  if missing := [key for key in KEYS[name] if key not in optim]:
    fitting = [other for other in OPTIMIZERS if all(key in optim for key in KEYS[other])]
    raise UserError(
        f"optim.name={name} needs optim.{missing[0]}, which this configuration does not have: use "
        f"{' or '.join(fitting)}"
    )
  kind = schedules.schedule_of(optim)
  scheduled = functools.partial(
      schedules.SCHEDULES[kind], total_steps=total_steps, warmup=optim.warmup,
      stairs=optim.get("stairs", 0),
  )
  if kind in schedules.BY_EPOCHS:
    gamma = optim.get("gamma", schedules.GAMMA)
    scheduled = functools.partial(scheduled, epoch=epoch, gamma=gamma)
  steps = _steps(optim, scheduled, kinds)
  if kinds.frozen:
    still = [(pattern, 0.0) for pattern in kinds.frozen]
    steps = optax.chain(steps, scale_by_rates(still, 1.0))
  gpus = optim.get("released_gpus", 1)
  if gpus > 1:
    whole = [(pattern, 1.0) for pattern in kinds.after_gathering]
    steps = optax.chain(scale_by_rates(whole, 1 / gpus), steps)
  return steps, scheduled(optim.lr)


def _steps(optim, scheduled, kinds):
  """The optimiser on gradients as they are; `scheduled` makes the schedule of a rate."""
  rates, make = _rates(optim), OPTIMIZERS[optim.name]
  if precision(optim) == "released_float16":
    return released_float16_adam(optim, scheduled(1.0), rates, kinds)
  if not rates:
    steps = make(optim, scheduled(optim.lr))
    return optax.flatten(steps) if optim.get("flat", False) else steps
  # The rate comes last in all of them.
  steps = make(optim, scheduled(1.0))
  return optax.chain(steps, scale_by_rates(rates, optim.lr))
