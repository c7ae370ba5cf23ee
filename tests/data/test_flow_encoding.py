import numpy as np
import pytest

from sign_jax.data import flow_encoding
from sign_jax.errors import UserError
from sign_jax.golden import seeded
from tests.cases import GOLDEN


@pytest.fixture(scope="module")
def field():
  return seeded.normal("flow/field", (2, 16, 20, 2), 4) * np.float32([1, 3]).reshape(2, 1, 1, 1)


@pytest.mark.parametrize("encoding", flow_encoding.ENCODINGS)
def test_golden_pictures(field, encoding):
  expected = np.load(GOLDEN / "signvtcl.npz")[f"flow/{encoding}"]
  found = flow_encoding.encode(field, encoding)
  assert found.dtype == np.uint8
  np.testing.assert_array_equal(found, expected)
  np.testing.assert_array_equal(flow_encoding.encode(field[1], encoding), expected[1])


def test_no_motion():
  still = np.zeros((2, 3, 2), np.float32)
  assert (flow_encoding.uvm(still) == [128, 128, 0]).all()
  assert (flow_encoding.wheel(still) == 255).all()


def test_long_motion_is_clipped_at_the_range():
  field = np.float32([[[30, -30], [-6, 6]]])
  assert flow_encoding.uvm(field)[0, 0].tolist() == [255, 0, 255]
  assert flow_encoding.uvm(field, 12)[0, 1].tolist() == [64, 191, 180]


def test_directions_have_the_wheels_colours():
  """Right is red, left is cyan, and slower is paler."""
  field = np.float32([[[5, 0], [-5, 0], [2.5, 0]]])
  right, left, slow = flow_encoding.wheel(field)[0].astype(int)
  assert right[0] == 255 and right[1:].max() < 20
  assert left[0] < 20 and left[1:].min() > 200
  assert slow[0] == 255 and 100 < slow[2] < 140


def test_another_encoding_is_one_sentence():
  with pytest.raises(UserError, match="flow.encoding='weel' is not one of uvm, wheel.*mean"):
    flow_encoding.encode(np.zeros((1, 1, 2), np.float32), "weel")


def test_the_range_is_that_of_uvm_alone(field):
  np.testing.assert_array_equal(
      flow_encoding.encode(field, "uvm", 12), flow_encoding.uvm(field, 12)
  )
  assert (flow_encoding.encode(field, "uvm", 12) != flow_encoding.encode(field, "uvm")).any()
  np.testing.assert_array_equal(
      flow_encoding.encode(field, "wheel", 12), flow_encoding.wheel(field)
  )


def test_a_smaller_picture_holds_means_of_areas():
  picture = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3) * 3
  found = flow_encoding.resized(picture, 2)
  expected = picture.reshape(2, 2, 2, 3, 3).mean((1, 3))
  np.testing.assert_allclose(found, expected, atol=0.51)
