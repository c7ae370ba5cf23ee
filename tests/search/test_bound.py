"""A bound is never below the score that the evaluation computes, whatever the tokens."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.ops.late_interaction import late_interaction
from sign_jax.search import bound, close, codes, softmax_bound

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


SLACK = bound.rounding(WIDTH, VIDEO, WORDS)
SOFT, HARD = close.Interaction("softmax", False, 0.07), close.Interaction("max", True, 0.07)


@functools.partial(jax.jit, static_argnames="interaction")
def found(video, text, w, u, basis, interaction):
  """(scores, bounds from codes, close scores, tighter bounds from codes), (TEXTS, CLIPS) each."""
  masks = {"video_mask": w > 0, "text_mask": u > 0} if interaction.mask_padding else {}
  score = 0.5 * sum(late_interaction(
      video, text, w, u, pooling=interaction.pooling, temperature=interaction.temperature, **masks
  ))
  code = jnp.concatenate(codes.parts(basis, video), axis=-1)
  query = bound.Query(codes.of_query(basis, text), u, u > 0)
  loose = bound.upper(code, w, w > 0, query, interaction.mask_padding)
  texts = close.Sentences(text, u, u > 0)
  near = close.scores(video, w, w > 0, texts, interaction, video.dtype.name)
  tight = loose
  if is_soft(interaction):
    tight = softmax_bound.upper(code, w, w > 0, query, interaction, SLACK)
  return score.T, loose, near, tight


def is_soft(interaction):
  return interaction.pooling != "max" and interaction.temperature >= softmax_bound.LEAST_TEMPERATURE


@pytest.fixture(scope="module")
def basis():
  """Of clustered tokens; a bound holds for tokens of any other kind."""
  return codes.fit(tokens("clustered", np.random.default_rng(5), 40, 9).reshape(-1, WIDTH), 30)


@pytest.mark.parametrize(("interaction", "dtype"), [
    (SOFT, jnp.float32), (HARD, jnp.float32), (SOFT, jnp.bfloat16),
    (SOFT._replace(temperature=0.004), jnp.float32), (SOFT._replace(temperature=1.0), jnp.float32),
    (SOFT._replace(mask_padding=True), jnp.float32),
    (SOFT._replace(temperature=softmax_bound.LEAST_TEMPERATURE), jnp.float32),
])  # fmt: skip
def test_a_bound_is_never_below_the_score(interaction, dtype, basis):
  rng = np.random.default_rng(0)
  error = close.error(WIDTH, VIDEO, WORDS, interaction)
  for kind in ("random", "clustered", "same", "wild") * 8:
    video = jnp.asarray(tokens(kind, rng, CLIPS, VIDEO), dtype)
    text = jnp.asarray(tokens(kind, rng, TEXTS, WORDS), dtype)
    w, u = weights(rng, (CLIPS, VIDEO)), weights(rng, (TEXTS, WORDS))
    score, upper, near, tight = map(np.asarray, found(video, text, w, u, basis, interaction))
    assert (upper + SLACK >= score).all(), kind
    assert (tight + error >= score).all(), kind
    assert np.abs(near - score).max() < error < 3e-4, kind
    if kind == "clustered" and interaction == HARD:
      assert (upper - score).max() < 0.1  # the bound says something
    if kind == "clustered" and is_soft(interaction):
      assert np.median(tight - score) < 0.8 * np.median(upper - score)


def test_codes_of_all_channels_are_close():
  rng = np.random.default_rng(0)
  video, text = (tokens("random", rng, 5, n)[..., :20] for n in (VIDEO, WORDS))
  basis = codes.fit(video.reshape(-1, 20), codes.columns(20) - 2)
  code, query = codes.encode(basis, video), codes.of_query(basis, text)
  product = np.einsum("cnk,qmk->cqnm", code.astype(np.float32), query)
  unit = lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True)
  exact = np.einsum("cnd,qmd->cqnm", unit(video), unit(text))
  assert (product >= exact - 1e-6).all() and (product - exact).max() < 3e-3


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("is_masked", [False, True])
def test_a_bound_of_both_ends_holds_for_the_worst_values_that_codes_allow(is_masked, axis):
  """Values at whichever end of what codes allow makes the mean largest, as if tokens were so."""
  rng, count = np.random.default_rng(0), 0
  interaction = SOFT._replace(mask_padding=is_masked)
  for _ in range(200):
    # Along axis 1 each token of the clip has a reach of its own; along axis 2 there is one token.
    reach = 10 ** rng.uniform(-3, -0.5, 7 if axis == 1 else 1) * np.ones(7)
    mask = (rng.random(7) < 0.7) | (np.arange(7) == rng.integers(7))
    there = mask if is_masked else np.ones(7, bool)
    high = rng.uniform(-1, 1, 7)
    ends = np.stack([high - 2 * reach, high])
    chosen = ends[np.array(list(itertools.product((0, 1), repeat=7))), np.arange(7)][:, there]
    powers = np.exp(chosen / 0.07)
    worst = ((powers * chosen).sum(1) / powers.sum(1)).max()
    shape = (1, 7, 1) if axis == 1 else (1, 1, 7)
    array, every = jnp.asarray(high, jnp.float32).reshape(shape), jnp.asarray(reach, jnp.float32)
    every = every.reshape(shape) if axis == 1 else every[:1].reshape(1, 1, 1)
    found = softmax_bound.pooled(
        array, jnp.exp(array / 0.07), every, interaction, mask.reshape(shape), axis
    )
    assert worst - 1e-6 <= float(found[0, 0]) <= high[there].max() + 1e-6
    count += float(found[0, 0]) < worst + 0.5 * (high[there].max() - worst)
  assert count > 60  # closer to the worst than the largest value is


def test_a_basis_suits_the_sentences_that_are_known():
  rng = np.random.default_rng(0)
  video, text = np.zeros((300, WIDTH)), np.zeros((20, WIDTH))
  video[:, :40], text[:, 60:80] = rng.standard_normal((300, 40)), rng.standard_normal((20, 20))
  left = lambda basis, x: np.linalg.norm(x - x @ basis @ basis.T) / np.linalg.norm(x)
  alone, both = codes.fit(video, 50), codes.fit(video, 60, text)
  assert left(alone, text) > 0.9 and max(left(both, video), left(both, text)) < 1e-5


def test_a_scan_is_the_same_in_tiles_of_any_size(basis):
  rng = np.random.default_rng(0)
  video, text = tokens("clustered", rng, 33, VIDEO), tokens("clustered", rng, 3, WORDS)
  w, u = weights(rng, (33, VIDEO)), weights(rng, (3, WORDS))
  arrays = {"codes": codes.encode(basis, video), "weights": w, "mask": w > 0}
  query = bound.Query(codes.of_query(basis, text), u, u > 0)
  tile = lambda a, b: (a, {name: x[a:b] for name, x in arrays.items()})
  compute = lambda x: bound.upper(**x, query=query, mask_padding=False)
  padded = lambda size: lambda arrays: compute(bound.filled(arrays, size))
  whole, seen = bound.scan([tile(0, 33)], compute, 3, 33)
  assert seen.all()
  parts, _ = bound.scan([tile(0, 16), tile(16, 32), tile(32, 33)], padded(16), 3, 33)
  np.testing.assert_allclose(parts, whole, atol=1e-6)
  _, seen = bound.scan([tile(0, 16), tile(16, 32)], padded(16), 3, 33, lambda: True)
  assert seen[:16].all() and not seen[16:].any()


def test_lambert():
  for x in (0.0, 0.1, 1.0, 64 / np.e, 1e6):
    w = close.lambert(x)
    assert w * np.exp(w) == pytest.approx(x, abs=1e-9)
