import functools

import flax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.modules import stgcn
from sign_jax.modules.skeleton import BODY

pytestmark = pytest.mark.usefixtures("quick_compile")
BATCH, FRAMES, WINDOWS, WIDTH = 3, 30, 6, 4
COUNTS = np.array([6, 2, 4])
VALID = np.arange(WINDOWS) < COUNTS[:, None]
STARTS = np.int32([[0, 2, 5, 8, 11, 14], [0, 2, -1, -1, -1, -1], [0, 2, 5, 8, -1, -1]])
LENGTHS = np.array([30, 18, 24])
FRAMES_VALID = np.arange(FRAMES) < LENGTHS[:, None]
RNG = np.random.default_rng(0)
JOINTS = {
  name: RNG.standard_normal((BATCH, FRAMES, joints, 2)).astype(np.float32)
  for name, joints in (("right", 21), ("left", 21), ("body", 7))
}
FEATURES = RNG.standard_normal((BATCH, FRAMES, 12 * WIDTH)).astype(np.float32)


@functools.cache
def variables():
  """Drawn by numpy; statistics and scales are not as they begin."""
  pose = {**JOINTS, "frames_valid": FRAMES_VALID, "clips_start": STARTS}
  shapes = jax.eval_shape(stgcn.PoseEncoder(WIDTH).init, jax.random.key(0), pose, VALID)

  def draw(path, leaf):
    noise = RNG.standard_normal(leaf.shape).astype(np.float32)
    if path[-1].key == "kernel":
      return noise * float(np.prod(leaf.shape[:-1]) ** -0.5)
    return 1 + 0.1 * np.abs(noise) if path[-1].key in ("scale", "var") else 0.1 * noise

  return jax.tree_util.tree_map_with_path(draw, shapes)


def part(name):
  return {kind: tree[name] for kind, tree in variables().items()}


@functools.cache
def body(train, **kwargs):
  """A compiled encoder of the body: (joints, frames_valid, key) -> (features, statistics)."""
  model = stgcn.GroupEncoder(BODY, WIDTH, **{"dropout": 0.0, "head_dropout": 0.0, **kwargs})
  return jax.jit(
    lambda joints, valid, key: model.apply(
      part("st_gcn_body"), joints, valid, train, mutable=["batch_stats"], rngs={"dropout": key}
    )
  )


@functools.cache
def windows(train, size=None):
  """A compiled step on windows: features -> ((sum, (means, statistics)), gradients)."""
  model = stgcn.PoseEncoder(WIDTH, max_windows=size)

  def total(params, features):
    out, updates = model.apply(
      {**variables(), "params": params}, features, STARTS, VALID, train,
      method="encode_windows", mutable=["batch_stats"],
    )  # fmt: skip
    return jnp.sin(out).sum(), (out, updates["batch_stats"]["GCN_Conv"])

  return jax.jit(jax.value_and_grad(total, argnums=(0, 1), has_aux=True))


def step(function, *args):
  """(outputs and statistics, gradients), without a gradient that is zero in theory."""
  (_, out), (grads, to_features) = function(*args)
  grads = dict(grads.get("GCN_Conv", grads))
  grads["conv1x1"] = {"kernel": grads["conv1x1"]["kernel"]}
  return out, (grads, to_features)


def assert_trees_close(ours, expected, tolerance):
  for (path, a), b in zip(
    jax.tree_util.tree_leaves_with_path(ours), jax.tree.leaves(expected), strict=True
  ):
    assert np.abs(a - b).max() <= tolerance * np.abs(b).max(), jax.tree_util.keystr(path)


@pytest.mark.parametrize("train", [False, True])
def test_padding_frames_reach_nothing(train):
  joints, key = JOINTS["body"], jax.random.key(0)
  noisy = np.where(FRAMES_VALID[..., None, None], joints, 1e3)
  (ours, stats), (expected, expected_stats) = (
    body(train)(x, FRAMES_VALID, key) for x in (noisy, joints)
  )
  np.testing.assert_array_equal(ours[FRAMES_VALID], expected[FRAMES_VALID])
  jax.tree.map(np.testing.assert_array_equal, stats, expected_stats)


def test_a_padded_video_is_encoded_as_alone():
  joints, key = JOINTS["body"], jax.random.key(0)
  padded, _ = body(False)(joints, FRAMES_VALID, key)
  alone, _ = body(False)(joints[1:2, :18], FRAMES_VALID[1:2, :18], key)
  np.testing.assert_allclose(padded[1:2, :18], alone, atol=1e-5)


def test_the_statistics_are_those_of_the_frames_alone():
  _, updates = body(True)(JOINTS["body"], FRAMES_VALID, jax.random.key(0))
  frames = JOINTS["body"][FRAMES_VALID].reshape(-1, 14)
  before = part("st_gcn_body")["batch_stats"]["data_bn"]
  after = updates["batch_stats"]["data_bn"]
  np.testing.assert_allclose(after["mean"], 0.9 * before["mean"] + 0.1 * frames.mean(0), atol=1e-6)
  np.testing.assert_allclose(after["var"], 0.9 * before["var"] + 0.1 * frames.var(0, ddof=1), 1e-5)


