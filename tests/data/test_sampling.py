"""Which windows become tokens."""

import json
import pathlib

import numpy as np
import pytest

from sign_jax.data.sampling import pad_features, sample_indices

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "clip_sampling.json"
CASES = json.loads(GOLDEN.read_text())


@pytest.mark.parametrize("n", CASES)
def test_equals_the_released_indices(n):
  assert sample_indices(int(n)).tolist() == CASES[n]


def test_more_windows_than_tokens_keep_the_first_and_last():
  kept = sample_indices(1000, 8)
  assert len(kept) == 8 and kept[0] == 0 and kept[-1] == 999
  assert np.ptp(np.diff(kept)) <= 1


@pytest.mark.parametrize("n", [1, 5, 6, 7, 40])
def test_padding_keeps_rows_and_marks_them(n):
  features = np.random.default_rng(n).standard_normal((n, 3)).astype(np.float32) + 5
  padded, valid = pad_features(features, 6)
  assert padded.shape == (6, 3) and padded.dtype == np.float32
  assert valid.dtype == bool and valid.sum() == min(n, 6)
  np.testing.assert_array_equal(padded[valid], features[sample_indices(n, 6)])
  assert not padded[~valid].any()
