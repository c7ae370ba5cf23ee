import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.ops import label_smoothing

CLASSES, BATCH = 7, 4
language = jax.jit(label_smoothing.language, static_argnums=(2, 3))
LABELS = jnp.array([3, 0, 6, 3])


@pytest.fixture(scope="module")
def embeddings():
  """Of any length; one of zeros, as of a gloss without a vector."""
  drawn = np.random.default_rng(0).standard_normal((CLASSES, 5)) * 3
  drawn[5] = 0
  return drawn.astype(np.float32)


def test_the_others_share_by_their_likeness(embeddings):
  found = language(LABELS, embeddings, 0.2, 0.5)
  lengths = np.maximum(np.linalg.norm(embeddings, axis=1), 1e-12)
  for row, label in zip(found, LABELS, strict=True):
    likeness = embeddings @ embeddings[label] / lengths / lengths[label]
    chances = np.exp(likeness / 0.5)
    chances[label] = 0
    expected = 0.2 * chances / chances.sum()
    expected[label] = 0.8
    np.testing.assert_allclose(row, expected, rtol=1e-5)


@pytest.mark.parametrize(("smoothing", "other"), [("uniform", 0.3 / 6), ("none", 0.0)])
def test_the_others_share_alike(smoothing, other):
  found = label_smoothing.targets(smoothing, LABELS, CLASSES, None, 0.3)
  expected = np.full((BATCH, CLASSES), other, np.float32)
  expected[np.arange(BATCH), LABELS] = 0.7 if other else 1.0
  np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_kinds(embeddings):
  targets = lambda *args: np.asarray(label_smoothing.targets(*args))
  language = targets("language", LABELS, CLASSES, embeddings, 0.1, 0.7)
  np.testing.assert_array_equal(
      language, label_smoothing.language(LABELS, embeddings, 0.1, 0.7)
  )
  # Without embeddings as the paper does without glosses.
  np.testing.assert_array_equal(
      targets("language", LABELS, CLASSES), targets("uniform", LABELS, CLASSES, embeddings)
  )
  with pytest.raises(ValueError, match="unknown smoothing 'vanilla'"):
    targets("vanilla", LABELS, CLASSES)


@pytest.mark.parametrize("smoothing", label_smoothing.SMOOTHINGS)
@pytest.mark.parametrize("classes", [1, CLASSES])
def test_targets_sum_to_one(embeddings, smoothing, classes):
  labels = LABELS % classes
  found = label_smoothing.targets(smoothing, labels, classes, embeddings[:classes])
  if classes > 1 or smoothing != "uniform":  # of one class nothing is left for others
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-6)


def test_cross_entropy(embeddings):
  logits = jax.random.normal(jax.random.key(0), (BATCH, CLASSES)) * 3
  targets = label_smoothing.language(LABELS, embeddings)
  chances = np.exp(np.float64(logits))
  expected = -(np.asarray(targets) * np.log(chances / chances.sum(1, keepdims=True))).sum(1).mean()
  np.testing.assert_allclose(label_smoothing.cross_entropy(logits, targets), expected, rtol=1e-6)
