"""The arithmetic in which the released programs update float16 parameters, on any device.

CiCo, UPRet and SEDS turn the matrices of their towers into float16 (CLIP's `convert_weights`) and
never back: gradients, moments and updates of these are float16 too, without a float32 copy and
without loss scaling. docs/precision.md says what that does to training.

Arrays stay float32 and hold float16 values here. So checkpoints, shardings, digests and models are
those of any run, devices without float16 arithmetic compute the same, and no compiler can widen a
result that is to be rounded.
"""

import functools
import re
from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Float32, PyTree

from sign_jax.protocols import ParameterKinds

LARGEST = 65504.0
_BITS, _SMALLEST = 10, -24  # of the fraction; the exponent of the least number above 0
_FRACTION, _BIAS = 23, 127  # of float32


def half(x: Float[ArrayLike, "*shape"]) -> Float32[Array, "*shape"]:
  """The nearest float16 number as float32: ties to even, subnormals kept, infinite beyond 65504.

  No cast: XLA may leave one to float16 and back out, and `lax.reduce_precision` takes subnormals to
  0, which are what this is about.
  """
  x = jnp.asarray(x, jnp.float32)
  bits = lax.bitcast_convert_type(x, jnp.int32)
  exponent = ((bits >> _FRACTION) & 0xFF) - _BIAS
  place = jnp.maximum(exponent - _BITS, _SMALLEST)  # exponent of the last digit's unit
  power = lambda n: lax.bitcast_convert_type((n + _BIAS) << _FRACTION, jnp.float32)
  rounded = lax.round(x * power(-place), lax.RoundingMethod.TO_NEAREST_EVEN) * power(place)
  return jnp.where(jnp.abs(rounded) > LARGEST, jnp.copysign(jnp.inf, rounded), rounded)


def _exact(x):
  return jnp.asarray(x, jnp.float32)


def mask(tree: PyTree, kinds: ParameterKinds) -> PyTree[bool]:
  """Which parameters are float16, by their paths ("visual/proj")."""

  def is_float16(path, _):
    name = jax.tree_util.keystr(path, simple=True, separator="/")
    return any(re.search(pattern, name) for pattern in kinds.float16)

  return jax.tree_util.tree_map_with_path(is_float16, tree)


def _map(function, kinds, tree, *rest):
  """`function(h, leaf, ...)` of all leaves; h rounds those of float16 parameters."""
  of_leaf = lambda yes, *leaves: function(half if yes else _exact, *leaves)
  return jax.tree.map(of_leaf, mask(tree, kinds), tree, *rest)


def settle(params: PyTree[ArrayLike], kinds: ParameterKinds) -> PyTree[Array]:
  """Parameters with the float16 ones among them rounded, as every update leaves them."""
  return _map(lambda h, p: h(p), kinds, params)


def _norm(h, g):
  return h(jnp.sqrt(jnp.sum(jnp.square(g))))


def clip_jointly(
    gradients: PyTree[ArrayLike], kinds: ParameterKinds, max_norm: float, eps: float
) -> PyTree[Array]:
  """g = h(g c), c = min(1, max_norm / (norm + eps)), the norm is that of the rounded norms."""
  norms = jax.tree.leaves(_map(_norm, kinds, gradients))
  norm = jnp.sqrt(sum(jnp.square(x) for x in norms))
  factor = jnp.minimum(1.0, max_norm / (norm + eps))
  return _map(lambda h, g: h(g * factor), kinds, gradients)


def _clip_alone(h, g, max_norm, eps):
  factor = jnp.minimum(1.0, h(max_norm / h(_norm(h, g) + eps)))
  return h(g * factor)


def _first_moment(h, m, g, b1):
  return h(h(b1 * m) + h(1 - b1) * g)


def _second_moment(h, v, g, b2):
  return h(h(b2 * v) + ((1 - b2) * g) * g)


def _direction(h, m, v, eps):
  return h(m / h(h(jnp.sqrt(v)) + eps))


def adam(
    schedule: optax.Schedule,
    rates: Callable[[PyTree], PyTree[float]],
    kinds: ParameterKinds,
    *,
    decays: Callable[[PyTree], PyTree[bool]],
    b1: float = 0.9,
    b2: float = 0.98,
    eps: float = 1e-6,
    weight_decay: float = 0.001,
    clip_norm: float = 1.0,
    clip_eps: float = 1e-6,
    joint: bool = True,
) -> optax.GradientTransformation:
  """`optim.released_adam` in the released arithmetic; after each update `settle` is due.

  Inner arithmetic and constants are float32, 1 - b1 is rounded. Updates are h(rate u), to be added
  to a parameter and rounded with it.

  Args:
    schedule: step (from 0) -> share of the rates.
    rates: tree of parameters -> each one's rate.
    kinds: which parameters are float16.
    decays: tree of parameters -> whether each decays.
    b1, b2, eps, weight_decay, clip_norm: as for `optim.released_adam`.
    clip_eps: added to norms before dividing.
    joint: whether all gradients are clipped together before each is by itself.
  """

  def init(params):
    zeros = lambda: jax.tree.map(jnp.zeros_like, params)
    return optax.ScaleByAdamState(count=jnp.zeros([], jnp.int32), mu=zeros(), nu=zeros())

  def update(updates, state, params):
    gradients = settle(updates, kinds)  # a gradient has its parameter's dtype
    if joint:
      gradients = clip_jointly(gradients, kinds, clip_norm, clip_eps)
    clip = functools.partial(_clip_alone, max_norm=clip_norm, eps=clip_eps)
    gradients = _map(clip, kinds, gradients)
    mu = _map(functools.partial(_first_moment, b1=b1), kinds, state.mu, gradients)
    nu = _map(functools.partial(_second_moment, b2=b2), kinds, state.nu, gradients)
    steps = _map(functools.partial(_direction, eps=eps), kinds, mu, nu)
    decay = lambda h, u, p, yes: h(u + h(weight_decay * p)) if yes else u
    steps = _map(decay, kinds, steps, params, decays(params))
    share = schedule(state.count)
    steps = _map(lambda h, u, rate: -h(rate * share * u), kinds, steps, rates(params))
    return steps, optax.ScaleByAdamState(count=state.count + 1, mu=mu, nu=nu)

  return optax.GradientTransformation(init, update)
