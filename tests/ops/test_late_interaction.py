import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.ops.late_interaction import late_interaction, mean_weights, normalize, tile_size

A, B, N_V, N_T, D = 6, 8, 5, 7, 16


@pytest.fixture
def inputs():
  rng = np.random.default_rng(0)
  tokens = lambda *shape: normalize(jnp.asarray(rng.standard_normal(shape), jnp.float32))
  video_mask = jnp.arange(N_V)[None] < rng.integers(1, N_V + 1, (A, 1))
  text_mask = jnp.arange(N_T)[None] < rng.integers(1, N_T + 1, (B, 1))
  return {
      "video": tokens(A, N_V, D), "text": tokens(B, N_T, D), "text_aug": tokens(B, N_T, D),
      "video_mask": video_mask, "text_mask": text_mask,
  }


def simple(x, pooling, masked, temperature=0.07):
  """Pair by pair, straight from the equations, in float64."""
  i2t, t2i = np.zeros((A, B)), np.zeros((A, B))

  def pool(row):
    if pooling == "max":
      return row.max()
    weights = np.exp((row - row.max()) / temperature)
    return (weights / weights.sum() * row).sum()

  array = {name: np.asarray(value, np.float64) for name, value in x.items()}
  for a in range(A):
    for b in range(B):
      v_ok, t_ok = np.asarray(x["video_mask"][a]), np.asarray(x["text_mask"][b])
      s = array["video"][a] @ array["text"][b].T
      s_aug = array["video"][a] @ array["text_aug"][b].T
      f = [pool(s[i][t_ok] if masked else s[i]) for i in range(N_V)]
      g = [pool(s_aug[:, j][v_ok] if masked else s_aug[:, j]) for j in range(N_T)]
      i2t[a, b] = np.mean(np.array(f)[v_ok])
      t2i[a, b] = np.mean(np.array(g)[t_ok])
  return i2t, t2i


def scores(x, pooling="softmax", masked=False, **kwargs):
  masks = {name: x[name] for name in ("video_mask", "text_mask")} if masked else {}
  return late_interaction(
      x["video"], x["text"], mean_weights(x["video_mask"]), mean_weights(x["text_mask"]),
      text_aug=x["text_aug"], pooling=pooling, **masks, **kwargs,
  )


