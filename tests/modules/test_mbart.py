import jax
import numpy as np
import pytest

from sign_jax.modules import mbart

MODEL = mbart.MBartEncoder(20, 8, 1, 2, 12, positions=6)


@pytest.fixture(scope="module")
def variables():
  return jax.jit(MODEL.init)(jax.random.key(0), np.ones((1, 4), int))


def test_padding_changes_no_token(variables):
  ids = np.array([[5, 7, 2, 4]])
  short = MODEL.apply(variables, ids)
  padded = MODEL.apply(variables, np.pad(ids, ((0, 0), (0, 2)), constant_values=mbart.PAD))
  np.testing.assert_allclose(padded[:, :4], short, atol=1e-5)
  other = MODEL.apply(variables, np.array([[5, 7, 2, 9]]))
  assert np.abs(np.asarray(other - short)[0, 0]).max() > 1e-3  # all others are read


def test_more_tokens_than_positions_are_refused(variables):
  with pytest.raises(ValueError, match="7 tokens are more than the 6 positions"):
    MODEL.apply(variables, np.ones((1, 7), int))
