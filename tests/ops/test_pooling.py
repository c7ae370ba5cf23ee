import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.ops import pooling

CASES = [  # window, strides, padding, shape; tests/modules has the pools of I3D
    ((1, 3, 3), (1, 2, 2), ((0, 0), (1, 1), (1, 1)), (2, 3, 9, 8, 4)),
    ((3, 3, 3), (2, 2, 2), ((0, 1), (1, 1), (1, 2)), (1, 6, 7, 8, 2)),
    ((1, 2, 2), (1, 3, 3), ((0, 0),) * 3, (1, 2, 8, 7, 2)),  # strides leave places out
    ((1, 1, 3), (1, 1, 2), ((0, 1), (0, 0), (1, 1)), (1, 2, 3, 5, 2)),  # padding alone, of time
]


@pytest.mark.parametrize("case", CASES)
def test_value_and_gradient_are_those_of_a_pool(case):
  window, strides, padding, shape = case
  # All values differ: of equal ones, each way of pooling chooses another.
  x = jax.random.permutation(jax.random.key(0), jnp.arange(np.prod(shape), dtype=jnp.float32))
  x = x.reshape(shape) - x.size / 2
  pool = lambda x: pooling._by_axes(x, window, strides, padding)
  theirs = lambda x: nn.max_pool(x, window, strides, padding)
  np.testing.assert_array_equal(pool(x), theirs(x))
  weights = jax.random.randint(jax.random.key(1), theirs(x).shape, 1, 9).astype(jnp.float32)
  ours, wanted = (jax.grad(lambda x, f=f: (weights * f(x)).sum())(x) for f in (pool, theirs))
  np.testing.assert_array_equal(ours, wanted)


def test_of_equal_values_one_has_the_whole_gradient():
  x = jnp.zeros((1, 4, 4, 4, 1), jnp.bfloat16)
  pool = lambda x: pooling._by_axes(x, (2, 2, 2), (2, 2, 2), ((0, 0),) * 3)
  found = jax.grad(lambda x: pool(x).sum())(x)
  wanted = np.zeros(x.shape)
  wanted[:, ::2, ::2, ::2] = 1
  np.testing.assert_array_equal(found.astype(jnp.float32), wanted)
  assert found.dtype == jnp.bfloat16
