import pytest

torch = pytest.importorskip("torch")

from sign_jax.modules.distribution import Distribution  # noqa: E402
from sign_jax.systems.upret import released_names as upret  # noqa: E402
from sign_jax.systems.upret.model import TokenWeight  # noqa: E402
from tests.torch import compare, reference  # noqa: E402

BATCH, LENGTH, DIM, HEADS = 3, 7, 64, 4


@pytest.mark.parametrize("side", ["video", "text"])
def test_distribution_module(side):
  torch.manual_seed(0)
  module, model = reference.Distribution(DIM, HEADS), Distribution(HEADS)
  x = compare.draw(0, BATCH, LENGTH, DIM)
  names = {"prefix": f"dist_{side}_trans.", "path": f"dist_{side}_trans"}
  variables = compare.carry(module, model, (x,), upret.NAMES, **names)
  expected = module(torch.from_numpy(x))
  cotangents = [compare.draw(seed, *x.shape) for seed in (1, 2)]
  torch.autograd.backward(expected, [torch.from_numpy(c) for c in cotangents])
  out, grads = compare.gradients(model, variables, (x,), cotangents)
  for ours, theirs in zip(out, expected, strict=True):
    compare.assert_close(ours, theirs)
  compare.check_gradients(module, grads, upret.NAMES, **names)


@pytest.mark.parametrize("side", ["video", "text"])
def test_token_weights(side):
  torch.manual_seed(1)
  module, model = reference.token_weight(DIM), TokenWeight()
  x = compare.draw(0, BATCH, LENGTH, DIM)
  names = {"prefix": f"{side}_weight_fc.", "path": f"{side}_weight_fc"}
  variables = compare.carry(module, model, (x,), upret.NAMES, **names)
  expected = module(torch.from_numpy(x))[..., 0]
  cotangent = compare.draw(1, BATCH, LENGTH)
  expected.backward(torch.from_numpy(cotangent))
  out, grads = compare.gradients(model, variables, (x,), [cotangent])
  compare.assert_close(out, expected)
  compare.check_gradients(module, grads, upret.NAMES, **names)
