"""What the streams read, from draws that a test makes itself."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sign_jax.ops import colour, crop, heatmap, mixup
from sign_jax.systems.nla_slr import augment, settings
from tests import program

B, T, STORED, SIZE, MAPS = 3, 8, 12, 10, 5
BOXES = crop.Boxes(*(jnp.array(x, jnp.float32) / STORED for x in ([0, 2, 3], [0, 1, 0], [12, 9, 8],
                                                                  [12, 10, 12])))  # fmt: skip


def config(**changes):
  found = settings.config()
  found.update_from_flattened_dict({
      "data.frames": T, "data.size_stored": STORED, "data.size": SIZE, "data.heatmap_size": MAPS,
      "model.dtype": "float32", "model.heatmap_sigma": 0.0,
      **{key.replace("__", "."): x for key, x in changes.items()},
  })
  return found


@pytest.fixture(scope="module")
def batch():
  rng = np.random.default_rng(0)
  return {
      "video": rng.integers(0, 256, (B, T, STORED, STORED, 3)).astype(np.uint8),
      "keypoints": rng.uniform(-0.1, 1.1, (B, T, 133, 3)).astype(np.float32),
      "label": np.arange(B, dtype=np.int32),
  }


@pytest.fixture(scope="module")
def draws():
  jitter = colour.Jitter(
      jnp.array([True, False, True]), jnp.array([[0, 1, 2, 3], [0, 1, 2, 3], [3, 0, 2, 1]]),
      jnp.array([[1.2, 0.8, 1.3, 0.1], [1, 1, 1, 0], [0.7, 1.1, 0.9, -0.05]], jnp.float32),
  )
  blend = mixup.Mixup(jnp.float32(0.3))
  return augment.Draws(jitter, BOXES, jnp.array([0, 4, 1]), blend)


def compute(config, batch, draws):
  return jax.jit(functools.partial(augment.inputs, config))(batch, draws)


def test_all_streams_share_draws(batch, draws):
  found = compute(config(), batch, draws)
  assert {name: x.shape for name, x in found.items()} == {
      "video_long": (B, T, SIZE, SIZE, 3), "video_short": (B, T // 2, SIZE, SIZE, 3),
      "keypoint_long": (B, T, MAPS, MAPS, 63), "keypoint_short": (B, T // 2, MAPS, MAPS, 63),
  }
  video = colour.apply(draws.jitter, jnp.float32(batch["video"]) / 255)
  pictures = 2 * crop.apply(BOXES, video, SIZE)[..., ::-1] - 1
  maps = 2 * heatmap.heatmaps(batch["keypoints"][:, :, heatmap.JOINTS], MAPS, BOXES) - 1
  for modality, x in (("video", pictures), ("keypoint", maps)):
    short = jnp.stack([x[b, start : start + T // 2] for b, start in enumerate(draws.starts)])
    for length, clips in (("long", x), ("short", short)):
      mixed = 0.3 * clips + 0.7 * clips[jnp.array([2, 0, 1])]
      np.testing.assert_allclose(found[f"{modality}_{length}"], mixed, atol=2e-5)


@pytest.mark.parametrize(("modalities", "lengths"), [
    ("video", "short"), ("keypoint", "short"), ("both", "long"), ("video", "both"),
])
def test_chosen_streams_are_those_of_all(batch, draws, modalities, lengths):
  chosen = config(model__modalities=modalities, model__lengths=lengths)
  fields = {"video": ("video",), "keypoint": ("keypoints",)}.get(modalities, tuple(batch))
  found = compute(chosen, {name: batch[name] for name in fields}, draws)
  every = compute(config(), batch, draws)
  kinds = ("video", "keypoint") if modalities == "both" else (modalities,)
  spans = ("long", "short") if lengths == "both" else (lengths,)
  assert set(found) == {f"{kind}_{span}" for kind in kinds for span in spans}
  for name, x in found.items():
    np.testing.assert_allclose(x, every[name], atol=2e-5)


def test_evaluation_reads_whole_pictures_and_the_middle(batch):
  draws = augment.still(config(), B)
  assert draws.jitter is None and draws.blend is None
  found = compute(config(), batch, draws)
  np.testing.assert_allclose(found["video_short"], found["video_long"][:, T // 4 : 3 * T // 4])
  whole = crop.apply(crop.whole(B), jnp.float32(batch["video"]) / 255, SIZE)[..., ::-1]
  np.testing.assert_allclose(found["video_long"], 2 * whole - 1, atol=2e-6)


def test_the_published_middle():
  published = settings.config("wlasl_2000")
  assert augment.still(published, 1).starts[0] == 16
  draws = jax.jit(lambda key: augment.draw(published, key, 4000))(jax.random.key(0))
  assert (draws.starts.min(), draws.starts.max()) == (0, 32)
  assert abs(draws.jitter.applied.mean() - 0.3) < 0.03
  area = draws.boxes.height * draws.boxes.width
  assert 0.69 < area.min() < 0.71 and area.max() > 0.97


def test_a_draw_without_jitter_crop_and_blend():
  plain = config(data__jitter=0.0, data__least_area=1.0, model__intra_mixup=0.0)
  draws = augment.draw(plain, jax.random.key(0), 50)
  assert draws.jitter is None and draws.blend is None
  whole = (draws.boxes.height == 1) & (draws.boxes.width == 1)
  # A square of the whole area is drawn, or none fits.
  assert whole.all()


@pytest.mark.parametrize(("changes", "canvas", "sigma"), [
    ({}, 256, 8.0), ({"model__variant": "paper"}, MAPS, 4 * MAPS / 112),
    ({"model__heatmap": "paper"}, MAPS, 4 * MAPS / 112), ({"model__heatmap_sigma": 20.0}, 256, 20),
])
def test_how_keypoints_are_drawn(batch, changes, canvas, sigma):
  found = augment.maps(config(**changes), batch["keypoints"], BOXES, jnp.float32)
  points = batch["keypoints"][:, :, heatmap.JOINTS]
  expected = heatmap.heatmaps(points, MAPS, BOXES, canvas=canvas, sigma=sigma)
  np.testing.assert_allclose(found, 2 * expected - 1, atol=1e-6)


def test_bfloat16(batch, draws):
  found = compute(config(model__dtype="bfloat16"), batch, draws)
  exact = compute(config(), batch, draws)
  for name, x in found.items():
    assert x.dtype == jnp.bfloat16
    np.testing.assert_allclose(x.astype(jnp.float32), exact[name], atol=0.05)


def test_four_devices_compute_the_same(tmp_path):
  path = tmp_path / "found.json"
  status, _, error = program.run("tests.systems.nla_slr.on_devices", path, devices=4)
  assert status == 0, error
  found = json.loads(path.read_text())
  assert not found.pop("gathered")  # clips stay where they are, but for one to the neighbour
  assert len(found) == 4 + 5
  for name, difference in found.items():
    assert difference < 1e-5, name
