"""SPOT-ALIGN's module: pooling of windows, learned words, what each switch of it changes."""

import functools

import jax
import numpy as np
import pytest

from sign_jax.systems.spot_align import released_names
from sign_jax.systems.spot_align.model import PROJECTIONS, SpotAlign
from sign_jax.weights import convert

pytestmark = pytest.mark.usefixtures("quick_compile")
B, L, F, N, D = 6, 5, 7, 4, 3
SMALL = {"embed_dim": 8, "clusters": 2}


def batch(learned=False):
  rng = np.random.default_rng(0)
  video_valid = np.arange(L) < rng.integers(1, L + 1, (B, 1))
  text_valid = np.arange(N) < rng.integers(1, N + 1, (B, 1))
  text = rng.standard_normal((B, N, D)).astype(np.float32) * text_valid[..., None]
  if learned:
    text = (rng.integers(1, 6, (B, N)) * text_valid).astype(np.int32)
  return {
      "video": rng.standard_normal((B, L, F)).astype(np.float32), "video_valid": video_valid,
      "text": text, "text_valid": text_valid,
  }


@functools.cache
def drawn(**attributes):
  """(module, variables)."""
  module, rng = SpotAlign(**SMALL, **attributes), np.random.default_rng(1)
  given = batch(bool(attributes.get("words")))
  shapes = jax.eval_shape(module.init, jax.random.key(0), given)
  draw = lambda s: rng.uniform(0.2, 1.2, s.shape).astype(np.float32)
  return module, jax.tree.map(draw, shapes)


@pytest.mark.parametrize(("how", "function"), [("mean", np.mean), ("max", np.max)])
def test_windows_that_are_there_are_pooled_and_no_others(how, function):
  given = batch()
  found = SpotAlign(aggregation=how).apply({}, given["video"], given["video_valid"],
                                           method="aggregate")  # fmt: skip
  rows = zip(given["video"], given["video_valid"], strict=True)
  np.testing.assert_allclose(found, [function(x[m], 0) for x, m in rows], atol=1e-6)


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_released_names_and_back(projection):
  _, variables = drawn(projection=projection)
  state = convert.export(variables, released_names.NAMES)
  assert ("ce.video_dim_reduce.0.fc.weight" in state) == (projection != "geu")
  assert ("ce.video_GU.0.cg.batch_norm.running_var" in state) == (projection != "linear")
  assert ("ce.video_GU.0.fc.weight" in state) == (projection == "geu")
  back = convert.merge(variables, state, released_names.NAMES)
  jax.tree.map(np.testing.assert_array_equal, back, variables)
  shapes = {name: x.shape for name, x in state.items()}
  assert released_names.sizes(shapes) == {
      "model.embed_dim": 8, "model.text.clusters": 2, "model.text.ghost_clusters": 1,
      "model.video.projection": projection,
  }
  assert (released_names.feature_width(shapes), released_names.word_width(shapes)) == (F, D)


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_similarities_are_cosines_of_what_a_search_encodes(projection):
  module, variables = drawn(projection=projection)
  given = batch()
  out = jax.jit(module.apply)(variables, given)
  for name in ("video", "text"):
    fields = given[name], given[f"{name}_valid"]
    alone = module.apply(variables, *fields, method=f"encode_{name}")
    np.testing.assert_allclose(alone, out[name], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(alone, axis=1), 1, atol=1e-6)
  np.testing.assert_allclose(out["similarity"], out["video"] @ out["text"].T, atol=1e-6)


def test_each_loss_is_of_its_own_terms():
  out = {"similarity": jax.random.normal(jax.random.key(0), (B, B))}
  loss = lambda **changes: float(SpotAlign(**changes).loss(out)[0])
  mean, batch_sum = loss(objective="mean"), loss(objective="batch")
  assert batch_sum == pytest.approx(2 * (B - 1) * mean)
  assert loss(objective="diagonal") == pytest.approx(
      (2 * B * (B - 1) * mean + 2 * B * 0.2) / (2 * B * B)
  )
  assert loss(margin=0.5) > mean


class TestLearnedWords:
  """Words with numbers in place of vectors."""

  words = 5

  def test_a_number_stands_for_its_row_and_0_for_none(self):
    given, (module, variables) = batch(learned=True), drawn(words=self.words, word_width=D)
    table = variables["params"]["word_vectors"]["embedding"]
    assert table.shape == (self.words + 1, D)
    vectors = np.where(given["text_valid"][..., None], table[given["text"]], 0)
    expected = SpotAlign(**SMALL).apply(
        jax.tree.map(lambda x: x, variables), vectors, given["text_valid"], method="encode_text"
    )
    found = module.apply(variables, given["text"], given["text_valid"], method="encode_text")
    np.testing.assert_allclose(found, expected, atol=1e-6)

  def test_they_learn_and_the_row_of_none_does_not(self):
    given, (module, variables) = batch(learned=True), drawn(words=self.words, word_width=D)

    def loss(params):
      out, _ = module.apply({**variables, "params": params}, given, deterministic=False,
                            mutable=["batch_stats"])  # fmt: skip
      return module.loss(out)[0]

    found = jax.jit(jax.grad(loss))(variables["params"])["word_vectors"]["embedding"]
    assert not found[0].any() and found[1:].any()

  def test_their_table_is_in_the_released_layout_under_a_name_of_its_own(self):
    _, variables = drawn(words=self.words, word_width=D)
    state = convert.export(variables, released_names.NAMES)
    shapes = {name: x.shape for name, x in state.items()}
    assert shapes["word_vectors.weight"] == (self.words + 1, D)
    assert released_names.vocabulary(shapes) == self.words
