"""Heatmaps of keypoints: a Gaussian about each, cropped and resized with the video.

A Gaussian is a product of one function of the row and one of the column, and so is what bilinear
resizing makes of it. The map of a joint is therefore the outer product of two vectors, each resized
by itself: no canvas of 256 x 256 is ever made, and beside the result no memory is needed to speak
of. Nothing has to be cut into chunks of frames.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, Float32

from sign_jax.ops import crop

# Of COCO-WholeBody's 133: both hands, every second point of the mouth, upper body.
JOINTS = np.r_[91:133, 71:90:2, 0:11]
VARIANTS = ("released", "paper")
CANVAS, SIGMA = 256, 8.0  # pixels of the released canvas's sides and of its Gaussians
PAPER_SIZE, PAPER_SIGMA = 112, 4.0


def canvas_of(variant: str, size: int) -> tuple[int, float]:
  """(pixels of the sides of the canvas that Gaussians are drawn on, sigma in pixels of it).

  Args:
    variant: "released", drawn on 256 x 256 with sigma 8 and then resized, or "paper", drawn in the
      size of the maps, with sigma 4 where that is 112.
    size: pixels of the sides of the maps.

  Raises:
    ValueError: for another variant.
  """
  if variant not in VARIANTS:
    raise ValueError(f"unknown variant {variant!r}")
  return (CANVAS, SIGMA) if variant == "released" else (size, PAPER_SIGMA * size / PAPER_SIZE)


def _profiles(
    places: Float[ArrayLike, "B T K"], resize: Float32[ArrayLike, "B h S"], sigma: float
) -> Float32[Array, "B T h K"]:
  """Gaussians along one axis, resized; a place that is not finite has none."""
  source = resize.shape[2]
  there = jnp.isfinite(places)
  at = jnp.where(there, places, 0.0).astype(jnp.float32) * source
  distance = at[:, :, None] - jnp.arange(source, dtype=jnp.float32)[None, None, :, None]
  drawn = jnp.exp(-jnp.square(distance) / (2 * sigma**2)) * there[:, :, None]
  return jnp.einsum("bhs,btsk->bthk", resize, drawn, precision=jax.lax.Precision.HIGHEST)


def heatmaps(
    points: Float[ArrayLike, "B T K C"],
    size: int,
    boxes: crop.Boxes | None = None,
    *,
    canvas: int | tuple[int, int] = CANVAS,
    sigma: float = SIGMA,
    dtype: DTypeLike = jnp.float32,
) -> Float[Array, "B T {size} {size} K"]:
  """exp(-d^2 / (2 sigma^2)) of the distance to each joint, in [0, 1]; NLA-SLR, section 3.1.

  Args:
    points, size, boxes, canvas, sigma: see `profiles`, whose outer products they are.
    dtype: of the result.
  """
  down, across = profiles(points, size, boxes, canvas=canvas, sigma=sigma)
  return (down[:, :, :, None] * across[:, :, None]).astype(dtype)


def profiles(
    points: Float[ArrayLike, "B T K C"],
    size: int,
    boxes: crop.Boxes | None = None,
    *,
    canvas: int | tuple[int, int] = CANVAS,
    sigma: float = SIGMA,
) -> tuple[Float32[Array, "B T {size} K"], Float32[Array, "B T {size} K"]]:
  """The profiles along rows and along columns whose outer products are the maps.

  The pixel i of the canvas lies at the coordinate i; peaks between pixels are below 1. A joint with
  a coordinate that is not finite has an empty map. Confidences are not used.

  Args:
    points: (B, T, K, 2 or 3) x and y as shares of the picture's width and height; what follows is
      not read.
    size: pixels of the maps' sides.
    boxes: that are cut out of the canvas and resized, as the video's are; None is all of it.
    canvas, sigma: pixels, see `canvas_of`; the canvas may have a height and a width.
  """
  boxes = crop.whole(points.shape[0]) if boxes is None else boxes
  height, width = canvas if isinstance(canvas, Sequence) else (canvas, canvas)
  rows = crop.matrix(boxes.top, boxes.height, height, size)
  columns = crop.matrix(boxes.left, boxes.width, width, size)
  across = _profiles(points[..., 0], columns, sigma)
  return _profiles(points[..., 1], rows, sigma), across


def normalize(x: Float[ArrayLike, "*shape"]) -> Float[Array, "*shape"]:
  """Numbers in [0, 1] to [-1, 1], as the streams read videos and maps."""
  return (x - 0.5) / 0.5
