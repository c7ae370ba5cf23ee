"""Intervals about annotations, cut to their video."""

import pytest

from sign_jax.data import spotted_clips
from sign_jax.video.frames import WINDOW


@pytest.mark.parametrize(
  "kind, t, frames, expected",
  [
    ("mouthing", 40, 100, (25, 44, 29, 27)),  # 20 frames: four to choose a start from
    ("mouthing", 6, 100, (0, 10, 0, 0)),  # shorter than a window
    ("mouthing", 99, 100, (84, 99, 84, 84)),
    ("dictionary", 50, 100, (47, 72, 57, 52)),
    ("dictionary", 1, 100, (0, 23, 8, 4)),
    ("dictionary", 4, 12, (1, 11, 1, 1)),
  ],
)
def test_intervals(kind, t, frames, expected):
  found = spotted_clips.interval(kind, t, frames)
  assert found == expected
  assert found.last_start - found.first == max(0, found.last - found.first + 1 - WINDOW)


@pytest.mark.parametrize("kind, t", [("mouthing", -1), ("mouthing", 10), ("gesture", 5)])
def test_what_lies_outside_of_the_video_has_none(kind, t):
  with pytest.raises(ValueError, match="at frame"):
    spotted_clips.interval(kind, t, 10)


def test_intervals_of_an_encoder_on_features_are_about_the_middle():
  assert spotted_clips.interval("mouthing", 40, 100, "features")[:2] == (38, 42)
  assert spotted_clips.interval("dictionary", 40, 100, "features")[:2] == (46, 50)
  assert spotted_clips.interval("dictionary", 9, 10, "features")[:2] == (9, 9)


def test_seconds_have_room_for_rounding():
  assert spotted_clips.seconds(spotted_clips.interval("mouthing", 40, 100), 25) == (0.98, 1.78)
  assert spotted_clips.seconds(spotted_clips.interval("mouthing", 6, 100), 25)[0] == 0
