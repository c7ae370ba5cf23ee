import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.ops.late_interaction import late_interaction, mean_weights, normalize
from sign_jax.ops.late_interaction_tiles import tile_shape
from tests import program

# Unoptimised, XLA's older emitter gives NaN for gradients of sequences that are filled up.
pytestmark = pytest.mark.usefixtures("full_compile")
A, B, N_V, N_T, D = 6, 8, 5, 7, 16
TEMPERATURE = 0.07
CASES = [  # pooling, masked, text_aug
    ("softmax", False, True), ("softmax", True, True), ("softmax", True, False),
    ("max", False, True), ("max", True, False), ("diagonal", False, False),
    ("diagonal", True, False),
]  # fmt: skip


@pytest.fixture(scope="module")
def inputs():
  """Tokens, not normalised, and masks with at least one valid token a row.

  The last two tokens of a sequence are the same, so that they tie for the maximum. `other` has as
  many tokens as `video`.
  """
  rng = np.random.default_rng(0)

  def tokens(*shape):
    x = rng.standard_normal(shape, np.float32)
    x[:, -1] = x[:, -2]
    return jnp.asarray(x)

  mask = lambda size, count: jnp.arange(count)[None] < rng.integers(1, count + 1, (size, 1))
  return {
      "video": tokens(A, N_V, D), "text": tokens(B, N_T, D), "text_aug": tokens(B, N_T, D),
      "other": tokens(B, N_V, D),
      "video_mask": mask(A, N_V), "text_mask": mask(B, N_T), "other_mask": mask(B, N_V),
  }


def arguments(x, pooling, masked, aug):
  """Float arguments of `late_interaction`, and its masks."""
  text = "other" if pooling == "diagonal" else "text"
  video_mask, text_mask = x["video_mask"], x[f"{text}_mask"]
  arrays = {
      "video": x["video"], "text": x[text],
      "video_weights": mean_weights(video_mask), "text_weights": mean_weights(text_mask),
      **({"text_aug": x["text_aug"]} if aug else {}),
  }
  return arrays, {"video_mask": video_mask, "text_mask": text_mask} if masked else {}


def untiled(pooling, video, text, video_weights, text_weights, text_aug=None, **masks):
  """The whole tensor at once, pooled by gathering or summing."""
  unit = lambda x: x / jnp.linalg.norm(x, axis=-1, keepdims=True)
  text_aug = text if text_aug is None else text_aug

  def pool(s, mask, axis):
    kept = jnp.where(mask, s, -1e9)
    if pooling == "max":
      first = jnp.argmax(kept, axis, keepdims=True)
      return jnp.take_along_axis(s, first, axis).squeeze(axis)
    terms = jax.nn.softmax(kept / TEMPERATURE, axis) * s
    if pooling == "diagonal":  # (A, B, N) -> without the axis
      return jnp.moveaxis(jnp.diagonal(terms, axis1=1, axis2=3), 1, 2 if axis == 3 else 1)
    return terms.sum(axis)

  s, s_aug = (jnp.einsum("aid,bjd->aibj", unit(video), unit(x)) for x in (text, text_aug))
  every = lambda x: jnp.ones(x.shape[:2], bool)
  f = pool(s, masks.get("text_mask", every(text))[None, None], 3)
  g = pool(s_aug, masks.get("video_mask", every(video))[:, :, None, None], 1)
  return jnp.einsum("aib,ai->ab", f, video_weights), jnp.einsum("abj,bj->ab", g, text_weights)


# One program each: step by step, most of the time would go into compiling the steps.
scores = jax.jit(late_interaction, static_argnames=("pooling", "max_elements"))
whole = jax.jit(untiled, static_argnums=0)


# The whole tensor's program has no such sequences.
UNOPTIMISED = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def scores_and_gradients(function, arrays, masks, options=None):
  def total(arrays):
    i2t, t2i = function(**arrays, **masks)
    return jnp.sum(jnp.sin(3 * i2t) + jnp.cos(2 * t2i)), (i2t, t2i)

  grads, scores = jax.jit(jax.grad(total, has_aux=True), compiler_options=options)(arrays)
  return {"i2t": scores[0], "t2i": scores[1], **grads}


@pytest.mark.parametrize(("pooling", "masked", "aug"), CASES)
def test_scores_and_all_gradients_are_those_of_the_untiled(
    inputs, pooling, masked, aug
):
  arrays, masks = arguments(inputs, pooling, masked, aug)

  def tiled(**given):
    return late_interaction(**given, pooling=pooling, max_elements=150)  # many tiles

  got = scores_and_gradients(tiled, arrays, masks)
  expected = scores_and_gradients(lambda **x: untiled(pooling, **x), arrays, masks, UNOPTIMISED)
  for name, x in expected.items():
    if "weights" in name:
      x = np.where(arrays[name] == 0, 0, x)
    np.testing.assert_allclose(got[name], x, atol=1e-5 * np.abs(x).max(), err_msg=name)
    assert np.abs(x).max() > 1e-3, name


@pytest.mark.parametrize("max_elements", [0, 1])
def test_no_tile_changes_the_result(inputs, max_elements):
  arrays, masks = arguments(inputs, "softmax", True, True)
  got = scores(**arrays, **masks, max_elements=max_elements)
  for ours, expected in zip(got, whole("softmax", **arrays, **masks), strict=True):
    np.testing.assert_allclose(ours, expected, atol=2e-6)


