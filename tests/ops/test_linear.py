"""The product with weights and its gradients against JAX's own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.modules.linear import Dense
from sign_jax.ops import linear


def arrays(lead, dtype=jnp.float32):
  keys = jax.random.split(jax.random.key(0), 3)
  shapes = (*lead, 5), (5, 7), (*lead, 7)
  return [jax.random.normal(key, shape, dtype) for key, shape in zip(keys, shapes, strict=True)]


@pytest.mark.parametrize("lead", [(), (3,), (2, 3), (2, 3, 4)])
def test_value_and_gradients(lead):
  x, kernel, grad = arrays(lead)
  found, back = jax.vjp(linear.product, x, kernel)
  expected, expected_back = jax.vjp(jnp.matmul, x, kernel)
  np.testing.assert_allclose(found, expected, rtol=1e-6)
  for ours, theirs in zip(back(grad), expected_back(grad), strict=True):
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_gradients_keep_the_dtype():
  x, kernel, grad = arrays((2, 3), jnp.bfloat16)
  _, back = jax.vjp(linear.product, x, kernel)
  assert {found.dtype for found in back(grad)} == {jnp.dtype("bfloat16")}


def test_nothing_is_transposed():
  x, kernel, grad = arrays((2, 3))

  def gradients(product):
    return str(jax.make_jaxpr(lambda *given: jax.vjp(product, *given)[1](grad))(x, kernel))

  assert "transpose[" in gradients(jnp.matmul)
  assert "transpose[" not in gradients(linear.product)


def test_a_layer_is_that_of_flax():
  x, _, _ = arrays((2, 3))
  layer = Dense(7)
  variables = layer.init(jax.random.key(1), x)
  kernel, bias = (variables["params"][name] for name in ("kernel", "bias"))
  expected = x @ kernel + bias[None, None]
  np.testing.assert_allclose(layer.apply(variables, x), expected, rtol=1e-6)
  with pytest.raises(ValueError, match="default precision"):
    Dense(7, precision="highest").apply(variables, x)
