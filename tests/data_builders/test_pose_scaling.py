"""Coordinates of poses become pixels of pictures of one size, or are refused."""

import pickle

import numpy as np
import pytest

from data_builders.attachments import scaling
from data_builders.attachments.poses import PoseFolder
from data_builders.attachments.scaling import Scaling, Stated
from sign_jax.errors import UserError

FRAMES = 20
SIZE = (640, 360)


def clip(seed=0, confidence=0.9, frames=FRAMES):
  """Keypoints of somebody in the middle of pictures of SIZE, in parts of their sides."""
  rng = np.random.default_rng(seed)
  places = rng.uniform([0.2, 0.05], [0.8, 0.95], (frames, 133, 2))
  return np.concatenate([places, np.full((frames, 133, 1), confidence)], axis=-1)


def changed(keypoints, change):
  """Keypoints whose x and y are `change` of what they were."""
  return np.concatenate([change(keypoints[..., :2]), keypoints[..., 2:]], axis=-1)


PIXELS = changed(clip(), lambda xy: xy * SIZE).astype(np.float32)


def a_set(root, clips, **stated):
  """Reads clips {name: content of a pickle} as one set: {name: Pose}, and the set's `Scaling`."""
  paths = []
  for name, content in clips.items():
    path = root / f"{name}.pkl"
    path.write_bytes(pickle.dumps(content if isinstance(content, dict) else {"keypoints": content}))
    paths.append(path)
  folder = PoseFolder(root)
  scale = folder.scaling(paths, Stated(**stated))
  return {path.stem: folder.read(path, scale) for path in paths}, scale


UNITS = {
  "from 0 to 1": lambda xy: xy,
  "from -1 to 1": lambda xy: 2 * xy - 1,
}


@pytest.mark.parametrize("units", UNITS)
def test_coordinates_across_the_picture_are_scaled_by_the_stated_size(tmp_path, units):
  found, scale = a_set(tmp_path, {"a": changed(clip(), UNITS[units])}, size=SIZE)
  np.testing.assert_allclose(found["a"].keypoints, PIXELS, atol=1e-3)
  assert scale.size == SIZE
  stated = {"keypoints": changed(clip(), UNITS[units]), "width": 640, "height": 360}
  found, scale = a_set(tmp_path, {"a": stated})
  np.testing.assert_allclose(found["a"].keypoints, PIXELS, atol=1e-3)
  assert scale.size == found["a"].size == SIZE


@pytest.mark.parametrize("units", UNITS)
def test_without_a_size_they_are_refused_with_the_remedy(tmp_path, units):
  content = changed(clip(), UNITS[units])
  with pytest.raises(UserError, match="no pixels: state the size .*--pose_size WIDTHxHEIGHT"):
    a_set(tmp_path, {"a": content})
  with pytest.raises(UserError, match="no pixels: state the size .*--pose_size WIDTHxHEIGHT"):
    PoseFolder.read(tmp_path / "a.pkl")


UNCLEAR = {
  "about zero, of one unit": lambda xy: xy - 0.5,
  "in sizes of a body": lambda xy: (xy - 0.3) * 5,
  "both by the height": lambda xy: xy * [1.78, 1],
}


@pytest.mark.parametrize("units", UNCLEAR)
@pytest.mark.parametrize("size", [None, SIZE])
def test_unclear_coordinates_are_refused_with_what_is_known(tmp_path, units, size):
  words = "not clear what they are.*0 to 1 or from -1 to 1 .*--pose_range"
  with pytest.raises(UserError, match=words):
    a_set(tmp_path, {"a": changed(clip(), UNCLEAR[units])}, size=size)


