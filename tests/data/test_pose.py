import numpy as np
import pytest

from sign_jax.data import hand_boxes, pose
from sign_jax.errors import UserError
from sign_jax.video import frames as video_frames

WIDTH, HEIGHT = 640, 480
LEFT, RIGHT = hand_boxes.HANDS
GRID = np.stack([np.arange(21) % 5 * 10, np.arange(21) // 5 * 5], -1)  # 40 wide, 20 high


def person(frames=20, left=(400, 200), right=(200, 200)):
  """(F, 133, 3) keypoints of somebody who stands still, all of them sure.

  Args:
    frames: F.
    left, right: upper left corner of the hands' keypoints.
  """
  keypoints = np.ones((frames, 133, 3))
  keypoints[..., :2] = (320, 100)
  keypoints[:, [5, 7, 9], :2] = [(380, 150), (420, 250), (410, 210)]
  keypoints[:, [6, 8, 10], :2] = [(260, 150), (220, 250), (220, 210)]
  keypoints[:, LEFT, :2] = np.add(left, GRID)
  keypoints[:, RIGHT, :2] = np.add(right, GRID)
  return keypoints


def prepare(keypoints, **kwargs):
  return pose.prepare(keypoints, (WIDTH, HEIGHT), "a.pkl", **kwargs)


def hide(keypoints, frames, joints, confidence=0.0):
  keypoints[np.ix_(np.atleast_1d(frames), joints, [2])] = confidence
  return keypoints


def test_a_hand_lies_in_a_box_of_twice_its_size():
  """40 wide: a box of 88 about (220, 210), so from (176, 166) on."""
  out = prepare(person())
  expected = (np.add((200, 200), GRID) - (176, 166)) * 256 / 88
  np.testing.assert_allclose(out.right, np.broadcast_to(expected, (20, 21, 2)), rtol=1e-6)
  assert out.right.dtype == out.left.dtype == out.body.dtype == np.float32
  # About the middle of the box, whatever the hand's place in the image.
  np.testing.assert_allclose((out.right.max((0, 1)) + out.right.min((0, 1))) / 2, 128)


def test_the_left_hand_is_mirrored():
  out = prepare(person())
  np.testing.assert_allclose(out.left[..., 0], 256 - out.right[..., 0], rtol=1e-6)
  np.testing.assert_allclose(out.left[..., 1], out.right[..., 1], rtol=1e-6)


def test_the_body_is_scaled_by_the_image():
  keypoints = person()
  keypoints[..., 2] *= 0.95
  hide(keypoints, np.arange(20), [0], 0.01)  # not even the nose is left out
  expected = [(320, 100), (380, 150), (420, 250), (410, 210), (260, 150), (220, 250), (220, 210)]
  expected = np.array(expected) * (256 / 640, 256 / 480)
  np.testing.assert_allclose(prepare(keypoints).body[7], expected, rtol=1e-6)


def test_unsure_keypoints_are_zero_in_both_hands():
  keypoints = person()
  hide(keypoints, [4], [LEFT[3], RIGHT[3]], 0.39)
  hide(keypoints, [4], [LEFT[5], RIGHT[5]], 0.4)
  out = prepare(keypoints)
  for hand in (out.left, out.right):
    assert not hand[4, 3].any() and hand[4, 5].all() and hand[5, 3].all()


def test_one_hand_that_is_never_seen_is_zeros():
  keypoints = hide(hide(person(), np.arange(20), LEFT), np.arange(20), [9])
  out = prepare(keypoints)
  assert not out.left.any() and out.right.any() and len(out.frames) == 20


def test_frames_without_hands_are_dropped():
  keypoints = person(30)
  for hand, wrist, frames in ((LEFT, 9, [3, 4, 10]), (RIGHT, 10, [4, 10, 11])):
    hide(hide(keypoints, frames, hand), frames, [wrist])
  keypoints[:, 0, 0] = np.arange(30)
  out = prepare(keypoints)
  expected = np.delete(np.arange(30), [4, 10])
  np.testing.assert_array_equal(out.frames, expected)
  np.testing.assert_allclose(out.body[:, 0, 0], expected * 256 / 640, rtol=1e-6)
  assert not out.left[3].any() and out.right[3].any()
  np.testing.assert_array_equal(out.clips_start[:14], [*range(13), -1])


@pytest.mark.parametrize(
  ("frames", "stride"), [(300, 1), (301, 2), (600, 2), (601, 3), (5000, 17)]
)
def test_long_videos_are_strided(frames, stride):
  out = prepare(person(frames))
  np.testing.assert_array_equal(out.frames, np.arange(0, frames, stride))
  starts = np.linspace(0, len(out.frames) - 16, 64).astype(int)
  np.testing.assert_array_equal(out.clips_start, starts)


@pytest.mark.parametrize("frames", [1, 3, 15, 16])
def test_short_videos_repeat_their_last_frame(frames):
  keypoints = person(frames)
  keypoints[:, 0, 0] = np.arange(frames)
  out = prepare(keypoints, windows=5)
  np.testing.assert_array_equal(out.frames, np.minimum(np.arange(16), frames - 1))
  np.testing.assert_allclose(out.body[:, 0, 0], out.frames * 256 / 640, rtol=1e-6)
  np.testing.assert_array_equal(out.clips_start, [0, -1, -1, -1, -1])


@pytest.mark.parametrize(("frames", "count"), [(17, 2), (79, 64), (80, 64)])
def test_windows_are_all_or_at_equal_distances(frames, count):
  starts = prepare(person(frames)).clips_start
  assert starts.dtype == np.int32 and starts.shape == (64,) and (starts[:count] >= 0).all()
  assert starts[0] == 0 and starts[count - 1] == frames - 16 and (starts[count:] == -1).all()


@pytest.mark.parametrize("frames", [0, 4, 400])
def test_a_video_without_hands_can_be_told_apart(frames):
  with pytest.raises(pose.NoHands, match="^a.pkl .*leave this video out"):
    prepare(np.zeros((frames, 133, 3)))
  assert issubclass(pose.NoHands, UserError)


@pytest.mark.parametrize(
  "keypoints",
  [np.zeros((4, 137, 3)), np.zeros((133, 3)), np.zeros((4, 133, 2)), np.array("x"),
   np.full((2, 133, 3), "1"), np.zeros((2, 133, 3), complex)],
)  # fmt: skip
def test_other_arrays_are_refused(keypoints):
  with pytest.raises(UserError, match=r"^a.pkl holds keypoints of .*\(frames, 133, 3\)"):
    prepare(keypoints)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_impossible_coordinates_are_refused(value):
  keypoints = person()
  keypoints[3, 100, 0] = value
  with pytest.raises(UserError, match="^a.pkl .*not finite or in no image"):
    prepare(keypoints)


@pytest.mark.parametrize("size", [(0, 480), (640, -1), (np.nan, 480), (640,), (1e9, 1e9)])
def test_impossible_sizes_are_refused(size):
  with pytest.raises(UserError, match="^a.pkl has images of size"):
    pose.prepare(person(), size, "a.pkl")


def test_half_precision_may_be_infinite_and_is_refused():
  keypoints = person().astype(np.float16)
  prepare(keypoints)
  keypoints[3, 100, 0] = np.inf
  with pytest.raises(UserError, match="not finite"):
    prepare(keypoints)


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_features_of_windows_at_any_stride(stride):
  """The nearest row; exact where a row begins with the window."""
  frames = 16 + 6 * stride
  out = prepare(person(frames), windows=64)
  rows = pose.feature_rows(out, frames, 7)
  starts = out.clips_start[out.clips_start >= 0]
  np.testing.assert_array_equal(rows[starts % stride == 0], starts[starts % stride == 0] // stride)
  assert np.abs(rows * stride - starts).max() <= stride / 2


@pytest.mark.parametrize("stride", [1, 2, 3, 4, 8])
def test_features_of_windows_whose_last_one_is_nearer(stride):
  """As the extraction places them; no window of the pose gets a row farther than the nearest."""
  for frames in range(17, 80):
    out = prepare(person(frames), windows=64)
    rows = video_frames.window_starts(frames, stride)
    chosen = rows[pose.feature_rows(out, frames, len(rows), stride)]
    starts = out.clips_start[out.clips_start >= 0]
    nearest = np.abs(rows[:, None] - starts).min(0)
    np.testing.assert_array_equal(np.abs(chosen - starts), nearest)


def test_features_at_a_stride_from_a_copy_at_half_the_frame_rate():
  out = prepare(person(96), windows=5)
  rows = pose.feature_rows(out, 96, 11, 4)  # of 56 frames, windows at 0, 4 to 40
  np.testing.assert_array_equal(rows, [0, 2, 5, 7, 10])


def test_keypoints_outside_of_the_image_are_counted():
  keypoints = np.zeros((2, 133, 3), np.float16)
  keypoints[:, :100, 2] = 0.9
  keypoints[0, :30, 0] = 1500
  keypoints[1, 120, 1] = -5  # not a sure one
  assert pose.outside(keypoints, (1280, 720)) == (30, 200)


def test_features_from_a_copy_at_half_the_frame_rate():
  out = prepare(person(96), windows=5)
  rows = pose.feature_rows(out, 96, 41)  # of 56 frames, where 80 windows begin here
  np.testing.assert_array_equal(rows, [0, 10, 20, 30, 40])


def test_pad_fills_with_zeros():
  out = prepare(person(20))
  arrays = pose.pad(out)
  for name, joints in (("left", 21), ("right", 21), ("body", 7)):
    assert arrays[name].shape == (300, joints, 2)
    np.testing.assert_array_equal(arrays[name][:20], getattr(out, name))
    assert not arrays[name][20:].any()
  assert arrays["frames_valid"].sum() == 20 and arrays["frames_valid"][:20].all()
  np.testing.assert_array_equal(arrays["clips_start"], out.clips_start)
