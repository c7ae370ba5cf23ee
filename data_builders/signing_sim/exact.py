"""Floating-point functions that give the same bits on every machine.

Addition, multiplication, division and square root are exact by IEEE 754; sine and cosine are not:
libraries and instruction sets differ in the last bit. These are built from the former alone.
"""

import numpy as np

_HALF_PI = np.pi / 2
# Taylor coefficients; on [-pi/4, pi/4] the first omitted terms are below 1e-13.
_SIN = (-1 / 6, 1 / 120, -1 / 5040, 1 / 362880, -1 / 39916800, 1 / 6227020800)
_COS = (-1 / 2, 1 / 24, -1 / 720, 1 / 40320, -1 / 3628800, 1 / 479001600)


def _series(square, coefficients):
  total = np.zeros_like(square)
  for coefficient in reversed(coefficients):
    total = (total + coefficient) * square
  return 1.0 + total


def sincos(angle):
  """Sine and cosine of float64 radians of moderate size, each of `angle`'s shape."""
  angle = np.asarray(angle, np.float64)
  quadrant = np.round(angle / _HALF_PI)
  rest = angle - quadrant * _HALF_PI
  square = rest * rest
  sin, cos = rest * _series(square, _SIN), _series(square, _COS)
  turn = quadrant.astype(np.int64) % 4
  swap = turn % 2 == 1
  return (np.where(swap, cos, sin) * np.where(turn >= 2, -1.0, 1.0),
          np.where(swap, sin, cos) * np.where((turn == 1) | (turn == 2), -1.0, 1.0))


def dot(a, b):
  """Inner product over a last axis of length 2 or 3, kept with length 1; summed left to right."""
  products = a * b
  total = products[..., :1]
  for axis in range(1, products.shape[-1]):
    total = total + products[..., axis:axis + 1]
  return total


def norm(vector):
  """Euclidean length over a last axis of length 2 or 3, kept with length 1, at least 1e-3."""
  return np.maximum(np.sqrt(dot(vector, vector)), 1e-3)


def cross(a, b):
  """Cross product over the last axis (3)."""
  ax, ay, az = np.moveaxis(a, -1, 0)
  bx, by, bz = np.moveaxis(b, -1, 0)
  return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], -1)


def grid(values, step):
  """`values` rounded to multiples of `step`, a power of two."""
  return np.round(values / step) * step
