import functools
import itertools

import numpy as np
import pytest

from sign_jax.golden import seeded
from sign_jax.ops import ctc_decode
from tests.cases import GOLDEN, read_facts
from tests.reference import ctc_decode as plain

HEADS, BATCH, STEPS, CLASSES = 4, 5, 12, 9
SEARCHES = {"standard": "standard_", "tensorflow": ""}  # before the names of golden arrays
CASES = [*((f"head{n}", 5) for n in range(HEADS)), *(("average", n) for n in (1, 5, 100)),
         ("crafted", 5)]


@functools.cache
def golden():
  return dict(np.load(GOLDEN / "signvtcl.npz")), read_facts("signvtcl")["inputs"]


def scores_of(kind):
  logits = seeded.normal("beam/logits", (HEADS, BATCH, STEPS, CLASSES), 2)
  if kind.startswith("head"):
    return logits[int(kind[-1])]
  if kind == "average":
    return np.log(np.exp(plain.log_softmax(logits)).mean(0))
  crafted = np.zeros((BATCH, STEPS, CLASSES), np.float32)
  crafted[0, np.arange(STEPS), golden()[1]["beam_crafted_labels"]] = 6
  crafted[1], crafted[2], crafted[3] = logits[0, 1] / 2, logits[2, 2] * 3, logits[1, 3]
  crafted[4, :, 0] = 8
  return crafted


def lists(rows, padding=0):
  return [[gloss for gloss in row if gloss != padding] for row in np.asarray(rows).tolist()]


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize(("kind", "width"), CASES)
def test_golden_sequences(kind, width, search):
  arrays, inputs = golden()
  title = f"beam/{kind}_width{width}/"
  lengths = np.array(inputs["beam_lengths"])
  found = ctc_decode.beam_search(scores_of(kind), lengths, width, search)
  begin = title + SEARCHES[search]
  assert lists(found.glosses) == lists(arrays[f"{begin}sequences"], -1)
  expected = arrays[f"{begin}log_probability"]
  np.testing.assert_allclose(found.log_probability, expected, rtol=2e-6, atol=1e-5)
  if search == "tensorflow":
    merged = ctc_decode.merge_repeated(found.glosses)
    assert lists(merged) == lists(arrays[f"{title}merged"], -1)


def random_scores(seed, count=120):
  draw = np.random.default_rng(seed)
  scale = draw.choice([0.3, 1, 3], (count, 1, 1))
  scores = scale * draw.standard_normal((count, 9, 4))
  return scores.astype(np.float32), draw.integers(0, 10, count)


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("width", [2, 3])
def test_random_scores_against_plain_python(search, width):
  """Narrow beams of few classes: prefixes are often pushed out, and offered again."""
  scores, steps = random_scores(width)
  found = ctc_decode.beam_search(scores, steps, width, search)
  expected = [getattr(plain, search)(x[:n], width) for x, n in zip(scores, steps, strict=True)]
  assert lists(found.glosses) == [glosses for glosses, _ in expected]
  np.testing.assert_allclose(
      found.log_probability, [probability for _, probability in expected], rtol=1e-5, atol=1e-5
  )


def test_the_searches_differ():
  scores, steps = random_scores(2)
  first, other = (ctc_decode.beam_search(scores, steps, 2, name) for name in SEARCHES)
  assert not np.allclose(first.log_probability, other.log_probability, atol=1e-4)


def test_a_wide_beam_finds_the_likeliest_of_all_sequences():
  scores, steps = random_scores(7, 6)
  scores, steps = scores[:, :5], np.minimum(steps, 5)
  found = ctc_decode.beam_search(scores, steps, 500)
  for number, (row, count) in enumerate(zip(plain.log_softmax(scores), steps, strict=True)):
    sums = {}
    for path in itertools.product(range(4), repeat=int(count)):
      name = tuple(gloss for gloss, _ in itertools.groupby(path) if gloss)
      chance = np.exp(sum(row[n, gloss] for n, gloss in enumerate(path)))
      sums[name] = sums.get(name, 0) + chance
    best = max(sums, key=sums.get)
    assert tuple(lists(found.glosses)[number]) == best
    np.testing.assert_allclose(found.log_probability[number], np.log(sums[best]), atol=1e-5)


def test_best_path():
  scores, steps = random_scores(5)
  found = ctc_decode.best_path(scores, steps)
  expected = [plain.best_path(x[:n]) if n else ([], 0.0) for x, n in
              zip(scores, steps, strict=True)]
  assert lists(found.glosses) == [glosses for glosses, _ in expected]
  np.testing.assert_allclose(found.log_probability, [x for _, x in expected], rtol=1e-5)


def test_merging_leaves_repeats_that_are_apart():
  merged = ctc_decode.merge_repeated(np.int32([[3, 3, 2, 3, 3, 0], [0] * 6]))
  np.testing.assert_array_equal(merged, [[3, 2, 3, 0, 0, 0], [0] * 6])


def test_another_search_is_refused():
  with pytest.raises(ValueError, match="unknown search"):
    ctc_decode.beam_search(np.zeros((1, 2, 3), np.float32), np.array([2]), 5, "other")
