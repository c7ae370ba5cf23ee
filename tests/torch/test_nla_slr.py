"""Pieces of NLA-SLR's network against PyTorch.

In float64: BatchNorm over few positions makes much of rounding.
"""

import pytest

torch = pytest.importorskip("torch")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

from sign_jax.modules import lateral, s3d  # noqa: E402
from sign_jax.systems.nla_slr import released_names as table  # noqa: E402
from sign_jax.weights import convert  # noqa: E402
from tests.reference import nla_slr as reference  # noqa: E402
from tests.torch import compare  # noqa: E402
from tests.torch.test_i3d import theirs_of, unsettle  # noqa: E402
from tests.torch.wide import draw, wide  # noqa: E402, F401

WIDTH = 1 / 8
TOLERANCE = 1e-8


def state_of(module, prefix=""):
  return {f"{prefix}{name}": x.numpy() for name, x in module.state_dict().items()}


def test_a_block_of_s3d():
  """Output, gradients and running statistics in training."""
  module = reference.Stream(3, WIDTH).train()
  unsettle(module)
  number, x = 3, np.maximum(draw(1, 2, 6, 10, 11, 24), 0)
  model, name = s3d.S3D(WIDTH, jnp.float64), "video_long"
  shapes = jax.eval_shape(model.init, jax.random.key(0), np.zeros((1, 16, 40, 40, 3)))
  target = {kind: {name: tree} for kind, tree in shapes.items()}
  prefix = table.stream(name)
  state = state_of(module.backbone, prefix)
  merged = convert.merge(target, state, table.NAMES, table.IGNORE)
  variables = {kind: tree[name] for kind, tree in merged.items()}
  expected = module.backbone.block(number - 1, theirs_of(x))
  cotangent = draw(9, *np.moveaxis(expected.detach().numpy(), 1, -1).shape)
  expected.backward(theirs_of(cotangent))

  def total(params):
    out, updates = model.apply(
        {**variables, "params": params}, number, x, True, method="block", mutable=["batch_stats"]
    )
    return (out * cotangent).sum(), (out, updates)

  found = jax.jit(jax.value_and_grad(total, has_aux=True))(variables["params"])
  (_, (out, updates)), grads = found
  compare.assert_close(jnp.moveaxis(out, -1, 1), expected, "output", TOLERANCE)
  ours = convert.export({"params": {name: grads}}, table.NAMES)
  used = {f"{prefix}{key}": p.grad for key, p in module.backbone.named_parameters()
          if p.grad is not None}  # fmt: skip
  assert len(used) > 3
  for key, grad in used.items():
    compare.assert_close(ours[key], grad, key, TOLERANCE)
  ours = convert.export({"batch_stats": {name: updates["batch_stats"]}}, table.NAMES)
  theirs = state_of(module.backbone, prefix)
  for key, x in ours.items():
    compare.assert_close(x, torch.from_numpy(theirs[key]), key, TOLERANCE)


@pytest.mark.parametrize(("kind", "source", "target"), [
    ("smaller", (4, 7, 6), (4, 4, 3)), ("larger", (4, 4, 3), (4, 7, 6)),
    ("shorter", (7, 4, 3), (4, 4, 3)), ("longer", (4, 4, 3), (7, 4, 3)),
])  # fmt: skip
def test_a_lateral_connection(kind, source, target):
  """Both directions, odd and even sizes, with gradients of the kernel and of what it reads."""
  module = reference.Lateral(5, kind in ("shorter", "longer"), kind in ("larger", "longer"))
  layout = convert.TRANSPOSED_CONV if module.transposed else convert.CONV
  x, y = draw(1, 2, *source, 5), draw(2, 2, *target, 5)
  read = theirs_of(x).requires_grad_()
  expected = module(read, theirs_of(y))
  cotangent = draw(3, 2, *target, 5)
  expected.backward(theirs_of(cotangent))
  weight = module.conv.weight

  def total(kernel, x):
    out = lateral.Lateral(kind).apply({"params": {"conv": {"kernel": kernel}}}, x, y)
    return (out * cotangent).sum(), out

  step = jax.jit(jax.value_and_grad(total, (0, 1), has_aux=True))
  (_, out), (of_kernel, of_x) = step(jnp.asarray(layout.to_flax(weight.detach().numpy())), x)
  compare.assert_close(jnp.moveaxis(out, -1, 1), expected, "output", TOLERANCE)
  compare.assert_close(layout.to_torch(of_kernel), weight.grad, "kernel", TOLERANCE)
  compare.assert_close(jnp.moveaxis(of_x, -1, 1), read.grad, "input", TOLERANCE)
