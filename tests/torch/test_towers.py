import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402

from sign_jax.modules import clip, transformer  # noqa: E402
from sign_jax.systems.cico import released_names as cico  # noqa: E402
from tests.torch import compare, reference  # noqa: E402

BATCH, LENGTH, FEATURES = 3, 10, 24
VIDEO = {"width": 48, "heads": 3, "layers": 2}
TEXT, DIM = {"width": 32, "heads": 2, "layers": 2}, 40
VALID = np.arange(LENGTH)[None] < np.array([[4], [10], [7]])


def check(module, model, inputs, torch_inputs, prefix, path):
  """Outputs, and the gradients of their product with a random array."""
  variables = compare.carry(module, model, inputs, cico.NAMES, prefix, path)
  expected = module(*torch_inputs)
  cotangent = compare.draw(9, *expected.shape)
  expected.backward(torch.from_numpy(cotangent))
  out, grads = compare.gradients(model, variables, inputs, [cotangent])
  compare.assert_close(out[0] if isinstance(out, tuple) else out, expected)
  compare.check_gradients(module, grads, cico.NAMES, prefix, path)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_residual_block(causal, padded):
  torch.manual_seed(0)
  module, model = reference.Block(48, 3), transformer.ResidualBlock(3)
  # Small ones too: their variance shows the epsilon of the norms.
  x = compare.draw(0, BATCH, LENGTH, 48) * np.float32([1, 0.1, 0.01])[:, None, None]
  mask = torch.ones(LENGTH, LENGTH, dtype=torch.bool).triu(1) if causal else None
  inputs = (x, VALID if padded else None)
  path = "visual/transformer/resblocks_0"
  prefix = "clip.visual.transformer.resblocks.0."
  padding = torch.from_numpy(~VALID) if padded else None
  variables = compare.carry(module, model, inputs, cico.NAMES, prefix, path)
  expected = module(torch.from_numpy(x), padding, mask)
  cotangent = compare.draw(1, *x.shape)
  expected.backward(torch.from_numpy(cotangent))
  out, grads = compare.gradients(model, variables, inputs, [cotangent], causal=causal)
  compare.assert_close(out, expected)
  compare.check_gradients(module, grads, cico.NAMES, prefix, path)


def test_video_tower():
  torch.manual_seed(1)
  module = reference.VideoTower(**VIDEO, dim=DIM, length=LENGTH, features=FEATURES)
  model = clip.VideoTower(**VIDEO, embed_dim=DIM, length=LENGTH)
  video = compare.draw(0, BATCH, LENGTH, FEATURES)
  tensors = torch.from_numpy(video), torch.from_numpy(VALID)
  check(module, model, (video, VALID), tensors, "clip.visual.", "visual")


def test_text_tower():
  torch.manual_seed(2)
  module = reference.TextTower(**TEXT, dim=DIM)
  model = clip.TextTower(**TEXT, embed_dim=DIM)
  ids = np.random.default_rng(0).integers(1, 49406, (BATCH, LENGTH))
  ids[:, 0] = 49406
  ids[np.arange(BATCH), [3, 9, 6]] = 49407
  check(module, model, (ids.astype(np.int32),), (torch.from_numpy(ids),), "clip.", "textual")
