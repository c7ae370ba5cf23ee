import jax.numpy as jnp
import numpy as np

from sign_jax.ops.contrastive import diagonal_cross_entropy, symmetric_loss


def test_uniform_logits_cost_log_batch():
  assert np.isclose(diagonal_cross_entropy(jnp.zeros((7, 7))), np.log(7))


def test_symmetric_loss_is_the_mean_of_four_terms():
  rng = np.random.default_rng(0)
  i2t, t2i = rng.standard_normal((2, 5, 5))

  def cross_entropy(x):
    return np.mean([np.log(np.exp(row).sum()) - row[i] for i, row in enumerate(x)])

  expected = np.mean([cross_entropy(x) for x in (i2t, i2t.T, t2i, t2i.T)])
  got = symmetric_loss(jnp.asarray(i2t), jnp.asarray(t2i))
  np.testing.assert_allclose(got, expected, rtol=1e-6)
