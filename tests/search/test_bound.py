"""A bound is never below the score that the evaluation computes, whatever the tokens."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.ops.late_interaction import late_interaction
from sign_jax.search import bound, close, codes

pytestmark = pytest.mark.usefixtures("quick_compile")
CLIPS, TEXTS, VIDEO, WORDS, WIDTH = 40, 8, 9, 6, 160


def weights(rng, shape):
  found = rng.random(shape).astype(np.float32) ** 4 * (rng.random(shape) < 0.7)
  found[:, 0] += 1e-3
  return (found / found.sum(1, keepdims=True)).astype(np.float32)


def tokens(kind, rng, count, length):
  """(count, length, WIDTH) float32: of no order, of few directions, or nearly all the same."""
  shape = (count, length, WIDTH)
  if kind == "random":
    return rng.standard_normal(shape).astype(np.float32)
  if kind == "clustered":  # as trained ones: a common direction, few others, and some noise
    centres = np.random.default_rng(7).standard_normal((12, WIDTH))
    found = centres[rng.integers(12, size=shape[:2])] + 2 * centres[0]
    return (found + 0.2 * rng.standard_normal(shape)).astype(np.float32)
  if kind == "same":
    return np.ones(shape, np.float32) + 1e-4 * rng.standard_normal(shape).astype(np.float32)
  found = rng.standard_normal(shape) * 10.0 ** rng.integers(-6, 5, shape)  # of all sizes, and zeros
  found[:, 1::2] = 0
  return found.astype(np.float32)


@jax.jit
def both(video, text, w, u, basis):
  """[(scores, bounds, close scores)] with padding under softmaxes, and without under maxima."""
  found = []
  for pooling, padding in (("softmax", False), ("max", True)):
    masks = {"video_mask": w > 0, "text_mask": u > 0} if padding else {}
    score = 0.5 * sum(late_interaction(video, text, w, u, pooling=pooling, **masks))
    code = jnp.concatenate(codes.parts(basis, video), axis=-1)
    query = bound.Query(codes.of_query(basis, text), u, u > 0)
    loose = bound.upper(code, w, w > 0, query, padding)
    interaction = close.Interaction(pooling, padding, 0.07)
    texts = close.Sentences(text, u, u > 0)
    found.append((score.T, loose, close.scores(
        video, w, w > 0, texts, interaction, video.dtype.name
    )))
  return found


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_a_bound_is_never_below_the_score(dtype):
  rng = np.random.default_rng(0)
  slack = bound.rounding(WIDTH, VIDEO, WORDS)
  for kind in ("random", "clustered", "same", "wild") * 8:
    video = jnp.asarray(tokens(kind, rng, CLIPS, VIDEO), dtype)
    text = jnp.asarray(tokens(kind, rng, TEXTS, WORDS), dtype)
    w, u = weights(rng, (CLIPS, VIDEO)), weights(rng, (TEXTS, WORDS))
    basis = codes.fit(np.asarray(video, np.float32).reshape(-1, WIDTH), 30)
    for (score, upper, near), pooling in zip(
        both(video, text, w, u, basis), ("softmax", "max"), strict=True
    ):
      gap = np.asarray(upper) + slack - np.asarray(score)
      assert gap.min() >= 0, kind
      error = close.error(WIDTH, VIDEO, WORDS, close.Interaction(pooling, False, 0.07))
      assert np.abs(np.asarray(near) - np.asarray(score)).max() < error < 3e-4
    if kind == "clustered":
      assert gap.max() < 0.1  # of maxima: the bound says something


def test_codes_of_all_channels_are_close():
  rng = np.random.default_rng(0)
  video, text = (tokens("random", rng, 5, n)[..., :20] for n in (VIDEO, WORDS))
  basis = codes.fit(video.reshape(-1, 20), codes.columns(20) - 2)
  code, query = codes.encode(basis, video), codes.of_query(basis, text)
  product = np.einsum("cnk,qmk->cqnm", code.astype(np.float32), query)
  unit = lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True)
  exact = np.einsum("cnd,qmd->cqnm", unit(video), unit(text))
  assert (product >= exact - 1e-6).all() and (product - exact).max() < 3e-3


def test_a_scan_is_the_same_in_tiles_of_any_size():
  rng = np.random.default_rng(0)
  video, text = tokens("clustered", rng, 33, VIDEO), tokens("clustered", rng, 3, WORDS)
  w, u = weights(rng, (33, VIDEO)), weights(rng, (3, WORDS))
  basis = codes.fit(video.reshape(-1, WIDTH), 10)
  arrays = {"codes": codes.encode(basis, video), "weights": w, "mask": w > 0}
  query = bound.Query(codes.of_query(basis, text), u, u > 0)
  tile = lambda a, b: (a, {name: x[a:b] for name, x in arrays.items()})
  compute = lambda x: bound.upper(**x, query=query, mask_padding=False)
  whole = bound.scan([tile(0, 33)], compute, 3, 33, 33)
  parts = bound.scan([tile(0, 16), tile(16, 32), tile(32, 33)], compute, 3, 33, 16)
  np.testing.assert_allclose(parts, whole, atol=1e-6)
  late = bound.scan([tile(0, 16), tile(16, 32)], compute, 3, 33, 16, lambda: True)
  assert np.isfinite(late[:, :16]).all() and np.isinf(late[:, 16:]).all()


def test_close_scores_at_a_low_temperature():
  rng = np.random.default_rng(0)
  video, text = tokens("clustered", rng, 9, VIDEO), tokens("clustered", rng, 2, WORDS)
  w, u = weights(rng, (9, VIDEO)), weights(rng, (2, WORDS))
  score = 0.5 * sum(late_interaction(video, text, w, u, temperature=0.004))
  interaction = close.Interaction("softmax", False, 0.004)
  found = close.scores(video, w, w > 0, close.Sentences(text, u, u > 0), interaction, "float32")
  error = close.error(WIDTH, VIDEO, WORDS, interaction)
  assert np.abs(np.asarray(found).T - score).max() < error < 3e-4


def test_lambert():
  for x in (0.0, 0.1, 1.0, 64 / np.e, 1e6):
    w = close.lambert(x)
    assert w * np.exp(w) == pytest.approx(x, abs=1e-9)
