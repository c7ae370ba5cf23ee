"""NetVLAD against its formula, with padding in and out, and its gradient."""

import jax
import numpy as np
import pytest
from jax.test_util import check_grads

from sign_jax.modules.netvlad import NetVLAD

B, N, D, K, G = 4, 5, 6, 3, 2
LENGTHS = np.array([5, 2, 3, 1])
VALID = np.arange(N) < LENGTHS[:, None]


@pytest.fixture(scope="module")
def x():
  drawn = np.random.default_rng(0).standard_normal((B, N, D)).astype(np.float32)
  return drawn * VALID[..., None]


@pytest.fixture(scope="module")
def variables(x):
  """(parameters, statistics), drawn."""
  rng = np.random.default_rng(1)
  shapes = jax.eval_shape(lambda: NetVLAD(K, G).init(jax.random.key(0), x, VALID, False))
  normal = lambda s: rng.standard_normal(s.shape).astype(np.float32)
  positive = lambda s: rng.uniform(0.5, 1.5, s.shape).astype(np.float32)
  return jax.tree.map(normal, shapes["params"]), jax.tree.map(positive, shapes["batch_stats"])


def run(variables, x, mask, train, valid=VALID):
  params, stats = variables
  module = NetVLAD(K, G, mask_padding=mask)
  out, new = module.apply(
      {"params": params, "batch_stats": stats}, x, valid, train, mutable=["batch_stats"]
  )
  return np.asarray(out), new["batch_stats"]["batch_norm"]


def naive(variables, x, mask, train):
  """In float64, vector by vector."""
  params, stats = variables
  double = lambda a: np.asarray(a, np.float64)
  counts = VALID if mask else np.ones_like(VALID)
  scores = double(x) @ double(params["clusters"])
  norm, own = params["batch_norm"], stats["batch_norm"]
  rows = scores[counts]
  mean, var = (rows.mean(0), rows.var(0)) if train else (double(own["mean"]), double(own["var"]))
  scores = (scores - mean) / np.sqrt(var + 1e-5) * norm["scale"] + norm["bias"]
  chances = np.exp(scores - scores.max(-1, keepdims=True))
  chances /= chances.sum(-1, keepdims=True)
  vlad = np.zeros((B, D, K))
  for b, n, k in np.ndindex(B, N, K):
    if counts[b, n]:
      vlad[b, :, k] += chances[b, n, k] * (double(x[b, n]) - params["clusters2"][0, :, k])
  vlad /= np.linalg.norm(vlad, axis=1, keepdims=True)
  flat = vlad.reshape(B, D * K)
  return flat / np.linalg.norm(flat, axis=1, keepdims=True)


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("mask", [False, True])
def test_the_formula(variables, x, mask, train):
  found, _ = run(variables, x, mask, train)
  np.testing.assert_allclose(found, naive(variables, x, mask, train), atol=2e-6)


@pytest.mark.parametrize("train", [False, True])
def test_padding_has_no_part_where_it_is_masked(variables, x, train):
  other = np.where(VALID[..., None], x, 7.0).astype(np.float32)
  same = lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6)
  jax.tree.map(same, run(variables, x, True, train), run(variables, other, True, train))
  let_in = [run(variables, y, False, train)[0] for y in (x, other)]
  assert np.abs(let_in[0] - let_in[1]).max() > 0.01


def test_the_running_variance_is_the_unbiased_one_of_the_rows_that_count(variables, x):
  params, stats = variables
  for mask in (False, True):
    _, new = run(variables, x, mask, True)
    rows = (x @ params["clusters"])[VALID if mask else np.ones_like(VALID)]
    old = stats["batch_norm"]
    np.testing.assert_allclose(new["mean"], 0.9 * old["mean"] + 0.1 * rows.mean(0), rtol=1e-4)
    expected = 0.9 * old["var"] + 0.1 * rows.var(0, ddof=1)
    np.testing.assert_allclose(new["var"], expected, rtol=1e-4)


def test_a_text_without_words_is_zero_where_padding_is_masked(variables, x):
  params, stats = variables
  module, empty = NetVLAD(K, G, mask_padding=True), np.zeros_like(VALID)

  def total(params, x):
    out = module.apply({"params": params, "batch_stats": stats}, x, empty, False)
    return out.sum(), out

  gradients, out = jax.jit(jax.grad(total, argnums=(0, 1), has_aux=True))(params, x)
  assert not out.any()
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))


@pytest.mark.parametrize("mask", [False, True])
def test_the_gradient_is_that_of_finite_differences(variables, x, mask):
  params, stats = variables
  weights = np.random.default_rng(2).standard_normal((B, D * K)).astype(np.float32)
  module = NetVLAD(K, G, mask_padding=mask)

  def total(params, x):
    out, _ = module.apply(
        {"params": params, "batch_stats": stats}, x, VALID, True, mutable=["batch_stats"]
    )
    return (out * weights).sum()

  check_grads(jax.jit(total), (params, x), 1, ["rev"], eps=1e-2, atol=3e-2, rtol=3e-2)
