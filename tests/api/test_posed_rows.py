"""Features that have a row for each window that is kept of the poses."""

import numpy as np
import pytest

from sign_jax.api import videos
from sign_jax.errors import UserError
from sign_jax.systems import registry
from sign_jax.tasks import retrieval_data

DATA = registry.get("seds").config("how2sign").data
SETTINGS = retrieval_data.settings_of(DATA)
FEATURES = np.arange(64, dtype=np.float32)[:, None] + np.ones(4, np.float32)


def poses():
  """150 frames; in some, nobody is seen."""
  found = np.random.default_rng(0).uniform(10, 240, (150, 133, 3))
  found[..., 2] = 0.9
  found[20:40, :, 2] = 0
  return found


def rows(features, **kwargs):
  return videos.rows(features, "video 0", DATA, 4, poses(), SETTINGS, **kwargs)["video"]


def test_row_i_is_of_window_i():
  np.testing.assert_array_equal(rows(FEATURES, by_window=True), FEATURES)
  assert not np.array_equal(rows(FEATURES), FEATURES)


def test_another_number_of_rows_is_refused():
  with pytest.raises(UserError, match="video 0 has 63 rows of features, and 64 windows"):
    rows(FEATURES[1:], by_window=True)


def test_the_settings_of_the_poses_are_those_of_the_run():
  assert SETTINGS[:3] == ((256, 256), 64, 300)
  assert (SETTINGS.bottom, SETTINGS.hand_boxes) == (50, "released")
