"""RGB frames of a pose: a figure of capsules, drawn on demand and at any size."""

import numpy as np
from PIL import Image, ImageDraw

from data_builders.signing_sim import observe, skeleton

BACKGROUND, TROUSERS = (205, 214, 222), (70, 70, 78)
SHIRT, SLEEVE = (52, 84, 140), (70, 105, 165)
SKIN, HAIR, EYE, LIP = (224, 178, 148), (80, 56, 40), (40, 40, 60), (170, 70, 80)
FINGERS = ((236, 150, 110), (240, 190, 150), (220, 165, 125), (245, 205, 170), (205, 150, 115))
ARMS = ((5, 7, 9), (6, 8, 10))  # left, right: shoulder, elbow, wrist
PALM = (0, 1, 5, 9, 13, 17)
_SHADE = 0.72  # brightness of a capsule's rim
_SUPERSAMPLE = 2


def _darker(colour):
  return tuple(int(_SHADE * c) for c in colour)


def _capsule(draw, start, end, radius, colour):
  """A thick line with round ends, darker at its rim."""
  for r, fill in ((radius, _darker(colour)), (0.7 * radius, colour)):
    draw.line([*start, *end], fill=fill, width=max(1, round(2 * r)))
    for x, y in (start, end):
      draw.ellipse([x - r, y - r, x + r, y + r], fill=fill)


def _polygon(draw, points, colour):
  draw.polygon([tuple(p) for p in points], fill=colour, outline=_darker(colour))


def _hand(draw, joints, unit):
  _polygon(draw, joints[list(PALM)], SKIN)
  for a, b in zip(PALM, PALM[1:] + PALM[:1], strict=True):
    _capsule(draw, joints[a], joints[b], 0.05 * unit, SKIN)
  for finger, colour in enumerate(FINGERS):
    chain = joints[1 + 4 * finger:5 + 4 * finger]
    for a, b in zip(chain[:-1], chain[1:], strict=True):
      _capsule(draw, a, b, 0.04 * unit, colour)


def _trunk(draw, body, unit):
  for hip, knee in ((11, 13), (12, 14)):
    _capsule(draw, body[hip], body[knee], 0.17 * unit, TROUSERS)
  neck = (body[5] + body[6]) / 2
  _capsule(draw, neck, neck + [0, -0.25 * unit], 0.14 * unit, SKIN)
  _polygon(draw, body[[5, 6, 12, 11]], SHIRT)
  for a, b in ((5, 6), (5, 11), (6, 12)):
    _capsule(draw, body[a], body[b], 0.12 * unit, SHIRT)


def _head(draw, body, face, unit):
  centre = (body[3] + body[4]) / 2
  rx, ry = 0.31 * unit, 0.46 * unit
  for lift, scale, colour in ((0.08 * unit, 1.05, HAIR), (0.0, 1.0, _darker(SKIN)),
                              (0.0, 0.92, SKIN)):
    draw.ellipse([centre[0] - scale * rx, centre[1] - lift - scale * ry,
                  centre[0] + scale * rx, centre[1] - lift + scale * ry], fill=colour)
  for eye in (face[36:42], face[42:48]):
    _polygon(draw, eye, EYE)
  for brow in (face[17:22], face[22:27]):
    draw.line([tuple(p) for p in brow], fill=HAIR, width=max(1, round(0.04 * unit)))
  draw.line([tuple(p) for p in face[27:31]], fill=_darker(SKIN), width=max(1, round(0.03 * unit)))
  _polygon(draw, face[48:60], LIP)


def _frame(points, size):
  large = size * _SUPERSAMPLE
  points = points * (large / skeleton.CANVAS)
  unit = abs(points[5, 0] - points[6, 0])
  image = Image.new("RGB", (large, large), BACKGROUND)
  draw = ImageDraw.Draw(image)
  _trunk(draw, points, unit)
  _head(draw, points, points[skeleton.FACE], unit)
  for (shoulder, elbow, wrist), hand in zip(
      ARMS, (skeleton.LEFT_HAND, skeleton.RIGHT_HAND), strict=True):
    _capsule(draw, points[shoulder], points[elbow], 0.11 * unit, SLEEVE)
    _capsule(draw, points[elbow], points[wrist], 0.09 * unit, SLEEVE)
    _hand(draw, points[hand], unit)
  return np.asarray(image.reduce(_SUPERSAMPLE))


def _found(pose):
  """(F, 133, 2) places; a dropped joint is interpolated from the frames in which it is found."""
  places = pose[..., :2].astype(np.float64)
  if pose.shape[-1] == 2:
    return places
  times = np.arange(len(pose))
  for joint in range(pose.shape[1]):
    kept = pose[:, joint, 2] >= observe.DROPPED
    if kept.any() and not kept.all():
      for axis in (0, 1):
        places[:, joint, axis] = np.interp(times, times[kept], places[kept, joint, axis])
  return places


def frames(pose, size=224):
  """Draws a pose.

  Args:
    pose: `(F, 133, 3)` x, y in pixels of the canvas and confidence, as the records hold it, or
      `(F, 133, 2)` without confidence, as `corpus.simulate` returns it.
    size: width and height of the pictures, pixels.

  Returns:
    `(F, size, size, 3)` uint8 RGB.
  """
  pictures = [_frame(points, size) for points in _found(np.asarray(pose))]
  return np.stack(pictures) if pictures else np.zeros((0, size, size, 3), np.uint8)