def test_a_stated_range_is_used(tmp_path):
  content = changed(clip(), UNCLEAR["about zero, of one unit"])
  found, _ = a_set(tmp_path, {"a": content}, size=SIZE, span=(-0.5, 0.5))
  np.testing.assert_allclose(found["a"].keypoints, PIXELS, atol=1e-3)
  with pytest.raises(UserError, match="a.pkl holds coordinates .* pixels: leave --pose_range out"):
    a_set(tmp_path, {"a": PIXELS}, size=SIZE, span=(0, 1))
  with pytest.raises(UserError, match="--pose_range needs the pictures' size"):
    a_set(tmp_path, {"a": content}, span=(-0.5, 0.5))


def test_pixels_stay_and_the_size_is_noted(tmp_path):
  found, scale = a_set(tmp_path, {"a": PIXELS})
  np.testing.assert_array_equal(found["a"].keypoints, PIXELS)
  assert scale.size is None
  for size in (SIZE, (1000, 1000)):
    found, scale = a_set(tmp_path, {"a": PIXELS}, size=size)
    np.testing.assert_array_equal(found["a"].keypoints, PIXELS)
    assert scale.size == size


def test_a_few_strays_change_nothing(tmp_path):
  content, rng = clip(), np.random.default_rng(3)
  strays = rng.choice(FRAMES * 133, FRAMES * 133 // 100, replace=False)
  content.reshape(-1, 3)[strays, :2] = rng.uniform(-50, 50, (len(strays), 2))
  found, _ = a_set(tmp_path, {"a": content}, size=SIZE)
  kept = np.delete(found["a"].keypoints.reshape(-1, 3), strays, axis=0)
  np.testing.assert_allclose(kept, np.delete(PIXELS.reshape(-1, 3), strays, axis=0), atol=1e-3)
  strayed = PIXELS.copy()
  strayed.reshape(-1, 3)[strays, :2] = 0.5
  np.testing.assert_array_equal(a_set(tmp_path, {"a": strayed})[0]["a"].keypoints, strayed)


def test_clips_that_show_too_little_are_read_as_the_others_of_their_set(tmp_path):
  """The first and the last show nobody; one has three sure keypoints."""
  few = clip(1, confidence=0.1)
  few[0, :3, 2] = 0.9
  clips = {"a": clip(confidence=0.0), "b": few, "c": clip(), "d": clip(confidence=0.3)}
  found, _ = a_set(tmp_path, clips, size=SIZE)
  np.testing.assert_allclose(found["b"].keypoints[..., :2], few[..., :2] * SIZE, atol=1e-3)
  assert not found["a"].keypoints.any()
  in_pixels = {name: changed(x, lambda xy: xy * SIZE) for name, x in clips.items()}
  found, scale = a_set(tmp_path, in_pixels)
  np.testing.assert_allclose(found["b"].keypoints, in_pixels["b"], rtol=1e-6)
  assert scale.span is None
  # Where none shows enough alone, all together do, and else what is hardly seen.
  for confidence in (0.9, 0.3, 0.05):
    few = {str(i): clip(i, confidence, frames=1)[:, ::20] for i in range(9)}
    whole = {name: np.zeros((1, 133, 3)) for name in few}
    for name, keypoints in few.items():
      whole[name][:, : keypoints.shape[1]] = keypoints
    with pytest.raises(UserError, match="state the size"):
      a_set(tmp_path, whole)
    assert a_set(tmp_path, whole, size=SIZE)[1].span == (0, 1)
  # And where there is nothing, they are taken for pixels.
  found, scale = a_set(tmp_path, {"a": clip(confidence=0.0)})
  assert scale.span is None and not found["a"].keypoints[..., 2].any()


def test_both_kinds_in_a_set_are_refused_by_a_file_of_each(tmp_path):
  with pytest.raises(UserError, match="b.pkl holds coordinates that are no pixels, and .*a.pkl"):
    a_set(tmp_path, {"a": PIXELS, "b": clip()}, size=SIZE)
  with pytest.raises(UserError, match="from -1 to 1 across the picture, and .*a.pkl from 0 to 1|"
                     "from 0 to 1 across the picture, and .*b.pkl from -1 to 1"):  # fmt: skip
    a_set(tmp_path, {"a": clip(), "b": changed(clip(), UNITS["from -1 to 1"])}, size=SIZE)


@pytest.mark.parametrize("others", ["pixels", "from -1 to 1"])
def test_a_clip_of_another_kind_that_was_not_looked_at_is_refused_later(tmp_path, others):
  change = {**UNITS, "pixels": lambda xy: xy * SIZE}[others]
  few = {f"{i:02d}": changed(clip(i, frames=1), change) for i in range(41)}  # 40 are looked past
  few["01"] = clip()
  with pytest.raises(UserError, match="01.pkl.*write all files in pixels"):
    a_set(tmp_path, few, size=SIZE)


def test_small_pictures_are_no_units(tmp_path):
  tiny = changed(clip(), lambda xy: xy * 32)
  for stated in ({}, {"size": (32, 32)}):
    found, _ = a_set(tmp_path, {"a": tiny}, **stated)
    np.testing.assert_allclose(found["a"].keypoints, tiny, rtol=1e-6)
  assert PoseFolder.read(tmp_path / "a.pkl").keypoints.max() > 20


def test_clips_of_other_pictures_are_scaled_to_the_sets(tmp_path):
  half = {"keypoints": changed(clip(), lambda xy: xy * [320, 180]), "width": 320, "height": 180}
  whole = {"keypoints": PIXELS, "img_shape": (360, 640)}
  found, scale = a_set(tmp_path, {"a": whole, "b": half})
  assert scale.size == SIZE  # of the first that states one
  np.testing.assert_allclose(found["b"].keypoints, PIXELS, atol=1e-3)
  assert (found["a"].size, found["b"].size) == (SIZE, (320, 180))
  found, scale = a_set(tmp_path, {"a": whole, "b": half}, size=(1280, 720))
  for pose in found.values():
    np.testing.assert_allclose(pose.keypoints[..., :2], 2 * PIXELS[..., :2], atol=1e-3)


def test_pictures_of_another_shape_keep_the_shape_of_people(tmp_path):
  upright = {"keypoints": changed(clip(), lambda xy: xy * [90, 180]), "size": [90, 180]}
  found, _ = a_set(tmp_path, {"a": upright}, size=SIZE)
  # Twice as large, in the middle: 180 of 640 pixels are the picture.
  expected = changed(clip(), lambda xy: xy * [180, 360] + [230, 0])
  np.testing.assert_allclose(found["a"].keypoints, expected, atol=1e-3)


def test_a_size_that_cannot_be_is_refused(tmp_path):
  with pytest.raises(UserError, match="a.pkl holds keypoints of which .*% lie outside .*100 x 100"):
    a_set(tmp_path, {"a": PIXELS}, size=(100, 100))
  with pytest.raises(UserError, match="lie outside of its pictures, which the file"):
    a_set(tmp_path, {"a": {"keypoints": PIXELS, "width": 64, "height": 36}})


def test_scaling_without_pictures_does_nothing():
  pose = PIXELS.copy()
  assert Scaling().place(pose, None, "a.pkl") is pose
  np.testing.assert_array_equal(pose, PIXELS)


def test_what_a_user_states():
  assert scaling.parse() == scaling.UNSTATED and not any(scaling.UNSTATED)
  assert scaling.parse("1280x720", None) == Stated((1280, 720), None)
  assert scaling.parse(" 210X260 ", "-1,1") == Stated((210, 260), (-1.0, 1.0))
  for size in ("1280", "0x720", "axb", "1280x720x3", "99999x5", "-1x5"):
    with pytest.raises(UserError, match="WIDTHxHEIGHT"):
      scaling.parse(size)
  for span in ("1", "1,0", "a,b", "nan,1", "0,inf", "0,1,2", "0,0"):
    with pytest.raises(UserError, match="LOW,HIGH"):
      scaling.parse("12x12", span)
