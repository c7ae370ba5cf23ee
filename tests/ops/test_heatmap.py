"""Heatmaps against Gaussians on a canvas that are cut and resized afterwards."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.ops import crop, heatmap
from tests.ops.test_crop import bilinear

CANVAS, SIZE = 32, 14
BOXES = [(0, 0, 32, 32), (4, 9, 25, 20)]
heatmaps = jax.jit(heatmap.heatmaps, static_argnames=("size", "canvas", "sigma", "dtype"))


@pytest.fixture(scope="module")
def points():
  """Shares of the picture, some outside of it, and confidences, which do not count."""
  drawn = np.random.default_rng(0).uniform(-0.2, 1.2, (len(BOXES), 3, 5, 3))
  return drawn.astype(np.float32)


def drawn(point, canvas, sigma):
  """(canvas, canvas, 1)"""
  y, x = np.mgrid[:canvas, :canvas]
  distance = (x - point[0] * canvas) ** 2 + (y - point[1] * canvas) ** 2
  return np.exp(-distance / (2 * sigma**2))[..., None]


@pytest.mark.parametrize("columns", [2, 3])
def test_maps_are_canvases_cut_and_resized(points, columns):
  boxes = crop.Boxes(*(jnp.array(BOXES, jnp.float32).T / CANVAS))
  found = heatmaps(points[..., :columns], SIZE, boxes, canvas=CANVAS, sigma=3.0)
  assert found.shape == (len(BOXES), 3, SIZE, SIZE, 5) and found.dtype == jnp.float32
  for b, t, k in np.ndindex(points.shape[:3]):
    top, left, height, width = BOXES[b]
    canvas = drawn(points[b, t, k], CANVAS, 3.0)
    expected = bilinear(canvas[top : top + height, left : left + width], SIZE)[..., 0]
    np.testing.assert_allclose(found[b, t, :, :, k], expected, atol=1e-5)


def test_a_canvas_in_the_size_of_the_maps_is_the_plain_gaussian(points):
  found = heatmaps(points, SIZE, canvas=SIZE, sigma=2.0)
  expected = drawn(points[1, 2, 3], SIZE, 2.0)[..., 0]
  np.testing.assert_allclose(found[1, 2, :, :, 3], expected, atol=1e-6)


def test_variants():
  assert heatmap.canvas_of("released", 112) == (256, 8.0)
  assert heatmap.canvas_of("paper", 112) == (112, 4.0)
  assert heatmap.canvas_of("paper", 28) == (28, 1.0)
  with pytest.raises(ValueError, match="unknown variant 'papers'"):
    heatmap.canvas_of("papers", 112)


@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf])
def test_a_missing_joint_has_an_empty_map(points, missing):
  gone = points.copy()
  gone[0, 1, 2, 0] = missing
  found = np.asarray(heatmaps(gone, SIZE, canvas=CANVAS, sigma=3.0))
  np.testing.assert_array_equal(found[0, 1, :, :, 2], 0.0)
  kept = np.asarray(heatmaps(points, SIZE, canvas=CANVAS, sigma=3.0))
  others = np.arange(5) != 2
  np.testing.assert_array_equal(found[..., others], kept[..., others])


def test_a_joint_at_zero_is_drawn_there_whatever_its_confidence():
  found = heatmaps(jnp.zeros((1, 1, 1, 3)), SIZE, canvas=SIZE, sigma=2.0)
  assert found[0, 0, 0, 0, 0] == 1.0


def test_the_joints_are_hands_mouth_and_body():
  assert heatmap.JOINTS.tolist() == [*range(91, 133), *range(71, 90, 2), *range(11)]
  assert len(heatmap.JOINTS) == 63


@pytest.mark.usefixtures("full_compile")
def test_there_is_no_memory_beside_the_maps():
  batch, frames, size = 2, 16, 112
  points = jax.ShapeDtypeStruct((batch, frames, 63, 3), np.float32)
  make = jax.jit(lambda points: heatmap.heatmaps(points, size, dtype=jnp.bfloat16))
  memory = make.lower(points).compile().memory_analysis()
  assert memory.output_size_in_bytes == batch * frames * size**2 * 63 * 2
  canvases = batch * frames * 256**2 * 63 * 4
  assert memory.temp_size_in_bytes < canvases / 100


def test_normalize():
  np.testing.assert_array_equal(heatmap.normalize(jnp.array([0.0, 0.5, 1.0])), [-1, 0, 1])
