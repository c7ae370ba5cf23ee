"""The gated embedding unit and its parts against their formulas, and its gradient."""

import jax
import numpy as np
import pytest
from jax.test_util import check_grads

from sign_jax.modules.gated_embedding import GatedEmbedding, LinearEmbedding

B, F, C = 6, 5, 4


@pytest.fixture(scope="module")
def x():
  return np.random.default_rng(0).standard_normal((B, F)).astype(np.float32)


def drawn(module, *inputs):
  rng = np.random.default_rng(1)
  shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), *inputs))
  return jax.tree.map(lambda s: rng.uniform(0.2, 1.2, s.shape).astype(np.float32), shapes)


def unit(x):
  return x / np.linalg.norm(x, axis=1, keepdims=True)


def gate(y, params, stats, train):
  """In float64."""
  g = y @ params["fc"]["kernel"] + params["fc"]["bias"]
  mean, var = (g.mean(0), g.var(0)) if train else (stats["mean"], stats["var"])
  norm = params["batch_norm"]
  g = (g - mean) / np.sqrt(var + 1e-5) * norm["scale"] + norm["bias"]
  return y / (1 + np.exp(-g))


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("features", [C, None])
def test_the_formula(x, features, train):
  module = GatedEmbedding(features)
  variables = drawn(module, x, False)
  found, new = module.apply(variables, x, train, mutable=["batch_stats"])
  params = variables["params"]
  y = x.astype(np.float64)
  if features:
    y = y @ params["fc"]["kernel"] + params["fc"]["bias"]
  stats = variables["batch_stats"]["cg"]["batch_norm"]
  np.testing.assert_allclose(found, unit(gate(y, params["cg"], stats, train)), atol=2e-6)
  changed = new["batch_stats"]["cg"]["batch_norm"]["var"] != stats["var"]
  assert changed.all() if train else not changed.any()


def test_the_linear_embedding(x):
  variables = drawn(LinearEmbedding(C), x)
  fc = variables["params"]["fc"]
  expected = unit(x.astype(np.float64) @ fc["kernel"] + fc["bias"])
  np.testing.assert_allclose(LinearEmbedding(C).apply(variables, x), expected, atol=1e-6)


def test_the_gradient_is_that_of_finite_differences(x):
  module, weights = GatedEmbedding(C), np.arange(B * C, dtype=np.float32).reshape(B, C) / 10
  variables = drawn(module, x, False)

  def total(params, x):
    out, _ = module.apply({**variables, "params": params}, x, True, mutable=["batch_stats"])
    return (out * weights).sum()

  check_grads(
      jax.jit(total), (variables["params"], x), 1, ["rev"], eps=1e-2, atol=3e-2, rtol=3e-2
  )
