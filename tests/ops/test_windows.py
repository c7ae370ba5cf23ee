import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.ops.windows import gather_valid_windows, gather_windows

FRAMES = jnp.float32(np.random.default_rng(0).standard_normal((3, 20, 2)))
STARTS = jnp.int32([[0, 4, 16], [3, -1, -1], [-1, -1, -1]])
VALID = STARTS >= 0


def test_windows_are_slices():
  windows = gather_windows(FRAMES, STARTS, 4)
  assert windows.shape == (3, 3, 4, 2)
  for video, window in np.argwhere(VALID):
    start = STARTS[video, window]
    np.testing.assert_array_equal(windows[video, window], FRAMES[video, start : start + 4])


def test_zeros_follow_where_there_are_too_few_frames():
  windows = gather_windows(FRAMES[:, :3], jnp.zeros((3, 1), jnp.int32), 5)
  np.testing.assert_array_equal(windows[:, 0, :3], FRAMES[:, :3])
  assert not np.any(windows[:, 0, 3:])


@pytest.mark.parametrize("size", [4, 6])
def test_valid_windows_move_together(size):
  windows, taken, slots = gather_valid_windows(FRAMES, STARTS, VALID, 4, size)
  assert windows.shape == (size, 4, 2)
  np.testing.assert_array_equal(taken, np.arange(size) < 4)
  np.testing.assert_array_equal(slots, np.where(VALID, [[0, 1, 2], [3, 0, 0], [0, 0, 0]], size))
  np.testing.assert_array_equal(windows[slots[VALID]], gather_windows(FRAMES, STARTS, 4)[VALID])


def test_windows_without_a_place_are_marked():
  windows, taken, slots = gather_valid_windows(FRAMES, STARTS, VALID, 4, 2)
  assert taken.all() and windows.shape == (2, 4, 2)
  np.testing.assert_array_equal(slots, [[0, 1, 3], [3, 2, 2], [2, 2, 2]])
