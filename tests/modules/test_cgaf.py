import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.modules import cgaf

pytestmark = pytest.mark.usefixtures("quick_compile")
BATCH, LENGTH, WIDTH = 3, 12, 16
MASK = np.arange(LENGTH)[None] < np.array([[6], [12], [2]])
RNG = np.random.default_rng(0)
POSE, RGB = RNG.standard_normal((2, BATCH, LENGTH, WIDTH)).astype(np.float32)
DEFAULTS = {
  "keys": (5, 3), "heads": 2, "roles": "released", "sampling": "released", "merge": "released",
  "dropout": 0.1, "dtype": jnp.float32,
}  # fmt: skip
KINDS = ("cgaf", "cross_attention", "add_mlp", "concat_mlp", "concat_transformer")


@functools.cache
def fusion(kind, in_training, **changes):
  """A compiled function of (key, pose, rgb, mask), with the same weights for all variants."""
  model = cgaf.build_fusion(kind, **{**DEFAULTS, **changes})
  shapes = jax.eval_shape(model.init, jax.random.key(0), POSE, RGB, MASK)

  def draw(path, leaf):
    rng = np.random.default_rng(sum(map(ord, jax.tree_util.keystr(path))))
    if path[-1].key == "scale":
      return np.ones(leaf.shape, np.float32)
    return rng.standard_normal(leaf.shape).astype(np.float32) * leaf.shape[0] ** -0.5

  variables = jax.tree_util.tree_map_with_path(draw, shapes)

  def apply(key, *args):
    rngs = {"dropout": key} if in_training else None
    return model.apply(variables, *args, not in_training, rngs=rngs)

  return jax.jit(apply)


def fuse(kind="cgaf", mask=MASK, pose=POSE, rgb=RGB, seed=None, **changes):
  """Fused tokens."""
  key = jax.random.key(seed or 0)
  return np.asarray(fusion(kind, seed is not None, **changes)(key, pose, rgb, mask))


@pytest.mark.parametrize("kind", KINDS)
def test_every_fusion_keeps_the_shape_and_reads_both_streams(kind):
  out = fuse(kind)
  assert out.shape == POSE.shape and np.isfinite(out).all()
  assert not np.allclose(fuse(kind, pose=POSE[::-1]), out)
  assert not np.allclose(fuse(kind, rgb=RGB[::-1]), out)


def test_the_fusions_differ():
  found = [fuse(kind) for kind in KINDS]
  for i, one in enumerate(found):
    assert all(np.abs(one - other).max() > 0.1 for other in found[:i])


def test_an_unknown_fusion_is_refused():
  with pytest.raises(ValueError, match="unknown fusion 'sum'"):
    cgaf.build_fusion("sum", **DEFAULTS)


@pytest.mark.parametrize("switch", [{"roles": "paper"}, {"sampling": "exact"}, {"merge": "paper"}])
def test_every_switch_is_another_computation(switch):
  assert np.abs(fuse(**switch) - fuse()).max() > 1e-2


def test_the_merge_of_the_paper_is_equation_3():
  """The released one, normalised and with the streams added, is proved by golden numbers."""
  merge = cgaf.Merge("paper")
  variables = merge.init(jax.random.key(0), POSE, RGB)
  mlp = cgaf.Mlp(WIDTH)
  both = np.concatenate([POSE, RGB], axis=-1)
  expected = mlp.apply({"params": variables["params"]["mlp"]}, both) + POSE + RGB
  np.testing.assert_allclose(merge.apply(variables, POSE, RGB), expected, rtol=1e-6)
  assert set(variables["params"]) == {"mlp"}


def attention(query, key, value, keys, sampling="exact", bias=0.0, mask=MASK):
  """Output of `CrossAttention` of one head with identities for projections."""
  model = cgaf.CrossAttention(1, keys, sampling, dropout=0.0)
  identity = {"kernel": jnp.eye(WIDTH), "bias": jnp.zeros(WIDTH)}
  params = {f"{name}_layer": identity for name in ("q", "k", "v", "output")}
  if keys:
    params["sample_offsets"] = {
      "kernel": jnp.zeros((WIDTH, keys)), "bias": jnp.full(keys, bias, jnp.float32)
    }  # fmt: skip
  return np.asarray(model.apply({"params": params}, query, key, value, mask))


@pytest.mark.parametrize(("keys", "first"), [(5, -3), (3, -2)])
@pytest.mark.parametrize("bias", [0.0, 0.3, -7.0])
def test_exact_gloss_attention_token_by_token(keys, first, bias):
  """Positions wrap at the number of valid windows; between two tokens both are read."""
  out = attention(POSE, RGB, POSE, keys, bias=bias)
  at = np.arange(LENGTH)
  for b, t in np.ndindex(BATCH, LENGTH):
    windows = MASK[b].sum() - 1
    places = (t + first + np.arange(keys) + bias) % windows
    read = lambda x, b=b, places=places: np.stack(
      [np.interp(places, at, x[b, :, c]) for c in range(WIDTH)], -1
    )
    scores = read(RGB) @ POSE[b, t] / 4
    weights = np.exp(scores - scores.max())
    expected = weights / weights.sum() @ read(POSE)
    np.testing.assert_allclose(out[b, t], expected, atol=2e-5)


def test_gloss_attention_is_local_and_cross_attention_is_not():
  changed = RGB.copy()
  changed[1, 11] += 3.0
  differs = lambda keys: np.any(
    attention(POSE, changed, changed, keys) != attention(POSE, RGB, RGB, keys), axis=-1
  )[1]
  # Reading 10.x would touch 11: with 11 windows the last place is 10.
  assert not differs(3).any()
  assert differs(None).all()
  changed[1, 11], changed[1, 4] = RGB[1, 11], changed[1, 4] + 3.0
  np.testing.assert_array_equal(np.flatnonzero(differs(3)), [4, 5, 6])


def test_full_attention_leaves_padding_out():
  changed = np.where(MASK[..., None], RGB, 9.0).astype(np.float32)
  np.testing.assert_allclose(
    attention(POSE, changed, changed, None), attention(POSE, RGB, RGB, None), atol=1e-6
  )


def test_a_video_without_windows_stays_finite():
  mask = np.zeros_like(MASK)
  mask[:, 0] = True
  assert np.isfinite(fuse(mask=mask)).all()


@pytest.mark.parametrize("kind", ["cgaf", "cross_attention"])
def test_dropout_is_for_training(kind):
  assert not np.allclose(fuse(kind, seed=0), fuse(kind, seed=1))
  np.testing.assert_array_equal(fuse(kind), fuse(kind))


def test_sinusoids_interleave():
  places = cgaf.sinusoids(5, 4)
  np.testing.assert_allclose(places[0], [0, 1, 0, 1])
  expected = [np.sin(3), np.cos(3), np.sin(0.03), np.cos(0.03)]
  np.testing.assert_allclose(places[3], expected, rtol=1e-6)
