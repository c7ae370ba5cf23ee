"""Other ways to compute the same attention; tests/torch compares the blocks with PyTorch's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.errors import UserError
from sign_jax.modules import transformer
from sign_jax.systems import registry


@pytest.mark.parametrize("length", [4, 5])
def test_a_token_that_makes_the_length_even_changes_nothing(length):
  keys = jax.random.split(jax.random.key(0), 3)
  q, k, v = (jax.random.normal(key, (2, length, 3, 8)) for key in keys)
  mask = jnp.array([[True] * length, [False] + [True] * (length - 1)])
  padded = transformer.pad_to_even(q, k, v, mask)
  assert all(x.shape[1] == length + length % 2 for x in padded)
  expected = transformer.attend(q, k, v, mask, False, "xla")
  found = transformer.attend(*padded, False, "xla")[:, :length]
  np.testing.assert_allclose(found, expected, atol=1e-6)
  assert float(abs(expected).max()) > 0.1


@pytest.mark.parametrize(("settings", "message"), [
    ({"model.attention": "cudnn"}, "model.attention=cudnn needs bfloat16 on an NVIDIA GPU"),
    ({"model.attention": "cudn"}, "attention='cudn' is not one of xla, cudnn"),
])
def test_attention_that_is_not_to_be_had_is_refused(settings, message):
  config = registry.get("cico").config("signing_sim")
  config.update_from_flattened_dict(settings)
  with pytest.raises(UserError, match=message):
    registry.get("cico").build(config.model, {"video_valid": [[8], "bool"]})
