"""Pieces of TwoStream-SLR's and SignVTCL's networks against PyTorch.

In float64: BatchNorm over few positions makes much of rounding.
"""

import pytest

torch = pytest.importorskip("torch")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

from sign_jax.modules import lateral  # noqa: E402
from sign_jax.modules.feature_pyramid import FeaturePyramid  # noqa: E402
from sign_jax.modules.gloss_head import GlossHead  # noqa: E402
from sign_jax.modules.mbart import MBartLayer  # noqa: E402
from sign_jax.modules.stream_fusion import StreamFusion  # noqa: E402
from sign_jax.systems.signvtcl import released_names as table  # noqa: E402
from sign_jax.weights import convert  # noqa: E402
from tests.reference import signvtcl as reference  # noqa: E402
from tests.torch import compare  # noqa: E402
from tests.torch.test_i3d import theirs_of, unsettle  # noqa: E402
from tests.torch.wide import draw, wide  # noqa: E402, F401

TOLERANCE = 1e-9
OF_ATTENTION = 1e-6  # whose softmax JAX computes in float32


def carried(module, model, inputs, rules, prefix, path):
  """The module's weights for a Flax module, in float64."""
  state = {f"{prefix}{name}": x.numpy() for name, x in module.state_dict().items()}
  shapes = jax.eval_shape(model.init, jax.random.key(0), *inputs)
  struct = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, np.float64), shapes)
  target = {kind: {path: tree} for kind, tree in struct.items()}
  merged = convert.merge(target, state, rules, table.IGNORE)
  return {kind: tree[path] for kind, tree in merged.items()}


def stepped(model, variables, inputs, cotangents):
  """(outputs, gradients of params and inputs, new statistics) in training."""

  def total(params, *inputs):
    out, state = model.apply({**variables, "params": params}, *inputs, mutable=["batch_stats"])
    outs = jax.tree.leaves(out)
    return sum((x * c).sum() for x, c in zip(outs, cotangents, strict=True)), (out, state)

  places = tuple(n for n in range(len(inputs) + 1) if n == 0 or _is_float(inputs[n - 1]))
  grad = jax.jit(jax.grad(total, places, has_aux=True))
  gradients, (out, state) = grad(variables["params"], *inputs)
  return out, gradients, state


def _is_float(tree):
  return all(np.issubdtype(np.asarray(x).dtype, np.floating) for x in jax.tree.leaves(tree))


def bound(model, **given):
  """A module whose `apply` gives more arguments."""
  class Bound:
    init = staticmethod(lambda *args: model.init(*args, train=False))
    apply = staticmethod(lambda *args, **kwargs: model.apply(*args, **given, **kwargs))

  return Bound


@pytest.mark.parametrize("train", [True, False])
def test_a_head(train):
  """Of padded steps: logits, and in training gradients and running statistics."""
  module = reference.Head(6, 8, 12, 5).train(train)
  torch.nn.init.normal_(module.bn1.norm.running_mean)
  torch.nn.init.uniform_(module.bn1.norm.running_var, 0.5, 2)
  x, valid = draw(1, 3, 7, 6), np.arange(7)[None] < np.array([[7], [4], [1]])
  model = bound(GlossHead(5, 8, 12, 0.0), train=train)
  prefix, path = "head.video.", "head_video"
  variables = carried(module, model, (x, valid), table.PAPER, prefix, path)
  read = torch.from_numpy(x).requires_grad_()
  expected = module(read, torch.from_numpy(valid))
  cotangent = draw(2, 3, 7, 5)
  expected.backward(torch.from_numpy(cotangent))
  out, (grads, of_x), state = stepped(model, variables, (x, valid), [cotangent])
  compare.assert_close(out, expected, "logits", TOLERANCE)
  compare.assert_close(of_x, read.grad, "input", TOLERANCE)
  compare.check_gradients(module, grads, table.PAPER, prefix, path, tolerance=TOLERANCE)
  norm = module.bn1.norm
  compare.assert_close(state["batch_stats"]["bn1"]["mean"], norm.running_mean, "mean", TOLERANCE)
  compare.assert_close(state["batch_stats"]["bn1"]["var"], norm.running_var, "var", TOLERANCE)


def test_a_pyramid():
  module = reference.Pyramid(3, 4, 5).train()
  unsettle(module)
  shapes = (2, 6, 8, 12, 3), (2, 6, 4, 6, 4), (2, 3, 2, 3, 5)
  maps = [draw(number, *shape) for number, shape in enumerate(shapes)]
  model = bound(FeaturePyramid(), train=True)
  prefix, path = "visual_backbone_twostream.rgb_stream.pyramid.", "pyramid_video"
  variables = carried(module, model, (maps,), table.BASE, prefix, path)
  read = [theirs_of(x).requires_grad_() for x in maps]
  expected = module(*read)
  cotangents = [draw(10 + number, *shape) for number, shape in enumerate(shapes[:2])]
  sum((x * theirs_of(c)).sum() for x, c in zip(expected, cotangents, strict=True)).backward()
  out, (grads, of_maps), state = stepped(model, variables, (maps,), cotangents)
  for ours, theirs in zip(out, expected, strict=True):
    compare.assert_close(jnp.moveaxis(ours, -1, 1), theirs, "output", TOLERANCE)
  for ours, theirs in zip(of_maps, read, strict=True):
    compare.assert_close(jnp.moveaxis(ours, -1, 1), theirs.grad, "input", TOLERANCE)
  compare.check_gradients(module, grads, table.BASE, prefix, path, tolerance=TOLERANCE)
  after = convert.export({"batch_stats": {path: state["batch_stats"]}}, table.BASE)
  theirs = {f"{prefix}{name}": x for name, x in module.state_dict().items()}
  assert len(after) == 8
  for name, x in after.items():
    compare.assert_close(x, theirs[name], name, TOLERANCE)


