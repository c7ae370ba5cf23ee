"""RAdam as SPOT-ALIGN's released program has it: Adam whose first steps are those of momentum.

Source: Liu et al., "On the variance of the adaptive learning rate and beyond" (ICLR 2020).
"""

import math

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

LEAST = 5.0  # length of the average below which steps are not adaptive
_SERIES_BELOW = 0.5
# x / (exp(x) - 1) = 1 - x / 2 + x^2 / 12 - x^4 / 720 + ...: the terms from x / 2 on, from x^1 up.
_SERIES = (1 / 2, -1 / 12, 0.0, 1 / 720, 0.0, -1 / 30240, 0.0, 1 / 1209600)


def average_length(step: Int[ArrayLike, ""], b2: float) -> Float[Array, ""]:
  """How many gradients Adam's second moment averages over, by the paper's approximation.

  r = r_max - 2 t b2^t / (1 - b2^t) with r_max = 2 / (1 - b2) - 1, in a form that float32 holds:
  at b2 = 0.999 and the first steps, the two terms are 2000 and differ by t.

  Args:
    step: t, () int from 1 on.
    b2: the second moment's.

  Returns:
    () float32.
  """
  rate = -math.log(b2)
  x = jnp.asarray(step, jnp.float32) * rate
  series = x * jnp.polyval(jnp.asarray(_SERIES[::-1], jnp.float32), x)
  direct = 1 - x / jnp.expm1(jnp.maximum(x, _SERIES_BELOW))
  rest = 2 / (1 - b2) - 1 - 2 / rate
  return rest + 2 / rate * jnp.where(x < _SERIES_BELOW, series, direct)


def rectification(step: Int[ArrayLike, ""], b2: float) -> tuple[Array, Array]:
  """(whether a step is adaptive, what then multiplies m / sqrt(v)); () bool and () float32.

  The factor holds the correction of v, and not that of m.

  Args:
    step: t, () int from 1 on.
    b2: the second moment's.
  """
  longest = 2 / (1 - b2) - 1
  length = average_length(step, b2)
  adaptive = length >= LEAST
  length = jnp.maximum(length, LEAST)
  correction = -jnp.expm1(jnp.asarray(step, jnp.float32) * math.log(b2))
  share = (length - 4) * (length - 2) / length * (longest / ((longest - 4) * (longest - 2)))
  return adaptive, jnp.sqrt(correction * share)


def scale_by_radam(b1: float, b2: float, eps: float) -> optax.GradientTransformation:
  """Gradients -> steps: corrected momentum, and from the sixth step on (b2 = 0.999) Adam's, scaled.

  Args:
    b1, b2: of the two moments, neither of which is corrected where it is kept.
    eps: added to the root of the uncorrected second moment.
  """

  def init(params):
    zeros = lambda: jax.tree.map(jnp.zeros_like, params)
    return optax.ScaleByAdamState(count=jnp.zeros([], jnp.int32), mu=zeros(), nu=zeros())

  def update(updates, state, params=None):
    del params
    count = state.count + 1
    mu = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, state.mu, updates)
    nu = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, state.nu, updates)
    adaptive, factor = rectification(count, b2)
    corrected = -jnp.expm1(count.astype(jnp.float32) * math.log(b1)) if b1 else jnp.float32(1)
    step = lambda m, v: jnp.where(adaptive, factor * m / (jnp.sqrt(v) + eps), m) / corrected
    return jax.tree.map(step, mu, nu), optax.ScaleByAdamState(count=count, mu=mu, nu=nu)

  return optax.GradientTransformation(init, update)


def radam(
    schedule: optax.Schedule, *, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> optax.GradientTransformation:
  """`scale_by_radam`, after the decay of every parameter.

  Args:
    schedule: step (from 0) -> learning rate.
    b1, b2, eps: see `scale_by_radam`.
    weight_decay: a parameter first loses rate * weight_decay of itself.
  """
  moments = scale_by_radam(b1, b2, eps)

  def update(updates, state, params):
    rate = schedule(state.count)
    steps, state = moments.update(updates, state)
    # Rounded after the decay, which is small beside its parameter, as the released program is; the
    # difference of what is so close is exact.
    new = lambda p, step: (p - weight_decay * rate * p) - rate * step
    return jax.tree.map(lambda p, step: new(p, step) - p, params, steps), state

  return optax.GradientTransformation(moments.init, update)
