"""Gradients of a batch in parts against those of the batch in one piece."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from sign_jax.errors import UserError
from sign_jax.train import accumulation
from sign_jax.train.state import TrainState


def compute(state, batch, key, draws=False):
  """A mean over examples, with running statistics that remember the order of the parts."""

  def loss(params):
    x = batch["x"] + (jax.random.normal(key, batch["x"].shape) if draws else 0)
    value = jnp.mean((x @ params["w"]) ** 2)
    statistics = 0.5 * state.model_state["mean"] + 0.5 * batch["x"].mean(0)
    return value, ({"seen": batch["x"].mean()}, {"mean": statistics})

  return jax.value_and_grad(loss, has_aux=True)(state.params)


@pytest.fixture
def state():
  params = {"w": jnp.arange(3.0)}
  return TrainState(jnp.int32(0), params, {"mean": jnp.zeros(3)}, ())


@pytest.fixture
def batch():
  return {"x": jax.random.normal(jax.random.key(1), (8, 3))}


def test_the_mean_over_parts_is_that_of_the_batch(state, batch):
  key = jax.random.key(0)
  (loss, (metrics, _)), grads = compute(state, batch, key)
  run = jax.jit(functools.partial(accumulation.gradients, compute, parts=4))
  (found, (seen, model_state)), summed = run(state, batch, key)
  np.testing.assert_allclose(found, loss, rtol=1e-6)
  np.testing.assert_allclose(summed["w"], grads["w"], rtol=1e-6)
  np.testing.assert_allclose(seen["seen"], metrics["seen"], rtol=1e-5)
  running = np.zeros(3)
  for part in range(4):  # as `gradient_cache.split` cuts
    running = 0.5 * running + 0.5 * np.asarray(batch["x"])[part::4].mean(0)
  np.testing.assert_allclose(model_state["mean"], running, rtol=1e-6)


def test_every_part_draws_for_itself(state):
  same = {"x": jnp.ones((4, 3))}
  noisy = functools.partial(compute, draws=True)
  one = lambda parts: accumulation.gradients(noisy, state, same, jax.random.key(0), parts)[0][0]
  # With the same draw in every part, the mean over two equal halves would be that of one half.
  half = {"x": same["x"][:2]}
  first = noisy(state, half, jax.random.fold_in(jax.random.key(0), 0))[0][0]
  assert abs(float(one(2)) - float(first)) > 1e-3


def test_a_batch_that_does_not_divide_is_named():
  config = ConfigDict({"accumulate": 3})
  with pytest.raises(UserError, match="batch_size=8 .* accumulate=3 x 1"):
    accumulation.parts_of(config, 8, 1)
  assert accumulation.parts_of(ConfigDict({"accumulate": 2}), 8, 2) == 2
  assert accumulation.parts_of(ConfigDict(), 7, 2) == 1