@pytest.mark.parametrize("pooling", ["softmax", "max"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("max_elements", [2**20, A * N_V * N_T * 2, 1])
def test_equals_pair_by_pair(inputs, pooling, masked, max_elements):
  got = scores(inputs, pooling, masked, max_elements=max_elements)
  for ours, expected in zip(got, simple(inputs, pooling, masked), strict=True):
    np.testing.assert_allclose(ours, expected, atol=2e-6)


def test_masking_changes_the_scores(inputs):
  assert np.abs(scores(inputs, masked=True)[0] - scores(inputs, masked=False)[0]).max() > 1e-3


def test_gradients_do_not_depend_on_the_tile(inputs):
  def loss(video, text, max_elements):
    i2t, t2i = scores({**inputs, "video": video, "text": text}, max_elements=max_elements)
    return jnp.sum(jnp.sin(3 * i2t) + jnp.cos(2 * t2i))

  grads = [
      jax.grad(functools.partial(loss, max_elements=n), argnums=(0, 1))(
          inputs["video"], inputs["text"]
      )
      for n in (2**20, 1)
  ]
  for whole, tiled in zip(*grads, strict=True):
    np.testing.assert_allclose(tiled, whole, atol=1e-5 * np.abs(whole).max())


def test_memory_is_bound_by_the_tile():
  batch, tokens, words, dim = 128, 32, 16, 8
  shapes = [
      jax.ShapeDtypeStruct(s, jnp.float32)
      for s in ((batch, tokens, dim), (batch, words, dim), (batch, tokens), (batch, words))
  ]

  def temporaries(max_elements):
    def loss(*args):
      return sum(x.sum() for x in late_interaction(*args, max_elements=max_elements))

    compiled = jax.jit(jax.grad(loss, argnums=(0, 1))).lower(*shapes).compile()
    return compiled.memory_analysis().temp_size_in_bytes

  whole = batch * batch * tokens * words
  assert temporaries(whole // 16) < temporaries(whole) / 6


def test_tile_size_divides():
  assert tile_size(4, 4, 12, 4, 64 * 5) == 4
  assert tile_size(4, 4, 12, 4, 1) == 1
  assert tile_size(4, 4, 12, 4, 10**9) == 12


def test_one_mask_alone_is_refused(inputs):
  with pytest.raises(ValueError, match="both masks"):
    late_interaction(
        inputs["video"], inputs["text"], mean_weights(inputs["video_mask"]),
        mean_weights(inputs["text_mask"]), video_mask=inputs["video_mask"],
    )


def test_bfloat16_tokens_are_normalised_in_float32():
  x = jax.random.normal(jax.random.key(0), (500, 512), jnp.bfloat16)
  norms = jnp.linalg.norm(normalize(x).astype(jnp.float32), axis=-1)
  assert normalize(x).dtype == jnp.bfloat16
  assert np.abs(norms - 1).max() < 1.5e-3


def diagonal_scores(x, masked, **kwargs):
  """Two streams of the same windows: sums over valid ones, as SEDS matches them."""
  masks = {"video_mask": x["video_mask"], "text_mask": x["other_mask"]} if masked else {}
  weights = (x[name].astype(jnp.float32) for name in ("video_mask", "other_mask"))
  return late_interaction(x["video"], x["other"], *weights, pooling="diagonal", **masks, **kwargs)


@pytest.fixture
def streams(inputs):
  rng = np.random.default_rng(1)
  other = normalize(jnp.asarray(rng.standard_normal((B, N_V, D)), jnp.float32))
  other_mask = jnp.arange(N_V)[None] < rng.integers(1, N_V + 1, (B, 1))
  return {**inputs, "other": other, "other_mask": other_mask}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("max_elements", [2**20, A * N_V * N_V * 2, 1])
def test_diagonal_equals_pair_by_pair(streams, masked, max_elements):
  got = diagonal_scores(streams, masked, max_elements=max_elements)
  expected = np.zeros((2, A, B))
  for a, b in np.ndindex(A, B):
    s = np.asarray(streams["video"][a], np.float64) @ np.asarray(streams["other"][b]).T
    ours, others = np.asarray(streams["video_mask"][a]), np.asarray(streams["other_mask"][b])
    shares = np.exp(s / 0.07)
    over_others = shares / (shares * (others if masked else 1)).sum(1, keepdims=True)
    over_ours = shares / (shares * (ours[:, None] if masked else 1)).sum(0)
    for i in range(N_V):
      both = ours[i] and others[i] if masked else True  # a masked window has no share
      expected[0, a, b] += s[i, i] * over_others[i, i] * (ours[i] and both)
      expected[1, a, b] += s[i, i] * over_ours[i, i] * (others[i] and both)
  for ours, theirs in zip(got, expected, strict=True):
    np.testing.assert_allclose(ours, theirs, atol=3e-6)


def test_gradients_of_the_diagonal_do_not_depend_on_the_tile(streams):
  def loss(video, other, max_elements):
    x = {**streams, "video": video, "other": other}
    i2t, t2i = diagonal_scores(x, False, max_elements=max_elements)
    return jnp.sum(jnp.sin(3 * i2t) + jnp.cos(2 * t2i))

  whole, tiled = (
      jax.grad(functools.partial(loss, max_elements=n), argnums=(0, 1))(
          streams["video"], streams["other"]
      )
      for n in (2**20, 1)
  )
  for one, other in zip(whole, tiled, strict=True):
    np.testing.assert_allclose(other, one, atol=1e-5 * np.abs(one).max())


def test_memory_of_the_diagonal_is_bound_by_the_tile():
  batch, tokens, dim = 128, 24, 8
  shape, weights = ((batch, tokens, dim), jnp.float32), ((batch, tokens), jnp.float32)
  shapes = [jax.ShapeDtypeStruct(*s) for s in (shape, shape, weights, weights)]

  def temporaries(max_elements):
    def loss(*args):
      scores = late_interaction(*args, pooling="diagonal", max_elements=max_elements)
      return sum(x.sum() for x in scores)

    compiled = jax.jit(jax.grad(loss, argnums=(0, 1))).lower(*shapes).compile()
    return compiled.memory_analysis().temp_size_in_bytes

  whole = batch * batch * tokens * tokens
  assert temporaries(whole // 16) < temporaries(whole) / 6
