"""Pieces of NLA-SLR's network and a whole training step against PyTorch."""

import pytest

torch = pytest.importorskip("torch")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

from sign_jax.modules import lateral, s3d  # noqa: E402
from sign_jax.systems.nla_slr import model as vknet  # noqa: E402
from sign_jax.systems.nla_slr import released_names as table  # noqa: E402
from sign_jax.weights import convert  # noqa: E402
from tests.reference import nla_slr as reference  # noqa: E402
from tests.torch import compare  # noqa: E402
from tests.torch.test_i3d import theirs_of, unsettle  # noqa: E402

WIDTH = 1 / 8


def state_of(module, prefix=""):
  return {f"{prefix}{name}": x.numpy() for name, x in module.state_dict().items()}


@pytest.fixture
def wide():
  """float64 on both sides: BatchNorm of few positions makes much of rounding."""
  torch.set_default_dtype(torch.float64)
  with jax.enable_x64(True):
    yield
  torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("number", [1, 4])
def test_a_block_of_s3d(wide, number):
  """Output, gradients, running statistics."""
  torch.manual_seed(number)
  module = reference.Stream(3, WIDTH).double().train()
  unsettle(module)
  channels = {1: 3, 4: 60}[number]
  x = np.maximum(compare.draw(number, 2, 6, 10, 11, channels), 0).astype(np.float64)
  model = s3d.S3D(WIDTH, jnp.float64)
  shapes = jax.eval_shape(model.init, jax.random.key(0), np.zeros((1, 16, 40, 40, 3)))
  name = "video_long"
  target = {kind: {name: tree} for kind, tree in shapes.items()}
  state = state_of(module, table.stream(name).removesuffix("backbone."))
  variables = convert.merge(target, state, table.NAMES, table.IGNORE)
  variables = {kind: tree[name] for kind, tree in variables.items()}
  expected = module.backbone.block(number, theirs_of(x))
  cotangent = compare.draw(9, *np.moveaxis(expected.detach().numpy(), 1, -1).shape)
  expected.backward(theirs_of(cotangent).double())

  @jax.jit
  @jax.grad
  def gradients(params):
    out, updates = model.apply(
        {**variables, "params": params}, number, x, True, method="block", mutable=["batch_stats"]
    )
    seen.append(None)
    return (out * cotangent).sum()

  seen = []
  del gradients
