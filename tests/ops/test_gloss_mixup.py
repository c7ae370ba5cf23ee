"""Inter-modality mixup in tiles against its plain formula, and the memory that it takes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.ops import gloss_mixup

B, N, D = 3, 11, 6
LABELS, OTHERS = jnp.array([4, 0, 10]), jnp.array([4, 7, 2])
CASES = [(None, 1.0), (OTHERS, 0.3), (OTHERS, 1.0)]


@pytest.fixture(scope="module")
def inputs():
  """Features, mapped embeddings, kernel and bias."""
  keys = jax.random.split(jax.random.key(0), 4)
  shapes = (B, D), (N, D), (D, N), (N,)
  return [jax.random.normal(key, shape) for key, shape in zip(keys, shapes, strict=True)]


def plain(features, mapped, kernel, bias, labels, others=None, share=1.0):
  """Each feature with each gloss, its logits, its target."""
  others = labels if others is None else others
  one_hot = lambda labels: jax.nn.one_hot(labels, N)[:, None]
  targets = share * one_hot(labels) + (1 - share) * one_hot(others) + jnp.eye(N)[None]
  logits = (features[:, None] + mapped[None]) @ kernel + bias[None, None]
  return -(0.5 * targets * jax.nn.log_softmax(logits)).sum(-1).mean()


# 3 rows of 11 are in the last tile but one; 1 a tile; all at once.
@pytest.mark.parametrize("elements", [4 * B * N, 1, 2**20])
@pytest.mark.parametrize(("others", "share"), CASES)
def test_value_and_gradients(inputs, others, share, elements, monkeypatch):
  monkeypatch.setattr(gloss_mixup, "TILE_ELEMENTS_ON_CPU", elements)
  arguments = (0, 1, 2, 3)
  of = lambda loss: jax.jit(jax.value_and_grad(
      functools.partial(loss, labels=LABELS, others=others, share=share), argnums=arguments
  ))
  found, gradients = of(gloss_mixup.inter_modality_mixup)(*inputs)
  expected, expected_gradients = of(plain)(*inputs)
  np.testing.assert_allclose(found, expected, rtol=1e-6)
  for ours, theirs in zip(gradients, expected_gradients, strict=True):
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_gradients_are_finite_differences(inputs):
  loss = lambda *x: gloss_mixup.inter_modality_mixup(*x, LABELS, OTHERS, 0.3)
  exact = [np.float64(x) for x in inputs]
  for number, gradient in enumerate(jax.jit(jax.grad(loss, argnums=(0, 1, 2, 3)))(*inputs)):
    step = np.random.default_rng(number).standard_normal(gradient.shape)
    before, after = list(exact), list(exact)
    before[number], after[number] = exact[number] - 1e-5 * step, exact[number] + 1e-5 * step
    difference = (in_numpy(*after) - in_numpy(*before)) / 2e-5
    np.testing.assert_allclose((gradient * step).sum(), difference, rtol=1e-4)


def in_numpy(features, mapped, kernel, bias):
  """The loss in float64, term by term."""
  logits = (features[:, None] + mapped[None]) @ kernel + bias
  highest = logits.max(-1, keepdims=True)
  logs = logits - highest - np.log(np.exp(logits - highest).sum(-1, keepdims=True))
  loss = 0.0
  for b, n in np.ndindex(B, N):
    row = logs[b, n]
    loss -= 0.5 * row[n] + 0.15 * row[LABELS[b]] + 0.35 * row[OTHERS[b]]
  return loss / (B * N)


def test_logits_of_all_pairs(inputs):
  features, mapped, kernel, bias = inputs
  found = gloss_mixup.inter_modality_logits(*inputs)
  expected = (features[:, None] + mapped[None]) @ kernel + bias[None, None]
  np.testing.assert_allclose(found, expected, atol=1e-5)


def test_large_logits_stay_finite(monkeypatch):
  # The second of two tiles is filled up.
  monkeypatch.setattr(gloss_mixup, "TILE_ELEMENTS_ON_CPU", 2 * 3)
  own = jnp.array([[0.0, 300.0, -300.0]])
  added = jnp.array([[400.0, -400.0, 0.0], [-1e4, -1e4, -1e4], [0.0, 0.0, 1e3]])
  found, back = jax.vjp(gloss_mixup.log_sums, own, added)
  np.testing.assert_allclose(found, [[400.0, -9700.0, 700.0]])
  of_own, of_added = back(jnp.ones_like(found))
  np.testing.assert_allclose(of_own, [[1.0, 1.0, 1.0]])
  np.testing.assert_allclose(of_added, np.eye(3))


def test_bfloat16_products(inputs):
  narrow = [x.astype(jnp.bfloat16) for x in inputs]
  loss = jax.jit(lambda x: gloss_mixup.inter_modality_mixup(*x, LABELS))
  found, expected = loss(narrow), loss(inputs)
  assert found.dtype == jnp.float32
  np.testing.assert_allclose(found, expected, rtol=0.02)


@pytest.mark.usefixtures("full_compile")
@pytest.mark.parametrize("others", [False, True])
def test_no_array_of_all_logits(others):
  """A head of WLASL-2000 at batch 32, whose logits alone would take half a gigabyte."""
  batch, classes, width = 32, 2000, 64
  shape = lambda *axes: jax.ShapeDtypeStruct(axes, np.float32)
  floats = shape(batch, width), shape(classes, width), shape(width, classes), shape(classes)
  labels = jax.ShapeDtypeStruct((batch,), np.int32)

  def loss(*x):
    *floats, labels = x
    mixed = {"others": labels, "share": 0.3} if others else {}
    return gloss_mixup.inter_modality_mixup(*floats, labels, **mixed)

  step = jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2, 3)))
  memory = step.lower(*floats, labels).compile().memory_analysis()
  logits, pairs = 4 * batch * classes**2, 4 * classes**2
  # A few arrays of (N, N), and a tile.
  assert memory.temp_size_in_bytes < 6 * pairs < logits / 5


def test_weight():
  assert gloss_mixup.weight(0.0) == 1 and gloss_mixup.weight(0.99, decays=False) == 1
  np.testing.assert_allclose(gloss_mixup.weight(0.5), 0.5)
  np.testing.assert_allclose(gloss_mixup.weight(0.25), 0.5 * (1 + np.cos(np.pi / 4)), rtol=1e-6)
