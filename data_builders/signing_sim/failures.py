"""What a pose estimator makes of small pictures: at times it takes something else for an arm."""

import numpy as np

from data_builders.signing_sim import skeleton

_ARMS = (
  np.r_[7, 9, skeleton.LEFT_HAND], np.r_[8, 10, skeleton.RIGHT_HAND],
)  # elbow, wrist and hand, left and right
SHARE = 0.5  # of the frames that fail
_LENGTH = 4.0  # frames that a failure lasts on average
_WITHIN = (40.0, 216.0)  # where it sees the arm instead, pixels along either axis
_SPREAD = 10.0  # pixels, standard deviation of the joints about that place


def _failing(frames, random, share):
  """(F,) ints: 0 where an arm is found, else the number of the failure, from 1."""
  numbers, current, count = np.zeros(frames, np.int64), 0, 0
  begin = share / (1 - share) / _LENGTH
  chances = random.uniform(shape=(frames,))
  for frame, chance in enumerate(chances):
    if current and chance < 1 / _LENGTH:
      current = 0
    elif not current and chance < (begin if frame else share):
      count += 1
      current = count
    numbers[frame] = current
  return numbers


def mislead(points, random, share=SHARE):
  """Keypoints (F, 133, 2), pixels, with arms that are seen elsewhere for some frames.

  About `share` of the frames of either arm are wrong, its hand and elbow included, and each failure
  has one wrong place and one wrong form. `random` is the `rng.Random` of the video.
  """
  points = points.copy()
  for joints in _ARMS:
    numbers = _failing(len(points), random, share)
    most = int(numbers.max(initial=0))
    where = random.uniform(*_WITHIN, shape=(most + 1, 1, 2))
    wrong = where + _SPREAD * random.normal((most + 1, len(joints), 2))
    points[:, joints] = np.where(numbers[:, None, None] > 0, wrong[numbers], points[:, joints])
  return points
