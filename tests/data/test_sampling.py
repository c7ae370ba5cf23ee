"""Which windows become tokens."""

import json
import pathlib

import numpy as np
import pytest

from sign_jax.data.sampling import sample_indices

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "clip_sampling.json"
CASES = json.loads(GOLDEN.read_text())


@pytest.mark.parametrize("n", CASES)
def test_equals_the_released_indices(n):
  assert sample_indices(int(n)).tolist() == CASES[n]


def test_more_windows_than_tokens_keep_the_first_and_last():
  kept = sample_indices(1000, 8)
  assert len(kept) == 8 and kept[0] == 0 and kept[-1] == 999
  assert np.ptp(np.diff(kept)) <= 1
