"""Where the camera of a video stands: no two videos show a signer at quite the same place."""

import numpy as np

from data_builders.signing_sim import exact, skeleton

_ZOOM = (1.1, 1.4)  # of the figure about the middle of the picture
_RIGHT, _DOWN = (-12.0, 12.0), (4.0, 20.0)  # shift of the figure, pixels of the canvas


def place(points, random):
  """Moves keypoints to where the camera of a video sees them.

  Args:
    points: (F, 133, 2) float64 pixels of the canvas.
    random: `rng.Random` of this video's camera.

  Returns:
    The same of the picture, which is as large as the canvas; multiples of `skeleton.PIXEL_GRID`.
  """
  zoom = random.uniform(*_ZOOM)
  shift = np.array([random.uniform(*_RIGHT), random.uniform(*_DOWN)])
  middle = skeleton.CANVAS / 2
  return exact.grid((points - middle) * zoom + middle + shift, skeleton.PIXEL_GRID)
