import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.golden import seeded
from sign_jax.ops import alignment
from tests.cases import GOLDEN, read_facts

SIZES = (3, 8), (5, 5), (4, 12), (1, 4)  # glosses and steps of the golden paths


@pytest.fixture(scope="module")
def golden():
  return dict(np.load(GOLDEN / "signvtcl.npz"))


def close(found, expected, tolerance):
  assert np.abs(np.asarray(found) - expected).max() <= tolerance * np.abs(expected).max()


def test_golden_paths_of_one_padded_batch(golden):
  logits = [seeded.normal(f"dtw/logits_{i}", (t, 9), 2) for i, (_, t) in enumerate(SIZES)]
  scores = np.full((len(SIZES), 13, 9), np.nan, np.float32)
  glosses = np.zeros((len(SIZES), 6), np.int32)
  for number, (count, steps) in enumerate(SIZES):
    scores[number, :steps] = jax.nn.log_softmax(logits[number])
    glosses[number, :count] = golden[f"dtw/glosses_{number}"]
  steps = np.array([t for _, t in SIZES])
  found = alignment.monotone_path(scores, steps, glosses)
  assert np.asarray(found.exists).all()
  for number, t in enumerate(steps):
    np.testing.assert_array_equal(found.position[number, :t], golden[f"dtw/path_{number}"])
    assert (np.asarray(found.position[number, t:]) == -1).all()
    close(found.log_probability[number], golden[f"dtw/log_probability_{number}"], 1e-6)


def paths(count, steps):
  """All paths; of two, the one that is first here stays longer at the later glosses."""
  for cuts in itertools.combinations(range(1, steps), count - 1):
    yield np.searchsorted(cuts, np.arange(steps), side="right")


def test_the_best_of_all_paths_and_of_equal_ones_that_which_stays():
  """Few different scores, so that ties are common; from the end, staying is preferred."""
  draw = np.random.default_rng(0)
  scores = draw.integers(-2, 1, (40, 6, 5)).astype(np.float32)
  counts = draw.integers(1, 5, 40)
  glosses = draw.integers(1, 5, (40, 4)) * (np.arange(4)[None] < counts[:, None])
  steps = draw.integers(counts, 7)
  found = alignment.monotone_path(scores, steps, glosses)
  for number, (count, t) in enumerate(zip(counts, steps, strict=True)):
    value = lambda path, n=number: scores[n, np.arange(len(path)), glosses[n][path]].sum()
    best = min(paths(count, t), key=lambda path: (-value(path), tuple(-path[::-1])))
    np.testing.assert_array_equal(found.position[number, :t], best)
    assert found.log_probability[number] == value(best)


def test_no_path_with_too_few_steps_or_no_glosses():
  glosses = np.array([[1, 2, 3], [0, 0, 0], [1, 2, 3]])
  found = alignment.monotone_path(np.zeros((3, 4, 5), np.float32), np.array([2, 4, 3]), glosses)
  np.testing.assert_array_equal(found.exists, [False, False, True])
  np.testing.assert_array_equal(found.position, [[-1] * 4, [-1] * 4, [0, 1, 2, -1]])
  np.testing.assert_array_equal(found.log_probability, [0, 0, 0])


def test_segment_means():
  features = np.arange(12, dtype=np.float32).reshape(1, 6, 2)
  features[0, 5] = np.nan
  found = alignment.segment_means(features, np.array([[0, 0, 2, 2, 2, -1]]), 4)
  np.testing.assert_allclose(found, [[[1, 2], [0, 0], [6, 7], [0, 0]]])


@pytest.fixture(scope="module")
def sentence():
  """(visual, text, glosses) of the golden sentence, as a batch of one."""
  draw = lambda name: seeded.normal(f"align/{name}", (5, 16), 0.5)[None]
  return draw("visual"), draw("text"), np.array([read_facts("signvtcl")["inputs"]["align_glosses"]])


def test_golden_losses_of_glosses(golden, sentence):
  exists = np.array([True])
  found = alignment.gloss_loss(*sentence, exists)
  for got, name in zip(found, ("", "_v2t", "_t2v"), strict=True):
    close(got, golden[f"align/gloss_loss{name}"], 2e-6)
  mean = alignment.gloss_loss(*sentence, exists, row="mean").loss
  close(mean, golden["align/gloss_loss_mean_row"], 2e-6)
  cosine = alignment.gloss_loss(*sentence, exists, normalize=True, temperature=0.07).loss
  close(cosine, golden["align/gloss_loss_cosine_0.07"], 2e-6)


