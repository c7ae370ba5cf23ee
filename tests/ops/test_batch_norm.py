"""BatchNorm with a ReLU behind: what JAX derives of the definition is the reference."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.ops.batch_norm import batch_norm_relu

EPSILON = 1e-3


def plain(x, scale, bias):
  mean, var = x.mean((0, 1)), x.var((0, 1))
  wide = lambda c: c[None, None]
  y = (x - wide(mean)) * wide(scale / jnp.sqrt(var + EPSILON)) + wide(bias)
  return jax.nn.relu(y), mean, var


@pytest.fixture
def case():
  rng = np.random.default_rng(0)
  draw = lambda *shape: rng.standard_normal(shape)
  x, scale, bias = 3 * draw(4, 6, 5) + 2, 1 + 0.2 * draw(5), 0.2 * draw(5)
  return (x, scale, bias), draw(4, 6, 5)


def test_values_and_gradients(case):
  args, cotangent = case
  with jax.enable_x64(True):
    total = lambda f: lambda *args: (f(*args)[0] * cotangent).sum()
    ours = lambda *args: batch_norm_relu(*args, EPSILON)
    for found, expected in zip(ours(*args), plain(*args), strict=True):
      np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    found, expected = (jax.grad(total(f), (0, 1, 2))(*args) for f in (ours, plain))
    for a, b in zip(found, expected, strict=True):
      np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_bfloat16_is_computed_in_float32(case):
  (x, scale, bias), cotangent = case
  x, scale, bias = (jnp.float32(value) for value in (x, scale, bias))
  narrow = x.astype(jnp.bfloat16)
  y, mean, var = batch_norm_relu(narrow, scale, bias, EPSILON)
  assert y.dtype == jnp.bfloat16 and mean.dtype == var.dtype == jnp.float32
  exact, _, expected = plain(narrow.astype(jnp.float32), scale, bias)
  np.testing.assert_allclose(var, expected, rtol=1e-5)
  np.testing.assert_allclose(jnp.float32(y), exact, rtol=1e-2, atol=1e-2)
  _, back = jax.vjp(lambda x: batch_norm_relu(x, scale, bias, EPSILON)[0], narrow)
  assert back(jnp.asarray(cotangent, jnp.bfloat16))[0].dtype == jnp.bfloat16
