import numpy as np
import pytest

from sign_jax.data import frame_sampling as sampling
from tests.cases import GOLDEN


@pytest.mark.parametrize(
    "row", np.load(GOLDEN / "signvtcl.npz")["sampling/test_frames_kept_first_last"], ids=str
)
def test_golden_frames(row):
  n, kept, first, last = row
  np.testing.assert_array_equal(sampling.evaluation_frames(int(n)), np.arange(first, last + 1))
  assert last + 1 - first == kept


def test_shorter_videos_repeat_the_last_frame():
  assert sampling.evaluation_frames(1).tolist() == [0, 0, 0, 0]
  assert sampling.evaluation_frames(3).tolist() == [0, 1, 2, 2]


@pytest.mark.parametrize("n", [1, 2, 3, 5, 40, 71, 300, 500, 900])
def test_training_frames(n):
  generator = np.random.default_rng(n)
  drawn = [sampling.training_frames(n, generator) for _ in range(300)]
  lengths = np.array([len(x) for x in drawn])
  assert not (lengths % 4).any() and lengths.min() >= 4
  top = min(400, int(1.5 * n))
  low = min(int(0.5 * n), 400)
  assert lengths.min() >= low and lengths.max() <= max(4, -(-top // 4) * 4)
  for x in drawn:
    assert (np.diff(x) >= 0).all() and 0 <= x[0] and x[-1] < n
    assert len(np.unique(x)) == min(len(x), n)
  if n == 71:  # both ends are drawn: 35 .. 106, rounded up
    assert {lengths.min(), lengths.max()} == {36, 108}


def test_lengths_are_uniform_and_frames_too():
  generator = np.random.default_rng(0)
  drawn = [sampling.training_frames(80, generator) for _ in range(4000)]
  lengths = np.array([len(x) for x in drawn])
  assert abs(lengths.mean() - (40 + 120) / 2 - 1.5) < 1.5
  count = np.bincount(np.concatenate(drawn), minlength=80) / np.mean(lengths) / len(drawn)
  assert np.abs(count * 80 - 1).max() < 0.1
