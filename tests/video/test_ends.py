import pytest

from sign_jax.video import ends
from sign_jax.video.containers import VideoError


@pytest.mark.parametrize("seconds", [[0.0, 0.0], [1.0, 1.0, 1.0]])
def test_frames_that_are_all_shown_at_one_time_are_too_few(seconds):
  with pytest.raises(VideoError, match=f"leaves {len(seconds)} frames of the clip from 0 to 5"):
    ends.check("a.mp4", 0, 5, seconds, seconds[-1])
