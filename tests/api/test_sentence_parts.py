"""Long videos in parts that overlap: every step once, from the part that sees most around it."""

import numpy as np
import pytest

from sign_jax.api import sentence_parts

SIGHT = 12  # frames that a step of the recogniser below sees to each side of its own four


def scores_of(rows):
  """(T, 1) of frames that are numbers: a step is the sum of what it sees, a window of its video."""
  rows = np.array(rows[: len(rows) // 4 * 4])
  return np.array([
      [rows[max(first - SIGHT, 0) : first + 4 + SIGHT].sum()] for first in range(0, len(rows), 4)
  ], float)  # fmt: skip


@pytest.mark.parametrize("most", [4, 12, 16, 48, 120, 400])
@pytest.mark.parametrize("count", [4, 7, 47, 48, 49, 52, 160, 1003])
def test_every_step_comes_once_and_as_from_the_whole(most, count):
  rows = list(range(1, count + 1))
  joined, longest = sentence_parts.Joined(most), 0
  for first, part in sentence_parts.parts(iter(rows), most):
    assert part == rows[first : first + len(part)] and first % 4 == 0
    longest = max(longest, len(part))
    joined.add(first, scores_of(part))
  found, whole = joined.scores, scores_of(rows)
  assert found.shape == whole.shape and longest <= most
  if sentence_parts.overlap_of(most) >= 2 * SIGHT:
    np.testing.assert_array_equal(found, whole)
  else:  # a step at a cut sees less, and no step is of another place
    centre = scores_of_own(rows)
    assert (found >= centre).all() and (found <= whole).all()


def scores_of_own(rows):
  rows = np.array(rows[: len(rows) // 4 * 4])
  return rows.reshape(-1, 4).sum(1, keepdims=True)


def test_parts_overlap_by_a_quarter_to_a_half():
  for most in (16, 80, 120, 200, 400):
    overlap = sentence_parts.overlap_of(most)
    assert overlap % 8 == 0 and most / 5 <= overlap <= most / 2
  assert sentence_parts.overlap_of(4) == 0


def test_a_video_shorter_than_a_step_is_one_part():
  assert list(sentence_parts.parts([1, 2], 120)) == [(0, [1, 2])]
  assert list(sentence_parts.parts([], 120)) == []


def test_no_more_frames_wait_than_a_part_has():
  read = 0

  def rows():
    nonlocal read
    for number in range(10_000):
      read += 1
      yield number

  for first, part in sentence_parts.parts(rows(), 80):
    assert read == first + len(part)
