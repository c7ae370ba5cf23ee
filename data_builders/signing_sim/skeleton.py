"""From articulator values to the 133 keypoints of COCO-WholeBody.

Order: body 0-16, feet 17-22, face 23-90, left hand 91-111, right hand 112-132; left and right are
the signer's. Pixels on a canvas of `CANVAS` x `CANVAS`, x to the right, y down, seen from ahead
without perspective; a right-handed signer's dominant hand is on the left of the picture.
"""

import numpy as np

from data_builders.signing_sim import exact, motion

CANVAS = 256  # pixels
KEYPOINTS = 133
FACE, LEFT_HAND, RIGHT_HAND = slice(23, 91), slice(91, 112), slice(112, 133)
PIXEL_GRID = 2.0 ** -10  # keypoints are multiples of this many pixels

# In shoulder widths. Fingers index to little: place on the palm (along, across), three segments.
_UPPER_ARM, _FOREARM = 0.85, 0.8
_KNUCKLES = np.array([[0.30, 0.10], [0.31, 0.03], [0.29, -0.04], [0.26, -0.10]])
_SEGMENTS = np.array([[0.15, 0.09, 0.07], [0.17, 0.10, 0.07], [0.15, 0.09, 0.07],
                      [0.12, 0.07, 0.06]])
_THUMB_BASE, _THUMB = np.array([0.07, 0.07]), np.array([0.13, 0.11, 0.09])
_FAN = np.array([1.0, 0.3, -0.4, -1.0])  # share of the spread that each finger takes
_BODY = {11: (0.35, -1.9), 12: (-0.35, -1.9), 13: (0.35, -3.4), 14: (-0.35, -3.4),
         15: (0.35, -4.8), 16: (-0.35, -4.8), 17: (0.4, -5), 18: (0.45, -5), 19: (0.35, -4.9),
         20: (-0.4, -5), 21: (-0.45, -5), 22: (-0.35, -4.9)}  # (to the signer's left, up)
_TURN = 0.2  # added to the palm's direction: one that turns over does not vanish half-way
_HEAD_CENTRE = np.array([0.0, 0.55, 0.1])
_HEAD_POINTS = {0: (0, -0.05, 0.35), 1: (0.12, 0.1, 0.28), 2: (-0.12, 0.1, 0.28),
                3: (0.3, 0.0, 0.0), 4: (-0.3, 0.0, 0.0)}  # nose, eyes, ears


def _ellipse(n, centre, radii, start, stop, depth):
  """(n, 3) points on an elliptic arc; angles in turns, counted from the signer's left, up."""
  sin, cos = exact.sincos(2 * np.pi * (start + (stop - start) * np.arange(n) / max(n - 1, 1)))
  return np.stack([centre[0] + radii[0] * cos, centre[1] + radii[1] * sin,
                   np.full(n, depth)], 1)


def _face():
  """(68, 3) face points about the head's centre: jaw, brows, nose, eyes, mouth."""
  closed = 5 / 6  # six points once round an eye, the last one before the first
  return np.concatenate([
    _ellipse(17, (0, 0), (0.3, 0.42), 0.5, 1.0, 0.1),
    _ellipse(5, (-0.13, 0.15), (0.09, 0.05), 0.5, 0.0, 0.28),
    _ellipse(5, (0.13, 0.15), (0.09, 0.05), 0.5, 0.0, 0.28),
    np.stack([np.zeros(4), np.array([0.1, 0.06, 0.02, -0.03]),
              np.array([0.3, 0.32, 0.34, 0.36])], 1),
    _ellipse(5, (0, -0.07), (0.06, 0.02), 0.5, 1.0, 0.31),
    _ellipse(6, (-0.12, 0.1), (0.05, 0.025), 0.5, 0.5 - closed, 0.27),
    _ellipse(6, (0.12, 0.1), (0.05, 0.025), 0.5, 0.5 - closed, 0.27),
    _ellipse(12, (0, -0.2), (0.11, 0.05), 0.5, 0.5 - 11 / 12, 0.29),
    _ellipse(8, (0, -0.2), (0.07, 0.02), 0.5, 0.5 - 7 / 8, 0.29),
  ])


_FACE_POINTS = np.concatenate([np.array(list(_HEAD_POINTS.values()), np.float64), _face()])


def _head(angles, size):
  """Nose, eyes, ears and face, (F, 73, 3), for head angles (F, 3)."""
  (sp, sy, sr), (cp, cy, cr) = (np.moveaxis(x[:, None], -1, 0) for x in exact.sincos(angles))
  x, y, z = np.moveaxis(_FACE_POINTS * size, -1, 0)
  y, z = y * cp - z * sp, y * sp + z * cp
  x, z = x * cy + z * sy, z * cy - x * sy
  x, y = x * cr - y * sr, x * sr + y * cr
  return np.stack([x, y, z], -1) + _HEAD_CENTRE * [1.0, size, 1.0]


def _frame(point, palm):
  """Orthonormal directions (along, palm, thumb side), each (F, 1, 3), of a right hand."""
  along = point / exact.norm(point)
  palm = palm + _TURN
  palm = palm - exact.dot(palm, along) * along
  palm = palm / exact.norm(palm)
  return along[:, None], palm[:, None], exact.cross(palm, along)[:, None]


