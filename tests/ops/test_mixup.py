import jax
import jax.numpy as jnp
import numpy as np

from sign_jax.ops import mixup


def test_arrays_and_labels_are_blended_alike():
  blend = mixup.Mixup(jnp.float32(0.25))
  x = jnp.arange(12.0).reshape(3, 2, 2)
  expected = 0.25 * x + 0.75 * x[jnp.array([2, 0, 1])]
  np.testing.assert_allclose(mixup.apply(blend, x), expected)
  np.testing.assert_array_equal(mixup.others(jnp.array([7, 8, 9])), [9, 7, 8])
  assert mixup.apply(blend, x.astype(jnp.bfloat16)).dtype == jnp.bfloat16


def test_a_share_of_one_leaves_a_batch_as_it_is():
  blend = mixup.Mixup(jnp.float32(1))
  x = jax.random.normal(jax.random.key(0), (2, 5))
  np.testing.assert_array_equal(mixup.apply(blend, x), x)


def test_draws():
  draw = jax.jit(jax.vmap(lambda key: mixup.draw(key, 0.75)))
  drawn = draw(jax.random.split(jax.random.key(0), 4000))
  blended = np.asarray(drawn.share[drawn.share < 1])
  assert abs(len(blended) / 4000 - 0.75) < 0.03
  # Of Beta(a, a) the mean is 1/2 and the variance 1 / (4 (2 a + 1)).
  assert abs(blended.mean() - 0.5) < 0.02
  assert abs(blended.var() - 1 / (4 * 2.6)) < 0.005
  assert mixup.draw(jax.random.key(1), 0.0).share == 1