def test_a_prime_number_of_sequences_is_filled_up(inputs):
  x = {k: v[:5] if k.startswith("video") else v[:7] for k, v in inputs.items()}
  arrays, masks = arguments(x, "softmax", True, True)
  tiled = functools.partial(late_interaction, max_elements=180)
  assert [tile_shape(40, *sizes, 180)[1] for sizes in ((7, N_T), (5, N_V))] == [2, 3]
  got = scores_and_gradients(tiled, arrays, masks)
  reference = functools.partial(untiled, "softmax")
  expected = scores_and_gradients(reference, arrays, masks, UNOPTIMISED)
  for name, x in expected.items():
    if "weights" in name:
      x = np.where(arrays[name] == 0, 0, x)
    np.testing.assert_allclose(got[name], x, atol=1e-5 * np.abs(x).max(), err_msg=name)


def test_pair_by_pair(inputs):
  arrays, masks = arguments(inputs, "softmax", True, True)
  got = scores(**arrays, **masks, max_elements=0)
  unit = lambda x: np.asarray(x, np.float64) / np.linalg.norm(x, axis=-1, keepdims=True)
  mean = lambda row: (np.exp(row / TEMPERATURE) * row).sum() / np.exp(row / TEMPERATURE).sum()
  for a, b in np.ndindex(A, B):
    clips = unit(inputs["video"][a])[inputs["video_mask"][a]]
    words, aug = (unit(inputs[x][b])[inputs["text_mask"][b]] for x in ("text", "text_aug"))
    expected = [np.mean([mean(row) for row in s]) for s in (clips @ words.T, aug @ clips.T)]
    np.testing.assert_allclose([x[a, b] for x in got], expected, atol=2e-6)


def test_masking_changes_the_scores(inputs):
  arrays, masks = arguments(inputs, "softmax", True, True)
  apart = scores(**arrays, **masks, max_elements=0)[0] - scores(**arrays)[0]
  assert np.abs(apart).max() > 1e-3


def test_bfloat16_operands_have_float32_sums(inputs):
  arrays, masks = arguments(inputs, "softmax", False, True)
  tokens = ("video", "text", "text_aug")
  narrow = {name: x.astype(jnp.bfloat16) if name in tokens else x for name, x in arrays.items()}
  got = scores_and_gradients(late_interaction, narrow, masks)
  expected = scores_and_gradients(late_interaction, arrays, masks)
  for name, x in expected.items():
    assert got[name].dtype == (jnp.bfloat16 if name in tokens else jnp.float32)
    np.testing.assert_allclose(
        got[name].astype(jnp.float32), x, atol=0.05 * np.abs(x).max(), err_msg=name
    )


def temporaries(batch):
  """Bytes for value and gradient of UPRet's similarity, compiled and not run."""
  shape = lambda *sizes: jax.ShapeDtypeStruct((batch, *sizes), jnp.float32)

  def total(video, text, text_aug, *weights):
    return sum(x.sum() for x in late_interaction(video, text, *weights, text_aug=text_aug))

  step = jax.jit(jax.value_and_grad(total, argnums=(0, 1, 2, 3, 4)))
  shapes = shape(65, 512), shape(32, 512), shape(32, 512), shape(65), shape(32)
  return step.lower(*shapes).compile().memory_analysis().temp_size_in_bytes


def test_memory_of_large_batches():
  small, large = temporaries(1024), temporaries(2048)
  assert large <= 2**30
  assert large <= 3 * small


def test_devices_share_work_and_memory(tmp_path):
  path = tmp_path / "devices.json"
  status, _, error = program.run("tests.ops.late_interaction_on_devices", path, devices=8)
  assert status == 0, error
  found = json.loads(path.read_text())
  one = found["1"]
  for devices in ("2", "8"):
    assert found[devices]["temporaries"] <= 1.25 * one["temporaries"] / int(devices)
    for ours, expected in zip(found[devices]["arrays"], one["arrays"], strict=True):
      np.testing.assert_allclose(ours, expected, atol=1e-5 * np.abs(expected).max())
  assert len(one["uneven"]) == len(one["arrays"])
  for ours, expected in zip(found["8"]["uneven"], one["uneven"], strict=True):
    np.testing.assert_allclose(ours, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(("max_elements", "shape"), [
  (10**9, (130, 24)), (2**12, (85, 12)), (2**9, (16, 8)), (1, (1, 1)),
])
def test_tile_shape(max_elements, shape):
  rows, sequences = tile_shape(130, 24, 4, max_elements)
  assert (rows, sequences) == shape
  assert rows * sequences * 4 <= max(max_elements, 4)


@pytest.mark.parametrize(("sequences", "tiles"), [(257, 9), (514, 17), (521, 17)])
def test_tiles_stay_wide_where_no_width_divides(sequences, tiles):
  _, width = tile_shape(10**6, sequences, 4, 2**13)
  assert width <= 32 and -(-sequences // width) == tiles
  assert width * tiles < sequences + tiles  # little is filled up


def test_one_mask_alone_is_refused(inputs):
  arrays, masks = arguments(inputs, "softmax", True, True)
  with pytest.raises(ValueError, match="both masks"):
    late_interaction(**arrays, video_mask=masks["video_mask"])


def test_bfloat16_tokens_are_normalised_in_float32():
  x = jax.random.normal(jax.random.key(0), (500, 512), jnp.bfloat16)
  norms = jnp.linalg.norm(normalize(x).astype(jnp.float32), axis=-1)
  assert normalize(x).dtype == jnp.bfloat16
  assert np.abs(norms - 1).max() < 1.5e-3
