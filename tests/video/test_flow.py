"""Optical flow: directions, sizes, the end of a video, and what is refused."""

import sys

import numpy as np
import pytest

from sign_jax.errors import UserError
from sign_jax.video import flow

cv2 = pytest.importorskip("cv2")


def drifting(frames=4, right=2, down=-1, size=(48, 40)):
  """(frames, *size, 3) uint8: a smooth picture that moves by so many pixels a frame."""
  height, width = size
  rows, columns = np.mgrid[:height, :width]
  pictures = []
  for time in range(frames):
    x, y = columns - right * time, rows - down * time
    channels = [np.sin(x / a) + np.cos(y / b) for a, b in ((3.0, 4.0), (5.0, 3.0), (4.0, 6.0))]
    pictures.append(np.stack(channels, -1))
  return np.round(255 * (np.array(pictures) + 2) / 4).astype(np.uint8)


def test_fields_follow_the_motion_from_a_frame_to_the_next():
  found = flow.fields(drifting())
  assert found.shape == (4, 48, 40, 2) and found.dtype == np.float32
  inside = found[:3, 12:-12, 12:-12]
  np.testing.assert_allclose(np.median(inside, (0, 1, 2)), [2, -1], atol=0.1)


def test_the_last_field_is_repeated():
  found = flow.fields(drifting())
  np.testing.assert_array_equal(found[3], found[2])
  assert np.abs(found[2] - found[1]).max() > 0


def test_one_frame_has_no_motion():
  found = flow.fields(drifting(1))
  assert found.shape == (1, 48, 40, 2) and not found.any()


def test_a_stream_gives_what_a_stack_gives():
  frames = drifting()
  streamed = list(flow.stream(iter(frames)))
  np.testing.assert_array_equal(np.stack(streamed), flow.fields(frames))
  np.testing.assert_array_equal(flow.fields(frames[1:3])[0], streamed[1])  # no memory of others
  assert not np.shares_memory(streamed[-1], streamed[-2])


def test_fields_are_those_of_opencv_whatever_the_number_of_threads():
  frames = drifting(2, size=(260, 210))
  grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
  cv2.setNumThreads(1)
  wanted = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(*grey, None)
  cv2.setNumThreads(4)
  np.testing.assert_array_equal(flow.fields(frames)[0], wanted)


def test_colours_weigh_as_in_grey_pictures():
  frames = drifting()
  blue = frames * np.array([0, 0, 1], np.uint8)
  weighed = np.round(0.114 * frames[..., 2:].astype(float)).astype(np.uint8).repeat(3, -1)
  np.testing.assert_array_equal(flow.fields(blue), flow.fields(weighed))


@pytest.mark.parametrize("frames, words", [
    ([np.zeros((11, 11, 3), np.uint8)], "has 11 x 11 pixels"),
    ([np.zeros((16, 16, 3), np.uint8), np.zeros((16, 18, 3), np.uint8)], "18 x 16 .* of 16 x 16"),
    ([], "no frames"),
])
def test_refused_frames(frames, words):
  with pytest.raises(UserError, match=words):
    flow.fields(frames)


def test_missing_opencv_is_a_sentence(monkeypatch):
  monkeypatch.setitem(sys.modules, "cv2", None)
  with pytest.raises(UserError, match=r"pip install -e '\.\[flow\]'"):
    flow.fields(drifting(2))
