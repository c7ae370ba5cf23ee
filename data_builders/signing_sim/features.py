"""Two I3D-like feature streams: a fixed projection of a window's motion, nuisance and noise.

The agnostic stream sees the picture as it is: pixels, the signer's own handedness, much of the
signer and the background. The aware stream sees motion relative to the body, in terms of the
dominant and the other hand, as an encoder that was fine-tuned on signs would, and less of the rest.

Motion and projection are multiples of powers of two, coarse enough for their sums of products to
be exact: no order of summation changes a bit.
"""

import dataclasses
import functools

import numpy as np

from data_builders.signing_sim import exact, skeleton
from data_builders.signing_sim.rng import Random
from sign_jax.video.frames import WINDOW, window_starts

_SEED = 33  # the projection is part of the corpus version, not of its seed
_MOTION_GRID, _PROJECTION_GRID = 2.0 ** -10, 2.0 ** -8
_FEATURE_GRID = 2.0 ** -6  # far below the noise; makes small files
_PIXELS = 60.0  # the agnostic stream's unit of length: an average shoulder width
_DETAIL = 3.0  # weight of finger joints relative to the wrist, which would drown them otherwise
# Weights of a window's frames in its parts: four times four frames.
_PARTS = np.repeat(np.eye(4), WINDOW // 4, 1) / 4


@dataclasses.dataclass(frozen=True)
class Stream:
  """How much of what a stream contains; all relative to the motion."""

  relative: bool  # to the body and the dominant hand
  signer: float
  background: float
  noise: float


STREAMS = {
  "agnostic": Stream(relative=False, signer=0.1, background=0.1, noise=0.12),
  "aware": Stream(relative=True, signer=0.05, background=0.05, noise=0.09),
}


def _relative(points, signer):
  """Points about the neck in shoulder widths, the dominant hand as a right hand."""
  points = (points - np.array(signer.centre)) / signer.shoulder
  if signer.left_handed:
    points = points[:, _MIRROR] * [-1.0, 1.0]
  return points


def _mirror():
  order = np.arange(skeleton.KEYPOINTS)
  order[1:17] = order[1:17].reshape(8, 2)[:, ::-1].reshape(-1)
  order[17:23] = [20, 21, 22, 17, 18, 19]
  order[skeleton.LEFT_HAND], order[skeleton.RIGHT_HAND] = np.arange(112, 133), np.arange(91, 112)
  return order  # the face is not used left and right


_MIRROR = _mirror()


def _frame_motion(points):
  """(F, K) places of arms and nose, and hands about their wrists, on a grid."""
  parts = [points[:, [0, 7, 8, 9, 10]]]
  for hand in (skeleton.LEFT_HAND, skeleton.RIGHT_HAND):
    joints = points[:, hand]
    parts.append((joints[:, 1:] - joints[:, :1]) * _DETAIL)
  flat = np.concatenate(parts, 1).reshape(len(points), -1)
  return np.clip(exact.grid(flat, _MOTION_GRID), -8.0, 8.0)


@functools.cache
def _projection(name, inputs, width):
  random = Random(_SEED, "projection", name)
  return exact.grid(random.normal((inputs, width)) / np.sqrt(inputs), _PROJECTION_GRID)


def project(name, motion, width):
  """The stream's fixed projection of motion `(windows, K)`: `(windows, width)` float64, exact."""
  # `einsum` and not `@`: a threaded matrix product of this size is slow where cores are shared.
  return np.einsum("nk,kw->nw", motion, _projection(name, motion.shape[1], width))


def window_motion(points, signer, stream, starts):
  """Motion of the windows, `(windows, parts * K)`; `points` (F, 133, 2) noise-free pixels."""
  if stream.relative:
    points = _relative(points, signer)
  else:
    points = (points - skeleton.CANVAS / 2) / _PIXELS
  frames = _frame_motion(points)
  frames = frames[np.minimum(starts[:, None] + np.arange(WINDOW), len(frames) - 1)]
  return np.einsum("pt,ntk->npk", _PARTS, frames).reshape(len(starts), -1)


def _drift(first, last, n):
  """(n, width) rows from `first` to `last`: light and camera change slowly."""
  share = (np.arange(n) / max(n - 1, 1))[:, None]
  return first + share * (last - first)


def features(points, signer, name, width, stride, seed, random):
  """One feature stream of one video.

  Args:
    points: `(F, 133, 2)` float64, noise-free pixels.
    signer: its `signers.Signer`.
    name: a key of `STREAMS`.
    width: number of columns.
    stride: frames from one window to the next.
    seed: the corpus seed, which decides how a signer looks.
    random: `rng.Random` of this video and stream: background and noise.

  Returns:
    `(windows, width)` float16; a window has 16 frames, a shorter video repeats its last one.
  """
  stream = STREAMS[name]
  motion = window_motion(points, signer, stream, window_starts(len(points), stride))
  signal = project(name, motion, width)
  look = Random(seed, "look", name, signer.name).normal((width,))
  shape = signal.shape
  nuisance = stream.signer * look + stream.background * _drift(
    random.normal((width,)), random.normal((width,)), shape[0])
  noise = stream.noise * random.normal(shape)
  return exact.grid(signal + nuisance + noise, _FEATURE_GRID).astype(np.float16)
