"""Boxes at random, and cutting and resizing by matrices against plain bilinear interpolation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.ops import crop

SIZE, TARGET = 24, 10
apply = jax.jit(crop.apply, static_argnums=2)
BOXES = [(0, 0, 24, 24), (3, 5, 17, 19), (10, 0, 5, 24), (23, 2, 1, 7)]  # top, left, height, width


def shares(boxes, size=SIZE):
  return crop.Boxes(*(jnp.array(boxes, jnp.float32).T / size))


def bilinear(picture, target):
  """(H, W, C) resized, one pixel after the other."""
  found = np.empty((target, target, picture.shape[2]))
  height, width = picture.shape[:2]

  def neighbours(i, length):
    at = max((i + 0.5) * length / target - 0.5, 0)
    low = int(at)
    return low, min(low + 1, length - 1), at - low

  for y, x in np.ndindex(target, target):
    top, bottom, down = neighbours(y, height)
    left, right, across = neighbours(x, width)
    upper = (1 - across) * picture[top, left] + across * picture[top, right]
    lower = (1 - across) * picture[bottom, left] + across * picture[bottom, right]
    found[y, x] = (1 - down) * upper + down * lower
  return found


@pytest.fixture(scope="module")
def video():
  return jax.random.uniform(jax.random.key(0), (len(BOXES), 2, SIZE, SIZE, 3))


@pytest.mark.parametrize("target", [TARGET, 31])
def test_a_cut_is_that_of_plain_interpolation(video, target):
  found = apply(shares(BOXES), video, target)
  for clip, cut, (top, left, height, width) in zip(video, found, BOXES, strict=True):
    for frame, ours in zip(np.asarray(clip), cut, strict=True):
      expected = bilinear(frame[top : top + height, left : left + width], target)
      np.testing.assert_allclose(ours, expected, atol=2e-6)


def test_a_cut_is_that_of_pytorch(video):
  torch = pytest.importorskip("torch")
  found = apply(shares(BOXES), video, TARGET)
  for clip, cut, (top, left, height, width) in zip(video, found, BOXES, strict=True):
    part = torch.from_numpy(np.array(clip)).permute(0, 3, 1, 2)
    part = part[:, :, top : top + height, left : left + width]
    expected = torch.nn.functional.interpolate(
      part, (TARGET, TARGET), mode="bilinear", align_corners=False, antialias=False
    )
    np.testing.assert_allclose(cut, expected.permute(0, 2, 3, 1).numpy(), atol=2e-6)


def test_the_whole_picture_in_its_own_size_is_itself(video):
  np.testing.assert_array_equal(apply(crop.whole(len(BOXES)), video, SIZE), video)


def test_bfloat16_stays_near(video):
  found = apply(shares(BOXES), video.astype(jnp.bfloat16), TARGET)
  assert found.dtype == jnp.bfloat16
  exact = apply(shares(BOXES), video, TARGET)
  np.testing.assert_allclose(found.astype(jnp.float32), exact, atol=0.02)


def test_boxes_are_those_that_were_asked_for():
  size, batch = 256, 2000
  boxes = jax.jit(crop.draw, static_argnums=(1, 2))(jax.random.key(1), batch, size)
  top, left, height, width = (np.asarray(x) * size for x in boxes)
  for x in (top, left, height, width):
    np.testing.assert_array_equal(x, np.round(x))
  assert top.min() >= 0 and left.min() >= 0
  assert (top + height).max() <= size and (left + width).max() <= size
  # Sides are rounded to pixels.
  area, aspect = height * width / size**2, width / height
  assert 0.69 < area.min() < 0.71 and 0.95 < area.max() <= 1
  assert 0.74 < aspect.min() < 0.78 and 1.27 < aspect.max() < 1.31
  # Corners are uniform: in the middle on average.
  for corner, side in ((top, height), (left, width)):
    room = size - side
    assert abs((corner[room > 20] / room[room > 20]).mean() - 0.5) < 0.03
  assert len(set(zip(top, left, height, width, strict=True))) > batch * 0.9


def test_where_no_box_fits_the_picture_is_whole():
  draw = jax.jit(lambda key: crop.draw(key, 3, 32, area=(1.0, 1.0), aspect=(2.0, 3.0)))
  boxes = draw(jax.random.key(0))
  for found, expected in zip(boxes, crop.whole(3), strict=True):
    np.testing.assert_array_equal(found, expected)
