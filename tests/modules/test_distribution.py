"""The split before the attention, which no released code computes (UPRet, eq. 7 to 10)."""

import jax
import numpy as np

from sign_jax.modules.distribution import SplitAttention

HEADS, WIDTH = 2, 12


def attend(half, kernel):
  """Plain attention of one sequence within (N, C) channels, head by head."""
  q, k, v = np.split(half @ kernel, 3, axis=1)
  size = half.shape[1] // HEADS
  outputs = []
  for head in range(HEADS):
    part = slice(head * size, (head + 1) * size)
    scores = q[:, part] @ k[:, part].T / np.sqrt(size)
    weights = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    outputs.append(weights @ v[:, part])
  return np.concatenate(outputs, axis=1)


def test_each_half_attends_by_itself_with_shared_weights():
  module = SplitAttention(HEADS, split="before", score_scale="paper")
  x = np.random.default_rng(0).standard_normal((3, 5, WIDTH)).astype(np.float32)
  variables = module.init(jax.random.key(0), x, deterministic=True)
  found = module.apply(variables, x, deterministic=True)
  params = jax.tree.map(np.asarray, variables["params"])
  assert params["qkv"]["kernel"].shape == (WIDTH // 2, 3 * WIDTH // 2)
  for half, name, output in zip(np.split(x, 2, axis=-1), ("mu", "logsig"), found, strict=True):
    projection = params[f"{name}_proj"]
    for sequence, row in zip(half, output, strict=True):
      expected = attend(sequence, params["qkv"]["kernel"]) @ projection["kernel"]
      np.testing.assert_allclose(row, expected + projection["bias"], atol=1e-5)
