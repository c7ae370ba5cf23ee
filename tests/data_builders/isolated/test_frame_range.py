"""Which frames of a file are those of a clip."""

import pytest

from data_builders.isolated import frame_range
from data_builders.isolated.signs import CLIP, EITHER, VIDEO, SignClip
from sign_jax.errors import UserError

FOUND = [
  # first, end, fps of the annotations; what the file holds, its frames and rate; what is found
  (0, 0, 0, CLIP, 40, 25, (0, 40, False)),
  (0, 40, 0, EITHER, 40, 25, (0, 40, False)),
  (0, 40, 0, EITHER, 60, 25, (0, 40, False)),
  (100, 140, 0, EITHER, 200, 25, (100, 140, False)),  # the longer video
  (100, 140, 0, EITHER, 140, 25, (100, 140, False)),
  (100, 140, 0, EITHER, 40, 25, (0, 40, False)),  # cut already
  (100, 140, 0, EITHER, 42, 25, (0, 42, False)),
  (100, 140, 0, EITHER, 130, 25, (100, 130, True)),  # the longer video, cut short
  (20, 60, 0, EITHER, 41, 25, (0, 41, False)),
  (5, 0, 0, EITHER, 40, 25, (5, 40, False)),  # to the end
  (0, 40, 0, EITHER, 38, 25, (0, 38, False)),  # programs count differently
  (0, 40, 0, EITHER, 37, 25, (0, 37, True)),
  (30, 60, 30, VIDEO, 900, 30.1, (30, 60, False)),  # the same rate
  (30, 60, 30, VIDEO, 900, 15, (15, 30, False)),
  (30, 60, 30, VIDEO, 900, 0, (30, 60, False)),
  (30, 60, 30, CLIP, 15, 15, (0, 15, False)),
  (0, 4000, 0, EITHER, 9000, 25, "has 4000 frames, and a sign has no more than 3000"),
  (0, 40, 0, EITHER, 19, 25, "has 19 frames, which leaves 19 of the 40"),
  (100, 140, 0, VIDEO, 110, 25, "which leaves 10 of the 40"),
  (100, 140, 0, VIDEO, 40, 25, "which leaves 0 of the 40"),
  (100, 140, 0, EITHER, 19, 25, "which leaves 19 of the 40"),
  (100, 140, 0, CLIP, 83, 25, "has 83 frames, and 05237 has 40: it is no clip of this sign alone"),
]  # fmt: skip


@pytest.mark.parametrize(("first", "end", "rate", "holds", "count", "fps", "expected"), FOUND)
def test_frames_of_a_clip(first, end, rate, holds, count, fps, expected):
  clip = SignClip("05237", 0, first_frame=first, end_frame=end, fps=rate)
  if isinstance(expected, str):
    with pytest.raises(UserError, match=expected):
      frame_range.find(clip, holds, count, fps, "a.mp4")
  else:
    assert frame_range.find(clip, holds, count, fps, "a.mp4") == expected


def test_a_stated_length_is_that_of_the_clip():
  clip = SignClip("a", 0, num_frames=40)
  assert frame_range.find(clip, CLIP, 38, 25, "a.mp4") == (0, 38, False)
  with pytest.raises(UserError, match="it is no clip of this sign alone"):
    frame_range.find(clip, CLIP, 90, 25, "a.mp4")
