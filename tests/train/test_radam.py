"""RAdam step by step in float64, its warm-up's length exactly, and the schedule by epochs."""

from fractions import Fraction

import jax
import ml_collections
import numpy as np
import pytest

from sign_jax.errors import UserError
from sign_jax.train import optim, radam

SHAPES = {"kernel": (4, 3), "bias": (3,), "scale": ()}
LR, GAMMA, EPOCH, DECAY = 0.05, 0.7, 3, 0.1


def tree(seed, scale=1.0):
  rng = np.random.default_rng(seed)
  draw = lambda shape: np.asarray(scale * rng.standard_normal(shape), np.float32)
  return {name: draw(shape) for name, shape in SHAPES.items()}


def exact_length(t, b2):
  b2 = Fraction(str(b2))
  return 2 / (1 - b2) - 1 - 2 * t * b2**t / (1 - b2**t)


@pytest.mark.parametrize("b2", [0.999, 0.98, 0.9])
@pytest.mark.parametrize("t", [1, 2, 5, 6, 7, 60, 499, 502, 2000])
def test_the_average_is_as_long_as_exact_arithmetic_says(t, b2):
  expected = exact_length(t, b2)
  assert float(radam.average_length(t, b2)) == pytest.approx(float(expected), rel=1e-6)
  adaptive, factor = radam.rectification(t, b2)
  assert bool(adaptive) == (expected >= 5)
  if adaptive:
    b2 = Fraction(str(b2))
    longest = 2 / (1 - b2) - 1
    share = (expected - 4) * (expected - 2) * longest / ((longest - 4) * (longest - 2) * expected)
    assert float(factor) == pytest.approx(float((1 - b2**t) * share) ** 0.5, rel=1e-6)


def reference(params, gradients, b1=0.9, b2=0.999, eps=1e-8):
  """Parameters after every step in float64: decay comes first, of every parameter."""
  params = {name: np.asarray(x, np.float64) for name, x in params.items()}
  m, v = ({name: np.zeros_like(x) for name, x in params.items()} for _ in range(2))
  for t, gradient in enumerate(gradients, start=1):
    lr, length = LR * GAMMA ** ((t - 1) // EPOCH), float(exact_length(t, b2))
    longest = 2 / (1 - b2) - 1
    for name, p in params.items():
      g = np.asarray(gradient[name], np.float64)
      m[name], v[name] = b1 * m[name] + (1 - b1) * g, b2 * v[name] + (1 - b2) * g * g
      p = p - DECAY * lr * p
      if length < 5:
        params[name] = p - lr / (1 - b1**t) * m[name]
        continue
      share = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
      c = np.sqrt((1 - b2**t) * share)
      params[name] = p - lr * c / (1 - b1**t) * m[name] / (np.sqrt(v[name]) + eps)
    yield dict(params)


def section(**changes):
  return ml_collections.ConfigDict({
      "name": "radam", "lr": LR, "schedule": "exponential", "gamma": GAMMA, "warmup": 0.0,
      "b1": 0.9, "b2": 0.999, "eps": 1e-8, "weight_decay": DECAY, **changes,
  })


@pytest.mark.parametrize("flat", [False, True])
def test_twelve_steps(flat):
  transform, schedule = optim.from_config(section(flat=flat), 100, epoch=EPOCH)
  params, gradients = tree(0), [tree(1 + step) for step in range(12)]
  state, update = transform.init(params), jax.jit(transform.update)
  for step, expected in enumerate(reference(params, gradients)):
    assert float(schedule(step)) == pytest.approx(LR * GAMMA ** (step // EPOCH), rel=1e-6)
    updates, state = update(gradients[step], state, params)
    params = jax.tree.map(lambda p, u: np.asarray(p + u), params, updates)
    for name, value in params.items():
      np.testing.assert_allclose(value, expected[name], rtol=2e-5, atol=1e-6, err_msg=name)


def test_a_rate_that_falls_by_epochs_does_not_depend_on_how_many_there_are():
  rates = [optim.from_config(section(), total, epoch=EPOCH)[1](7) for total in (8, 800)]
  assert rates[0] == rates[1] == pytest.approx(LR * GAMMA**2)


def test_a_section_without_gamma_has_the_released_one():
  given = section()
  del given["gamma"]
  assert float(optim.from_config(given, 10, epoch=2)[1](4)) == pytest.approx(LR * 0.95**2)


def test_no_second_moment_is_refused():
  with pytest.raises(UserError, match="optim.name=radam needs a second moment: set optim.b2"):
    optim.check(section(b2=0.0), optim.NO_KINDS, "spot_align")
