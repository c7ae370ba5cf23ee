import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.ops.maximum import max_over


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_value_and_gradient(axis):
  x = jax.random.normal(jax.random.key(0), (3, 4, 5))
  np.testing.assert_array_equal(max_over(x, axis), x.max(axis))
  ours, theirs = (
      jax.grad(lambda x, f=f: jnp.sin(f(x)).sum())(x)
      for f in (lambda x: max_over(x, axis), lambda x: x.max(axis))
  )
  np.testing.assert_array_equal(ours, theirs)


def test_of_equal_elements_the_first_has_the_whole_gradient():
  np.testing.assert_array_equal(
      jax.grad(lambda x: max_over(x, 0))(jnp.array([1.0, 2.0, 2.0])), [0.0, 1.0, 0.0]
  )
