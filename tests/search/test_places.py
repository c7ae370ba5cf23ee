"""Where in a clip a sentence is, and how long videos are cut and their hits joined."""

import numpy as np
import pytest

from sign_jax.ops.late_interaction import late_interaction
from sign_jax.search import overlaps, places

pytestmark = pytest.mark.usefixtures("quick_compile")


@pytest.mark.parametrize("pooling", ["softmax", "max"])
def test_shares_sum_to_the_score_without_padding(pooling):
  rng = np.random.default_rng(0)
  video, text = (rng.standard_normal(x).astype(np.float32) for x in ((3, 7, 8), (1, 5, 8)))
  valid, words = np.arange(7) < np.array([[7], [4], [1]]), np.arange(5) < 3
  w, u = valid / valid.sum(1, keepdims=True), words[None] / 3
  found = places.shares(video, w, valid, text[0], u[0], words, pooling, 0.07)
  both = late_interaction(
      video, text, w.astype(np.float32), u.astype(np.float32), video_mask=valid,
      text_mask=words[None], pooling=pooling,
  )
  np.testing.assert_allclose(found.sum(1), 0.5 * sum(both)[:, 0], atol=2e-6)
  assert not found[~valid].any()


def test_the_place_is_where_the_words_are_signed():
  rng = np.random.default_rng(0)
  text = rng.standard_normal((4, 64)).astype(np.float32)
  video = rng.standard_normal((1, 20, 64)).astype(np.float32)
  video[0, 8:12] += 3 * text
  ones = np.ones((1, 20), bool)
  curve = places.shares(
      video, ones / 20, ones, text, np.full(4, 0.25), np.ones(4, bool), "softmax", 0.07
  )
  assert places.best_run(np.asarray(curve)[0]) == (8, 11)


@pytest.mark.parametrize(("curve", "run"), [
    ([1.0], (0, 0)), ([0.2, 0.2, 0.2], (0, 2)), ([0, 0, 5, 4, 0], (2, 3)), ([3, 0, 0, 0], (0, 0)),
    ([0, 0, 0, 9], (3, 3)), ([0, 4, 0, 1, 0, 0, 0, 4], (1, 1)), ([0, 4, 1.9, 4, 0, 0], (1, 3)),
])  # fmt: skip
def test_the_run_of_most_beyond_the_mean(curve, run):
  assert places.best_run(np.array(curve)) == run


def windows(seconds, step=0.2, length=0.64):
  begins = np.arange(0, seconds - length, step)
  return np.stack([begins, begins + length], 1)


def test_parts_of_so_many_windows():
  times = windows(60.0)
  found = overlaps.parts(times, overlaps.Length(windows=21))
  assert len(found) > 2 and {20, 21, 22} >= {x.stop - x.start for x in found[1:-1]}
  assert overlaps.parts(times[:21], overlaps.Length(windows=21)) == [slice(0, 21)]
  assert overlaps.Length(windows=21).of(times) == pytest.approx(21 * 0.2)
  assert overlaps.Length(windows=1).of(times[:1]) == overlaps.SHORTEST
  # As long as the clips that were trained on.
  for count, step in ((20, 0.08), (44, 1 / 24), (1, 1 / 12), (5, 0.04)):
    same = np.stack([np.arange(count) * step, np.arange(count) * step + 16 * step], 1)
    assert overlaps.parts(same, overlaps.Length(windows=count)) == [slice(0, count)]


@pytest.mark.parametrize("seconds", [1.0, 9.9, 10.7, 16.0, 100.3])
def test_parts_of_a_long_video_overlap_and_hold_all_of_it(seconds):
  times = windows(seconds)
  found = overlaps.parts(times)
  assert (len(found) == 1) == (seconds < 10.6)
  assert {i for part in found for i in range(part.start, part.stop)} == set(range(len(times)))
  for one, other in zip(found, found[1:], strict=False):
    assert other.start <= (one.start + one.stop) / 2 + 1
    assert times[one][-1, 1] - times[one][0, 0] < 9.0


def test_one_place_of_a_video_is_one_hit():
  spans = [
      ("a", 4.0, 6.0), ("b", 4.0, 6.0), ("a", 5.0, 6.5), ("a", 5.8, 9.0), ("", 1.0, 2.0),
      ("", 1.0, 2.0), ("c", np.nan, np.nan), ("c", np.nan, np.nan), ("a", 4.5, 4.5),
  ]  # fmt: skip
  assert overlaps.distinct(spans) == [0, 1, 3, 4, 5, 6, 7]


def test_a_clip_without_times_hides_no_place():
  spans = [("film", np.nan, np.nan), ("film", 1.0, 2.0), ("film", 5.0, 6.0), ("film", 1.1, 2.0)]
  assert overlaps.distinct(spans) == [0, 1, 2]
