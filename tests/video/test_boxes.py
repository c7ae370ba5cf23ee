"""Persons' boxes: the part of a picture that is read."""

import av
import numpy as np
import pytest

from sign_jax.video import boxes, containers
from sign_jax.video import frames as video_frames
from sign_jax.video.boxes import Box
from sign_jax.video.containers import VideoError
from tests.videos import picture_folder, render


@pytest.fixture
def pictures(tmp_path):
  frames = np.random.default_rng(0).integers(0, 256, (3, 40, 60, 3), dtype=np.uint8)
  return picture_folder(tmp_path / "a", frames), frames


@pytest.mark.parametrize(
  ("box", "rows", "columns"),
  [
    (Box(10, 4, 30, 20), slice(4, 24), slice(10, 40)),
    (Box(0, 0, 60, 40), slice(0, 40), slice(0, 60)),
    (Box(10, 4, 60, 41), slice(4, 40), slice(10, 60)),  # reaches beyond the picture: cut off
  ],
)
def test_a_box_is_rows_and_columns_cut_off_at_the_picture(pictures, box, rows, columns):
  folder, frames = pictures
  found = list(video_frames.read_frames(folder, None, box=box))
  np.testing.assert_array_equal(found, frames[:, rows, columns])
  resized = list(video_frames.read_frames(folder, (16, 12), box=box))
  for frame, whole in zip(resized, frames, strict=True):
    part = av.VideoFrame.from_ndarray(np.ascontiguousarray(whole[rows, columns]), format="rgb24")
    np.testing.assert_array_equal(frame, containers.resized(part, (16, 12)))


def test_a_box_of_a_clip_of_a_video(tmp_path):
  path = render(tmp_path / "a.mp4", 30)
  whole = list(video_frames.read_frames(path, None, 0.2, 0.8))
  part = list(video_frames.read_frames(path, None, 0.2, 0.8, Box(8, 16, 40, 32)))
  assert len(part) == 15
  np.testing.assert_array_equal(part, np.stack(whole)[:, 16:48, 8:48])


@pytest.mark.parametrize(
  ("box", "share"), [(Box(30, 10, 60, 61), 24), (Box(60, 0, 5, 5), 0), (Box(10, 90, 5, 5), 0)]
)
def test_a_box_that_is_mostly_outside_is_refused(pictures, box, share):
  words = rf"a has pictures of 60 x 40, which hold {share} % of the clip's box \({box}\): get the"
  with pytest.raises(VideoError, match=words) as error:
    list(video_frames.read_frames(pictures[0], None, box=box))
  assert "\n" not in str(error.value)


def test_faults_of_boxes():
  assert boxes.fault(Box(0, 0, 1, 1)) == ""
  assert boxes.fault(Box(-1, 0, 5, 5)) == boxes.fault(Box(0, -1, 5, 5)) != ""
  assert boxes.fault(Box(0, 0, 0, 5)) == boxes.fault(Box(0, 0, 5, -1)) == "is empty"
