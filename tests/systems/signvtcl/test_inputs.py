"""What SignVTCL's streams read of a batch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.ops import crop, heatmap
from sign_jax.systems.signvtcl import inputs, settings
from tests.ops.test_crop import bilinear

SIZE = 12


def config(**changes):
  found = settings.config()
  found.update_from_flattened_dict({
      "data.size_stored": SIZE, "data.size": SIZE, "model.dtype": "float32",
      "model.heatmap_canvas": (20, 10), "model.heatmap_sigma": 2.0, **changes,
  })  # fmt: skip
  return found


@pytest.fixture(scope="module")
def batch():
  rng = np.random.default_rng(0)
  pictures = rng.integers(0, 256, (2, 2, 4, SIZE, SIZE, 3)).astype(np.uint8)
  points = rng.uniform(0, 1, (2, 4, 133, 3)).astype(np.float32)
  return {"video": pictures[0], "flow": pictures[1], "keypoints": points}


def test_joints_are_parts_in_alphabetical_order():
  face, hands = list(range(23, 69, 3)), list(range(91, 133))
  mouth, pose = list(range(71, 90, 2)), list(range(11))
  assert inputs.JOINTS.tolist() == face + hands + mouth + pose
  assert [len(part) for part in (face, hands, mouth, pose)] == [16, 42, 10, 11]


def test_whole_pictures_are_bgr_and_flow_keeps_its_order(batch):
  made = config()
  found = inputs.inputs(made, batch, inputs.still(made, 2))
  assert list(found) == ["video", "keypoint", "flow"]
  scaled = {name: batch[name] / 127.5 - 1 for name in ("video", "flow")}
  np.testing.assert_allclose(found["video"], scaled["video"][..., ::-1], atol=1e-5)
  np.testing.assert_allclose(found["flow"], scaled["flow"], atol=1e-5)
  assert found["keypoint"].shape == (2, 4, SIZE, SIZE, 79)


def test_keypoints_are_drawn_on_a_canvas_that_need_not_be_square(batch):
  made = config()
  found = inputs.inputs(made, batch, inputs.still(made, 2))["keypoint"].dense()
  x, y = batch["keypoints"][1, 2, inputs.JOINTS[20], :2] * (10, 20)
  rows, columns = np.mgrid[:20, :10]
  drawn = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 2.0**2))[..., None]
  expected = 2 * bilinear(drawn, SIZE)[..., 0] - 1
  np.testing.assert_allclose(found[1, 2, ..., 20], expected, atol=1e-5)


def test_one_box_cuts_every_stream_and_lies_in_the_middle(batch):
  made = config(**{"data.centre": 0.5, "data.least_area": 0.3})
  draws = inputs.draw(made, jax.random.key(3), 2)
  boxes = draws.boxes
  for start, length in ((boxes.top, boxes.height), (boxes.left, boxes.width)):
    assert (start >= 0.25 - 1e-6).all() and (start + length <= 0.75 + 1e-6).all()
  assert (boxes.height < 0.5).any() or (boxes.width < 0.5).any()
  found = inputs.inputs(made, batch, draws)
  flow = crop.apply(boxes, jnp.asarray(batch["flow"] / 127.5 - 1, jnp.float32), SIZE)
  np.testing.assert_allclose(found["flow"], flow, atol=1e-5)
  maps = heatmap.heatmaps(batch["keypoints"][:, :, inputs.JOINTS], SIZE, boxes, canvas=(20, 10),
                          sigma=2.0)  # fmt: skip
  np.testing.assert_allclose(found["keypoint"].dense(), 2 * maps - 1, atol=1e-5)


def test_colours_change_in_videos_alone(batch):
  made = config(**{"data.jitter": 1.0, "data.least_area": 1.0})
  draws = inputs.draw(made, jax.random.key(0), 2)
  found = inputs.inputs(made, batch, draws)
  plain = inputs.inputs(made, batch, draws._replace(jitter=None))
  assert np.abs(found["video"] - plain["video"]).max() > 0.05
  np.testing.assert_array_equal(found["flow"], plain["flow"])


@pytest.mark.parametrize("changes, size", [
    ({}, SIZE), ({"model.variant": "base"}, SIZE // 2), ({"data.heatmap_size": 7}, 7),
])  # fmt: skip
def test_maps_are_as_large_as_connections_need(changes, size):
  assert settings.map_size(config(**changes)) == size
