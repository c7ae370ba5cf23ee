import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from sign_jax.modules import i3d


@pytest.fixture(scope="module")
def tiny():
  # Drawn by numpy: compiling `init` takes longer than all the tests here.
  model = i3d.I3D(num_classes=5, width=0.125)
  rng = np.random.default_rng(0)

  def draw(path, leaf):
    kernel = rng.standard_normal(leaf.shape, np.float32) * np.prod(leaf.shape[:-1]) ** -0.5
    return np.asarray(kernel if path[-1].key == "kernel" else np.ones(leaf.shape), np.float32)

  variables = jax.tree_util.tree_map_with_path(draw, i3d.init_shapes(model))
  return model, variables, rng.standard_normal((2, 16, 32, 32, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def apply(tiny):
  """(outputs, updates) of clips."""
  model, variables, _ = tiny
  return jax.jit(lambda video: model.apply(variables, video, mutable=["batch_stats"]))


@pytest.mark.parametrize("channels", [3, 16])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("shape", [(8, 10, 12), (7, 9, 1)])
@pytest.mark.parametrize("kernel", [1, 3, 7])
def test_conv3d_is_the_3d_convolution(channels, stride, shape, kernel):
  rng = np.random.default_rng(0)
  x = rng.standard_normal((2, *shape, channels)).astype(np.float32)
  w = rng.standard_normal((kernel,) * 3 + (channels, 6)).astype(np.float32)
  expected = lax.conv_general_dilated(
    x, w, (stride,) * 3, "SAME", dimension_numbers=("NDHWC", "DHWIO", "NDHWC")
  )
  actual = jax.jit(i3d.conv3d, static_argnums=2)(x, w, stride)
  np.testing.assert_allclose(actual, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("shape", [(2, 7, 9, 1, 3), (1, 6, 8, 5, 2)])
@pytest.mark.parametrize(
  ("window", "strides"),
  [((1, 3, 3), (1, 2, 2)), ((3, 3, 3), (2, 2, 2)), ((3, 3, 3), (1, 1, 1)), ((2, 2, 2), (2, 2, 2))],
)
def test_max_pool_is_that_of_xla_with_its_gradient(shape, window, strides):
  x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
  theirs = lambda x: nn.max_pool(x, window, strides, padding="SAME")
  np.testing.assert_array_equal(i3d.max_pool(x, window, strides), theirs(x))
  total = lambda pool: lambda x: (pool(x) * np.arange(pool(x).size).reshape(pool(x).shape)).sum()
  ours = lambda x: i3d.max_pool(x, window, strides)
  actual, expected = (jax.jit(jax.grad(total(pool)))(x) for pool in (ours, theirs))
  np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_batch_norm_keeps_the_statistics_of_pytorch():
  torch = pytest.importorskip("torch")
  rng = np.random.default_rng(0)
  batches = rng.standard_normal((3, 2, 2, 3, 3, 4)).astype(np.float32) * 3 + 1
  theirs = torch.nn.BatchNorm3d(4, eps=1e-3)
  ours = i3d.BatchNorm(epsilon=i3d.EPSILON)
  variables = ours.init(jax.random.key(0), batches[0], train=True)
  for batch in batches:
    expected = theirs(torch.from_numpy(np.moveaxis(batch, -1, 1).copy()))
    actual, updates = ours.apply(variables, batch, train=True, mutable=["batch_stats"])
    variables = {**variables, **updates}
    np.testing.assert_allclose(actual, np.moveaxis(expected.detach().numpy(), 1, -1), atol=1e-5)
  stats = variables["batch_stats"]
  np.testing.assert_allclose(stats["mean"], theirs.running_mean, rtol=1e-5)
  np.testing.assert_allclose(stats["var"], theirs.running_var, rtol=1e-5)


def test_inference_treats_clips_independently_and_changes_nothing(tiny, apply):
  _, variables, video = tiny
  both, updates = apply(video)
  swapped, _ = apply(video[::-1])
  np.testing.assert_allclose(both["embedding"][::-1], swapped["embedding"], rtol=1e-4, atol=1e-5)
  assert not np.allclose(both["embedding"][0], both["embedding"][1])
  jax.tree.map(np.testing.assert_array_equal, updates["batch_stats"], variables["batch_stats"])


def test_training_uses_batch_statistics_and_dropout(tiny):
  model, variables, video = tiny

  @jax.jit
  def train(key):
    return model.apply(
      variables, video, train=True, rngs={"dropout": key}, mutable=["batch_stats"]
    )

  first, updates = train(jax.random.key(0))
  second, _ = train(jax.random.key(1))
  np.testing.assert_array_equal(first["embedding"], second["embedding"])
  assert not np.allclose(first["logits"], second["logits"])
  before, after = variables["batch_stats"], updates["batch_stats"]
  changed = jax.tree.map(lambda a, b: not np.array_equal(a, b), before, after)
  assert all(jax.tree.leaves(changed))


def test_bfloat16_computes_about_the_same_and_returns_float32(tiny, apply):
  model, variables, video = tiny
  half = jax.jit(model.clone(dtype=jnp.bfloat16).apply)(variables, video)
  full, _ = apply(video)
  assert half["embedding"].dtype == half["logits"].dtype == jnp.float32
  error = jnp.abs(half["embedding"] - full["embedding"]).max() / full["embedding"].max()
  assert 0 < error < 0.1
