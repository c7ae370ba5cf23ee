"""What a pose estimator would report: noise, confidences, dropped joints."""

import numpy as np

from data_builders.signing_sim import exact, skeleton

DROPPED = 0.3  # confidence below which a joint counts as dropped; its place is a guess

_NOISE = np.full(skeleton.KEYPOINTS, 0.7)  # pixels, standard deviation
_NOISE[skeleton.FACE] = 0.3
_GUESS = 8.0  # pixels, standard deviation of a dropped joint's place
_JOINT_DROP = 0.01  # probability for a joint in a frame
_HAND_DROP = 0.03  # probability for a whole hand to be lost from a frame on, for a few frames
_FAST = 12.0  # pixels a frame at which a hand is blurred so much that confidence falls by half
_COORDINATE_GRID, _CONFIDENCE_GRID = 2.0 ** -2, 2.0 ** -6  # below the noise; makes small files


def _lost_hands(frames, random):
  """(F, 2) bool: frames in which the left and the right hand are not found."""
  starts = random.uniform(shape=(frames, 2)) < _HAND_DROP
  lengths = 1 + (random.uniform(shape=(frames, 2)) * 3).astype(np.int64)
  lost = np.zeros((frames, 2), bool)
  for frame, hand in np.argwhere(starts):
    lost[frame:frame + lengths[frame, hand], hand] = True
  return lost


def _confidence(points, random):
  """(F, 133) confidences of joints that are found: lower when fast or out of the picture."""
  step = np.concatenate([np.zeros_like(points[:1]), points[1:] - points[:-1]])
  speed = exact.norm(step)[..., 0]
  sure = 0.95 / (1 + (speed / _FAST) ** 2)
  sure = sure - 0.08 * np.abs(random.normal(speed.shape))
  outside = np.any((points < 0) | (points >= skeleton.CANVAS), -1)
  return np.where(outside, 0.1 * sure, np.clip(sure, DROPPED + _CONFIDENCE_GRID, 1.0))


def observe(points, random):
  """Pose estimates of noise-free keypoints.

  Args:
    points: `(F, 133, 2)` float64 pixels.
    random: `rng.Random`.

  Returns:
    `(F, 133, 3)` float16: x, y in pixels (multiples of 1/4) and confidence in [0, 1]. Joints that
    are dropped or outside the canvas have a confidence below `DROPPED`.
  """
  shape = points.shape[:2]
  confidence = _confidence(points, random)
  dropped = random.uniform(shape=shape) < _JOINT_DROP
  lost = _lost_hands(shape[0], random)
  for k, hand in enumerate((skeleton.LEFT_HAND, skeleton.RIGHT_HAND)):
    dropped[:, hand] |= lost[:, k, None]
  guess = random.uniform(0.0, DROPPED - 2 * _CONFIDENCE_GRID, shape)
  confidence = np.where(dropped, np.minimum(guess, confidence), confidence)
  spread = np.where(dropped, _GUESS, _NOISE)[..., None]
  places = exact.grid(points + spread * random.normal(points.shape), _COORDINATE_GRID)
  return np.concatenate([places, exact.grid(confidence, _CONFIDENCE_GRID)[..., None]],
                        -1).astype(np.float16)