def test_dropout_is_for_training():
  rates = {"dropout": 0.05, "head_dropout": 0.25}
  run = lambda train, seed: body(train, **rates)(
    JOINTS["body"], FRAMES_VALID, jax.random.key(seed)
  )[0]  # fmt: skip
  assert not np.allclose(run(True, 0), run(True, 1))
  model = stgcn.GroupEncoder(BODY, WIDTH, **rates)
  without_a_key = lambda train: jax.eval_shape(
    lambda x: model.apply(part("st_gcn_body"), x, FRAMES_VALID, train, mutable=["batch_stats"]),
    JOINTS["body"],
  )  # fmt: skip
  without_a_key(False)  # and so without randomness
  with pytest.raises(flax.errors.InvalidRngError):
    without_a_key(True)


def test_bfloat16_computes_about_the_same():
  half, full = (
    encode(JOINTS["body"], FRAMES_VALID, jax.random.key(0))[0]
    for encode in (body(False, dtype=jnp.bfloat16), body(False))
  )
  assert half.dtype == jnp.bfloat16
  assert 0 < np.abs(half.astype(np.float32) - full).max() < 0.1 * np.abs(full).max()


def test_the_groups_in_a_frame():
  """Left, right, body, zeros where padding is; the right hand updates shared statistics first."""
  model = stgcn.PoseEncoder(WIDTH, dropout=0.0, head_dropout=0.0)

  @jax.jit
  def encode(joints):
    pose = {**joints, "frames_valid": FRAMES_VALID}
    return model.apply(variables(), pose, True, method="encode_frames", mutable=["batch_stats"])

  before, updates = encode(JOINTS)
  assert not np.any(before[~FRAMES_VALID])
  for i, name in enumerate(("left", "right", "body")):
    after, _ = encode({**JOINTS, name: JOINTS[name][::-1]})
    changed = np.any(after != before, axis=(0, 1)).reshape(3, -1).any(1)
    np.testing.assert_array_equal(np.flatnonzero(changed), [i])
  mean = part("st_gcn_hand")["batch_stats"]["data_bn"]["mean"]
  for hand in ("right", "left"):
    mean = 0.9 * mean + 0.1 * JOINTS[hand][FRAMES_VALID].reshape(-1, 42).mean(0)
  found = updates["batch_stats"]["st_gcn_hand"]["data_bn"]["mean"]
  np.testing.assert_allclose(found, mean, atol=1e-6)


@pytest.mark.parametrize("train", [False, True])
def test_padding_windows_count_as_windows_of_zeros(train):
  """Against windows that are all there, those of padding zeros, as released."""
  block, own = stgcn.TemporalBlock(), part("GCN_Conv")

  def total(params, features):
    at = np.maximum(STARTS, 0)[..., None] + np.arange(16)
    cut = features[np.arange(BATCH)[:, None, None], at] * VALID[..., None, None]
    out, updates = block.apply({**own, "params": params}, cut, train, mutable=["batch_stats"])
    out = out.mean(2)
    return jnp.sin(out).sum(), (out, updates["batch_stats"])

  materialised = jax.jit(jax.value_and_grad(total, argnums=(0, 1), has_aux=True))
  expected = step(materialised, own["params"], FEATURES)
  assert_trees_close(step(windows(train), variables()["params"], FEATURES), expected, 1e-4)


@pytest.mark.parametrize(("train", "size"), [(False, 12), (True, 15)])
def test_compact_windows_give_the_same(train, size):
  ours, expected = (
    step(windows(train, n), variables()["params"], FEATURES) for n in (size, None)
  )
  assert_trees_close(ours, expected, 1e-4)


def test_windows_beyond_the_places_are_not_lost_silently():
  (_, (out, _)), _ = windows(False, 11)(variables()["params"], FEATURES)
  missing = np.zeros_like(VALID)
  missing[2, 3] = True
  np.testing.assert_array_equal(np.isnan(out).all(-1), missing)
  assert np.isfinite(out[~missing]).all()


def test_compact_windows_need_less_memory():
  features = jax.ShapeDtypeStruct((16, 40, 12 * WIDTH), jnp.float32)
  starts = jax.ShapeDtypeStruct((16, 64), jnp.int32)

  def temporaries(size):
    model = stgcn.PoseEncoder(WIDTH, max_windows=size)

    def loss(params, features, starts):
      out, _ = model.apply(
        {**variables(), "params": params}, features, starts, starts >= 0, True,
        method="encode_windows", mutable=["batch_stats"],
      )  # fmt: skip
      return out.sum()

    compiled = jax.jit(jax.grad(loss)).lower(variables()["params"], features, starts).compile()
    return compiled.memory_analysis().temp_size_in_bytes

  assert temporaries(128) < temporaries(None) / 5
