"""Small pictures of a figure, the same bits on every machine, all frames of a video at once.

`render` draws beautiful pictures of any size with a library, whose bits are its own affair. Here a
shape covers a pixel to the extent to which the pixel's centre lies inside, and that takes nothing
but sums, products, divisions and square roots of float32, which IEEE 754 defines to the last bit.
"""

import numpy as np

from data_builders.signing_sim import render, skeleton

_SHADE = 0.72  # brightness of a limb's rim
_CORE = 0.7  # share of a limb's radius that is not its rim
_TRUNK = ((5, 6), (5, 11), (6, 12))
_FACE_SKIN, _HAIR_LIFT, _HAIR_SIZE = (0.31, 0.46), 0.08, 1.05  # shoulder widths; of the face
_SMALLEST = 1e-6


class _Film:
  """Pictures that shapes are painted on, one after the other.

  Attributes:
    pictures: (T, S, S, 3) float32 RGB.
  """

  def __init__(self, pictures):
    self.pictures, self._size = pictures, pictures.shape[1]

  def capsule(self, start, end, radius, *layers):
    """Thick lines with round ends from `start` to `end` (T, 2); `layers` as in `_paint`."""
    window, (x, y) = self._window(np.minimum(start, end), np.maximum(start, end), radius)
    dx, dy = _columns(end - start)
    along = x(start) * dx + y(start) * dy
    along = np.clip(along / np.maximum(dx * dx + dy * dy, np.float32(_SMALLEST)), 0, 1)
    off_x, off_y = x(start) - along * dx, y(start) - along * dy
    self._paint(window, radius - np.sqrt(off_x * off_x + off_y * off_y), radius, layers)

  def ellipse(self, centre, radii, *layers):
    """Ellipses about `centre` (T, 2) with `radii` along x and y."""
    window, (x, y) = self._window(centre - radii, centre + radii, 0)
    across, up = x(centre) / radii[0], y(centre) / radii[1]
    inside = (1 - np.sqrt(across * across + up * up)) * radii[0]
    self._paint(window, inside, radii[0], layers)

  def polygon(self, corners, *layers):
    """Convex polygons; `corners` (T, K, 2) clockwise as seen in the picture."""
    window, (x, y) = self._window(corners.min(1), corners.max(1), 0)
    inside = np.float32(np.inf)
    for first, second in zip(np.moveaxis(corners, 1, 0), np.moveaxis(np.roll(corners, -1, 1), 1, 0),
                             strict=True):
      dx, dy = _columns(second - first)
      length = np.maximum(np.sqrt(dx * dx + dy * dy), np.float32(_SMALLEST))
      inside = np.minimum(inside, (dx * y(first) - dy * x(first)) / length)
    self._paint(window, inside, 0, layers)

  def _window(self, low, high, margin):
    """The part of the pictures that holds what lies between `low` and `high`, (T, 2) pixels.

    Returns:
      An index into `pictures`, and two functions from points (T, 2) to the distances of the part's
      pixels from them, along x (T, 1, W) and along y (T, H, 1).
    """
    low = np.floor(low - margin - 1).astype(np.int64)
    extent = (np.ceil(high + margin + 1).astype(np.int64) - low).max(0)
    width, height = np.minimum(extent, self._size).tolist()
    left, top = np.clip(low, 0, self._size - np.array([width, height])).T
    columns = left[:, None, None] + np.arange(width)
    rows = top[:, None, None] + np.arange(height)[:, None]
    at = (np.arange(len(low))[:, None, None], rows, columns)
    x, y = ((places + 0.5).astype(np.float32) for places in (columns, rows))
    return at, (lambda p: x - p[:, 0, None, None], lambda p: y - p[:, 1, None, None])

  def _paint(self, at, inside, radius, layers):
    """Paints pixels that lie `inside` (pixels) a shape; `layers`: a colour, one more for the core.
    """
    below = self.pictures[at]
    for layer, colour in enumerate(layers):
      depth = inside - layer * (1 - _CORE) * radius
      cover = np.clip(depth + np.float32(0.5), 0, 1)[..., None]
      below += cover * (np.float32(colour) - below)
    self.pictures[at] = below


def _columns(vectors):
  return vectors[:, 0, None, None], vectors[:, 1, None, None]


def _limb(colour):
  return tuple(_SHADE * c for c in colour), colour


def _trunk(film, body, unit):
  for hip, knee in ((11, 13), (12, 14)):
    film.capsule(body[:, hip], body[:, knee], 0.17 * unit, *_limb(render.TROUSERS))
  neck = (body[:, 5] + body[:, 6]) / 2
  film.capsule(neck, neck - np.float32([0, 0.25]) * unit, 0.14 * unit, *_limb(render.SKIN))
  film.polygon(body[:, [6, 5, 11, 12]], render.SHIRT)
  for a, b in _TRUNK:
    film.capsule(body[:, a], body[:, b], 0.12 * unit, *_limb(render.SHIRT))


def _head(film, body, face, unit):
  centre = (body[:, 3] + body[:, 4]) / 2
  radii = np.float32(_FACE_SKIN) * unit
  lift = np.float32([0, _HAIR_LIFT]) * unit
  film.ellipse(centre - lift, _HAIR_SIZE * radii, render.HAIR)
  for scale, colour in zip((1.0, 0.92), _limb(render.SKIN), strict=True):
    film.ellipse(centre, scale * radii, colour)
  for first, last in ((17, 21), (22, 26)):
    film.capsule(face[:, first], face[:, last], 0.02 * unit, render.HAIR)
  for first, last in ((36, 39), (42, 45)):
    film.capsule(face[:, first], face[:, last], 0.03 * unit, render.EYE)
  film.capsule(face[:, 48], face[:, 54], 0.04 * unit, render.LIP)


def _hand(film, joints, unit):
  for a, b in zip(render.PALM, render.PALM[1:] + render.PALM[:1], strict=True):
    film.capsule(joints[:, a], joints[:, b], 0.07 * unit, render.SKIN)
  for finger, colour in enumerate(render.FINGERS):
    for joint in range(1 + 4 * finger, 4 + 4 * finger):
      film.capsule(joints[:, joint], joints[:, joint + 1], 0.04 * unit, colour)


def frames(points, size):
  """Draws keypoints.

  Args:
    points: (T, 133, 2) places in pixels of the canvas, at least one frame.
    size: height and width of the pictures, pixels.

  Returns:
    (T, size, size, 3) uint8 RGB.
  """
  points = (points * (size / skeleton.CANVAS)).astype(np.float32)
  unit = np.abs(points[0, 5, 0] - points[0, 6, 0])
  ground = np.broadcast_to(np.float32(render.BACKGROUND), (1, size, size, 3))
  still = _Film(ground.copy())
  _trunk(still, points[:1], unit)  # it does not move
  film = _Film(np.repeat(still.pictures, len(points), 0))
  _head(film, points, points[:, skeleton.FACE], unit)
  for (shoulder, elbow, wrist), hand in zip(
      render.ARMS, (skeleton.LEFT_HAND, skeleton.RIGHT_HAND), strict=True):
    film.capsule(points[:, shoulder], points[:, elbow], 0.11 * unit, *_limb(render.SLEEVE))
    film.capsule(points[:, elbow], points[:, wrist], 0.09 * unit, *_limb(render.SLEEVE))
    _hand(film, points[:, hand], unit)
  return np.rint(film.pictures).astype(np.uint8)