@pytest.mark.parametrize("kind", ["smaller", "larger"])
def test_a_lateral_connection_over_seven_frames(kind):
  source, target = ((5, 8, 6), (5, 4, 3))[:: 1 if kind == "smaller" else -1]
  how = {"stride": (1, 2, 2), "padding": (3, 1, 1), "bias": False}
  if kind == "smaller":
    module, layout = torch.nn.Conv3d(4, 4, (7, 3, 3), **how), convert.CONV
  else:
    module = torch.nn.ConvTranspose3d(4, 4, (7, 3, 3), **how, output_padding=(0, 1, 1))
    layout = convert.TRANSPOSED_CONV
  x, y = draw(1, 2, *source, 4), draw(2, 2, *target, 4)
  read, cotangent = theirs_of(x).requires_grad_(), draw(3, 2, *target, 4)
  expected = theirs_of(y) + module(read)
  expected.backward(theirs_of(cotangent))
  kernel = np.ascontiguousarray(layout.to_flax(module.weight.detach().numpy()))
  variables = {"params": {"conv": {"kernel": kernel}}}
  model = lateral.Lateral(kind, 7)
  out, (grads, of_x, _), _ = stepped(model, variables, (x, y), [cotangent])
  compare.assert_close(jnp.moveaxis(out, -1, 1), expected, "output", TOLERANCE)
  of_kernel = layout.to_torch(grads["conv"]["kernel"])
  compare.assert_close(of_kernel, module.weight.grad, "kernel", TOLERANCE)
  compare.assert_close(jnp.moveaxis(of_x, -1, 1), read.grad, "input", TOLERANCE)


@pytest.mark.parametrize("kind", ["mlp", "convolution"])
def test_fusion(kind):
  module = reference.fused(kind, 4)
  maps = [draw(number, 2, 3, 5, 4, 4) for number in range(3)]
  model = StreamFusion(kind)
  variables = carried(module, model, (maps,), table.PAPER, "fusion.1.", "fusion_2")
  read = [torch.from_numpy(x).requires_grad_() for x in maps]
  joined = torch.cat(read, -1)
  part = module(joined.movedim(-1, 1)).movedim(1, -1) if kind == "convolution" else module(joined)
  cotangents = [draw(10 + number, 2, 3, 5, 4, 4) for number in range(3)]
  sum(((x + part) * torch.from_numpy(c)).sum() for x, c in zip(read, cotangents, strict=True)
      ).backward()
  out, (grads, of_maps), _ = stepped(model, variables, (maps,), cotangents)
  for ours, theirs, of_map in zip(out, read, of_maps, strict=True):
    compare.assert_close(ours, theirs + part, "output", TOLERANCE)
    compare.assert_close(of_map, theirs.grad, "input", TOLERANCE)
  compare.check_gradients(module, grads, table.PAPER, "fusion.1.", "fusion_2", tolerance=TOLERANCE)


def test_fusion_by_attention():
  """PyTorch's attention between the streams at each place, and the mean over streams."""
  module = torch.nn.MultiheadAttention(8, 4, batch_first=True)
  torch.nn.init.normal_(module.in_proj_bias)
  maps = [draw(number, 2, 3, 2, 2, 8) for number in range(3)]
  tokens = torch.from_numpy(np.stack(maps, -2)).reshape(-1, 3, 8)
  part = module(tokens, tokens, tokens)[0].mean(1).detach().numpy().reshape(maps[0].shape)
  own = {name: x.detach().numpy() for name, x in module.named_parameters()}
  layer = lambda weight, bias: {"kernel": own[weight].T, "bias": own[bias]}
  params = {"attention": {
      "in_proj": layer("in_proj_weight", "in_proj_bias"),
      "out_proj": layer("out_proj.weight", "out_proj.bias"),
  }}
  out = StreamFusion("attention").apply({"params": params}, maps)
  for ours, x in zip(out, maps, strict=True):
    compare.assert_close(ours, torch.from_numpy(x + part), "output", OF_ATTENTION)


def test_a_layer_of_mbart():
  module = reference.MBartLayer(8, 2, 12)
  x, mask = draw(1, 3, 6, 8), np.arange(6)[None] < np.array([[6], [4], [1]])
  model = MBartLayer(2, 12)
  variables = carried(module, model, (x, mask), table.MBART, "layers.1.", "layers_1")
  expected = module(torch.from_numpy(x), torch.from_numpy(mask))
  compare.assert_close(model.apply(variables, x, mask), expected, "output", OF_ATTENTION)
