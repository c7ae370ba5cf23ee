import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.systems.cico.model import Tokens
from sign_jax.systems.upret.model import refine_tokens


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32])
def test_refined_tokens_are_means_with_samples_in_their_own_dtype(dtype):
  draw = lambda *shape: np.random.default_rng(0).standard_normal(shape, np.float32)
  features = jnp.asarray(draw(2, 3, 4), dtype)
  tokens = Tokens(features, jnp.ones((2, 3), bool), jnp.ones((2, 3)))
  samples = draw(2, 2, 3, 4)
  video, text, text_aug = refine_tokens(tokens, tokens, tokens, samples, 2 * samples)
  assert text is tokens
  for found, factor in ((video, 1), (text_aug, 2)):
    assert found.features.dtype == dtype
    expected = (np.asarray(features, np.float32) + factor * samples.sum(0)) / 3
    np.testing.assert_allclose(np.asarray(found.features, np.float32), expected, rtol=1e-2)
