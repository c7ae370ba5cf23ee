import jax
import numpy as np
import pytest

from sign_jax.modules.batch_norm import BatchNorm


@pytest.fixture(scope="module")
def x():
  return np.random.default_rng(0).standard_normal((6, 5, 4)).astype(np.float32) * 3 + 1


def run(x, counts=None, train=True, **kwargs):
  """(output, running statistics) from a fresh module on."""
  norm = BatchNorm(**kwargs)
  variables = norm.init(jax.random.key(0), x, False)
  out, updates = norm.apply(variables, x, train, counts, mutable=["batch_stats"])
  return np.asarray(out), updates["batch_stats"]


@pytest.mark.parametrize("epsilon", [1e-5, 0.1])
def test_running_statistics_are_those_of_pytorch(x, epsilon):
  torch = pytest.importorskip("torch")
  theirs, ours = torch.nn.BatchNorm1d(4, eps=epsilon), BatchNorm(epsilon=epsilon)
  variables = ours.init(jax.random.key(0), x, False)
  for batch in (x, x * 2 - 1, x[:1, :1]):
    batch = batch.reshape(-1, 4)
    if len(batch) > 1:
      expected = theirs(torch.from_numpy(batch))
      out, updates = ours.apply(variables, batch, True, mutable=["batch_stats"])
      variables = {**variables, **updates}
      np.testing.assert_allclose(out, expected.detach(), atol=2e-6)
  stats = variables["batch_stats"]
  np.testing.assert_allclose(stats["mean"], theirs.running_mean, rtol=1e-5)
  np.testing.assert_allclose(stats["var"], theirs.running_var, rtol=1e-5)


def test_counts_of_one_change_nothing(x):
  for ours, expected in zip(
    jax.tree.leaves(run(x, np.ones((6, 5, 1), np.float32))), jax.tree.leaves(run(x)), strict=True
  ):
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)


def test_a_count_stands_for_copies_and_zero_for_none(x):
  counts = np.float32([1, 3, 0, 2, 1, 0])
  copies = np.repeat(x, counts.astype(int), axis=0)
  ours, stats = run(x, counts[:, None, None])
  expected, expected_stats = run(copies)
  rows = np.repeat(np.arange(6), counts.astype(int))
  np.testing.assert_allclose(ours[rows], expected, atol=2e-6)
  for name in ("mean", "var"):
    np.testing.assert_allclose(stats[name], expected_stats[name], rtol=1e-5)


def test_what_counts_nothing_has_no_influence(x):
  counts = np.float32([1, 1, 1, 1, 1, 0])[:, None, None]
  changed = x.copy()
  changed[5] = 1e6
  (ours, stats), (expected, expected_stats) = run(changed, counts), run(x, counts)
  np.testing.assert_array_equal(ours[:5], expected[:5])
  jax.tree.map(np.testing.assert_array_equal, stats, expected_stats)


def test_nothing_that_counts_is_still_finite(x):
  out, stats = run(x, np.zeros((6, 5, 1), np.float32))
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((out, stats)))


def test_evaluation_reads_running_statistics_and_keeps_them(x):
  out, stats = run(x, train=False, epsilon=0.0)
  np.testing.assert_allclose(out, x, rtol=1e-6)
  assert not stats["mean"].any() and (stats["var"] == 1).all()