def padded(sentence):
  """The golden sentence twice with padding behind, between sentences without a path."""
  visual, text, glosses = (np.asarray(x)[0] for x in sentence)
  behind = lambda x, value: np.pad(x, [(0, 2)] + [(0, 0)] * (x.ndim - 1), constant_values=value)
  visual, text, glosses = behind(visual, 7), behind(text, -3), behind(glosses, 0)
  stack = lambda x: np.stack([x, x * 0 + 3, x, x * 0])
  return stack(visual), stack(text), stack(glosses), np.array([True, False, True, False])


def test_golden_gradients_of_a_padded_batch(golden, sentence):
  *given, exists = padded(sentence)
  value = lambda visual, text: alignment.gloss_loss(visual, text, given[2], exists).loss
  loss, gradients = jax.value_and_grad(value, (0, 1))(*map(jnp.asarray, given[:2]))
  close(loss, golden["align/gloss_loss"], 2e-6)
  for name, found in zip(("visual", "text"), gradients, strict=True):
    expected = golden[f"align/gradient_of_{name}"]
    close(2 * found[0, :5], expected, 1e-5)
    close(2 * found[2, :5], expected, 1e-5)
    assert not np.asarray(found)[[1, 3]].any() and not np.asarray(found)[:, 5:].any()


def test_the_loss_is_zero_where_rows_are_uniform_over_their_positives():
  glosses = np.array([[3, 7, 3, 5]])
  same = (glosses[0][:, None] == glosses[0][None]).astype(np.float32)
  vectors = (100 * same)[None]
  for row in alignment.ROWS:
    loss = alignment.gloss_loss(vectors, np.eye(4, dtype=np.float32)[None], glosses,
                                np.array([True]), row=row).loss
    assert abs(float(loss)) < 1e-6
  assert alignment.gloss_loss(vectors, vectors, glosses, np.array([False])).loss == 0
  with pytest.raises(ValueError, match="unknown row"):
    alignment.gloss_loss(vectors, vectors, glosses, np.array([True]), row="max")


def test_golden_losses_of_sentences(golden):
  visual, text = (seeded.normal(f"sentence/{name}", (4, 16)) for name in ("visual", "text"))
  close(alignment.channel_loss(visual, text), golden["sentence/kl_features"], 2e-6)
  same = alignment.same_sentences(np.array([[1, 2], [3, 0], [3, 0], [3, 3]]))
  np.testing.assert_array_equal(np.argwhere(np.triu(same, 1)), [[1, 2]])
  close(alignment.batch_loss(visual, text, same), golden["sentence/kl_batch"], 2e-6)


def test_constant_channels_are_the_trivial_solution():
  constant = np.full((3, 8), 2.0, np.float32)
  assert abs(float(alignment.channel_loss(constant, constant))) < 1e-6
  np.testing.assert_allclose(alignment.channel_entropies(constant), np.log(8), rtol=1e-6)
  peaked = 100 * np.eye(8, dtype=np.float32)
  np.testing.assert_allclose(alignment.channel_entropies(peaked), 0, atol=1e-6)


def test_factors_of_channels_give_the_divergence_of_each_video_from_each_text():
  draw = np.random.default_rng(1)
  visual, text = draw.normal(size=(2, 5, 7)).astype(np.float32)
  of_videos, of_texts = alignment.channel_factors(visual, text)
  for place, one in enumerate(text):
    expected = [-float(alignment.channel_loss(x[None], one[None])) for x in visual]
    np.testing.assert_allclose(of_videos @ of_texts[place], expected, atol=1e-5)


def test_positive_shares():
  glosses = np.array([[1, 2, 1, 0]])
  nothing = np.ones((1, 4, 3), np.float32)
  found = alignment.positive_shares(nothing, nothing, glosses)
  np.testing.assert_allclose(found, [[2 / 3, 1 / 3, 2 / 3, 0]], rtol=1e-6)
  visual = np.zeros((1, 4, 2), np.float32)
  visual[0, :2] = [[3, 0], [0, 3]]  # the third segment says nothing
  text = np.float32([[[1, 0], [0, 1], [1, 0], [9, 9]]])
  found = np.asarray(alignment.positive_shares(visual, text, glosses))[0]
  e = np.exp(3)
  rows = np.array([2 * e / (2 * e + 1), e / (e + 2), 2 / 3])  # of segments over glosses
  columns = np.array([(e + 1) / (e + 2), e / (e + 2), (e + 1) / (e + 2)])
  np.testing.assert_allclose(found, [*(rows + columns) / 2, 0], rtol=1e-5)
  cosine = alignment.positive_shares(100 * visual, text, glosses, True, 1 / 3)
  np.testing.assert_allclose(cosine[0], found, rtol=1e-5)