def _chain(base, angle, side, lengths, axes):
  """Points (F, K, S, 3) of K chains of S segments.

  `angle` (F, K, S) is each segment's total flexion towards the palm, `side` (F, K) its deviation
  to the thumb's side, both in radians; `base` (F, K, 3).
  """
  along, palm, thumb = axes
  (ss, cs), (sa, ca) = exact.sincos(side), exact.sincos(angle)
  straight = cs[..., None] * along + ss[..., None] * thumb
  steps = lengths[..., None] * (ca[..., None] * straight[:, :, None]
                                + sa[..., None] * palm[:, :, None])
  points = [base]
  for k in range(steps.shape[2]):
    points.append(points[-1] + steps[:, :, k])
  return np.stack(points, 2)


def _hand(wrist, point, palm, shape, size):
  """21 joints (F, 21, 3) of a right hand in (out, up, forward), shoulder widths."""
  axes = _frame(point, palm)
  quarter = np.pi / 2
  flexion = shape[:, :8].reshape(-1, 4, 2) * quarter
  angle = np.stack([flexion[..., 0], flexion[..., 0] + flexion[..., 1],
                    flexion[..., 0] + 1.7 * flexion[..., 1]], -1)
  knuckles = _KNUCKLES[None, :, :1] * axes[0] + _KNUCKLES[None, :, 1:] * axes[2]
  fingers = _chain(knuckles * size, angle, shape[:, 10:11] * quarter * _FAN,
                   _SEGMENTS * size, axes)
  bend = shape[:, 9:10, None] * quarter * np.array([0.5, 1.0, 1.5])
  base = _THUMB_BASE[0] * axes[0] + _THUMB_BASE[1] * axes[2]
  thumb = _chain(base * size, bend, shape[:, 8:9] * quarter, _THUMB[None] * size, axes)
  joints = np.concatenate([thumb, fingers], 1).reshape(len(wrist), 20, 3)
  return np.concatenate([np.zeros((len(wrist), 1, 3)), joints], 1) + wrist[:, None]


def _elbow(shoulder, wrist, arm):
  """Elbow and reachable wrist, (F, 3) each; the elbow points down and outwards."""
  upper, fore = _UPPER_ARM * arm, _FOREARM * arm
  reach = wrist - shoulder
  length = exact.norm(reach)
  wrist = shoulder + reach * np.minimum(1.0, 0.98 * (upper + fore) / length)
  reach = wrist - shoulder
  length = exact.norm(reach)
  along = (length * length + upper * upper - fore * fore) / (2 * length)
  off = np.sqrt(np.maximum(upper * upper - along * along, 0.0))
  direction = reach / length
  pole = np.array([0.6, -1.0, -0.3])
  pole = pole - exact.dot(pole * np.ones_like(reach), direction) * direction
  return shoulder + along * direction + off * pole / exact.norm(pole), wrist


def _arm(track, signer):
  """Elbow and hand, (F, 22, 3), in (out, up, forward) from the neck, shoulder widths."""
  centre = np.array([0.25, -0.6, 0.0])
  place = centre + (track[:, :3] - centre) * signer.amplitude + np.array(signer.habit)
  elbow, wrist = _elbow(np.array([0.5, -0.05, 0.0]), place, signer.arm)
  hand = _hand(wrist, track[:, 3:6], track[:, 6:9], track[:, 9:motion.HAND], signer.hand)
  return np.concatenate([elbow[:, None], hand], 1)


def keypoints(track, signer, tremor=None):
  """Noise-free keypoints of a movement.

  Args:
    track: `(F, motion.SIZE)` float64, see `motion`.
    signer: a `signers.Signer`.
    tremor: `(F, 2, 2)` displacement of the dominant and the other arm, pixels, or None.

  Returns:
    `(F, 133, 2)` float64 pixels, multiples of `PIXEL_GRID`.
  """
  points = np.zeros((len(track), KEYPOINTS, 2))
  head = _head(track[:, 2 * motion.HAND:], signer.head)[..., :2]
  points[:, :5], points[:, FACE] = head[:, :5], head[:, 5:]
  points[:, 5], points[:, 6] = (0.5, -0.05), (-0.5, -0.05)
  for joint, place in _BODY.items():
    points[:, joint] = place
  shift = np.zeros((len(track), 2, 2)) if tremor is None else tremor / signer.shoulder
  for k, hand in enumerate((track[:, :motion.HAND], track[:, motion.HAND:2 * motion.HAND])):
    left = (k == 0) == signer.left_handed
    arm = _arm(hand, signer)[..., :2] * [1.0 if left else -1.0, 1.0] + shift[:, k, None]
    points[:, 7 if left else 8] = arm[:, 0]
    points[:, 9 if left else 10] = arm[:, 1]
    points[:, LEFT_HAND if left else RIGHT_HAND] = arm[:, 1:]
  pixels = points * [signer.shoulder, -signer.shoulder] + np.array(signer.centre)
  return exact.grid(pixels, PIXEL_GRID)
