"""The gap between lexicons and sentences."""

import numpy as np
import pytest

from data_builders.signing_sim import corpus, gap
from data_builders.signing_sim.rng import Random


@pytest.mark.parametrize("width", [16, 32, 256, 512])
def test_a_turn_is_a_rotation_that_mixes_all_columns(width):
  turn = gap.rotation("first", width)
  np.testing.assert_array_equal(turn @ turn.T, np.eye(width))
  assert np.linalg.slogdet(turn)[0] == 1
  assert np.abs(turn).max() < 1  # no column stays as it is
  assert np.mean(turn != 0) > 0.5


def test_every_lexicon_has_a_turn_of_its_own():
  first, second = (gap.rotation(name, 256) for name in ("first", "second"))
  assert np.abs(first - second).max() > 0.1
  assert abs(np.trace(first)) / 256 < 0.2


def test_sums_of_products_with_a_turn_are_exact():
  feature = np.round(Random(0, "x").normal((40, 256)) * 64) / 64
  turn = gap.rotation("first", 256)
  forward = feature @ turn
  order = np.random.default_rng(0).permutation(256)
  np.testing.assert_array_equal(forward, feature[:, order] @ turn[order])


def test_features_of_sentences_get_noise_of_one_standard_deviation(videos):
  records = [corpus.example(video, corpus.SMALL) for video in videos["train"][:200:5]]
  rows = np.concatenate([record["agnostic"] for record in records])
  rows = rows.astype(np.float64)
  noisy = gap.noisy(rows, Random(0, "x")).astype(np.float64)
  assert (noisy - rows).std() == pytest.approx(rows.std(), rel=0.03)
  assert noisy.shape[1] == corpus.SMALL.width


def test_a_lexicon_keeps_lengths_and_little_of_its_directions():
  rows = Random(0, "rows").normal((200, 256)).astype(np.float16)
  turned = gap.turned(rows, "first", Random(0, "y")).astype(np.float64)
  rows = rows.astype(np.float64)
  assert (turned**2).sum() == pytest.approx((rows**2).sum() * (1 + (0.3 * 0.65) ** 2), rel=0.05)
  cosine = (rows * turned).sum() / np.sqrt((rows**2).sum() * (turned**2).sum())
  assert 0.3 < cosine < 0.55
