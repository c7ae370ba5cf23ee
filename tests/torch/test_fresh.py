"""Initial values against those of PyTorch's own layers: their bound and their spread."""

import pytest

torch = pytest.importorskip("torch")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

from sign_jax.weights import fresh  # noqa: E402

LAYERS = {  # and the shape of our kernel
    "Linear": (lambda: torch.nn.Linear(200, 400), (200, 400)),
    "Conv1d": (lambda: torch.nn.Conv1d(40, 400, 5), (5, 40, 400)),
    "Conv2d": (lambda: torch.nn.Conv2d(200, 400, 1), (200, 400)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_values_spread_as_those_of_pytorch(name):
  make, shape = LAYERS[name]
  torch.manual_seed(0)
  theirs = make()
  ours = fresh.as_released(
      {"params": {"a": {"kernel": jnp.zeros(shape), "bias": jnp.zeros(shape[-1])}}},
      {".+": "uniform"}, jax.random.key(0),
  )["params"]["a"]
  for kind, other, close in (("kernel", theirs.weight, 0.005), ("bias", theirs.bias, 0.08)):
    one, other = ours[kind], other.detach().numpy()
    quantiles = [np.quantile(x, [0.02, 0.25, 0.5, 0.75, 0.98]) for x in (np.asarray(one), other)]
    np.testing.assert_allclose(*quantiles, atol=2 * close * np.abs(other).max())
    assert np.std(one) == pytest.approx(np.std(other), rel=close)
    assert np.abs(one).max() == pytest.approx(np.abs(other).max(), rel=0.02)
