"""Features with one row for each window that is kept of the poses, as SEDS releases them."""

import json
import shutil

import numpy as np
import pytest

from data_builders import build, check
from sign_jax.data import pose
from sign_jax.data.source import RetrievalSplit
from sign_jax.errors import UserError
from tests.data_builders import trees

NAME = "how2sign/features_pose"
SETTINGS = pose.Settings((256, 256))
SIZE = 256
# Frames of the clips of a split in turn; in the second and the last but one, some show no hand.
FRAMES = (150, 40, 300, 80, 20, 119, 700, 95)
WITHOUT = {1: slice(5, 9), 6: slice(60, 75)}


def keypoints(place, frames, without=WITHOUT):
  """Somebody who is seen in all frames but some; `place` in a split."""
  rng = np.random.default_rng(place)
  found = rng.uniform(20, 200, (133, 3)) + rng.uniform(-3, 3, (frames, 133, 3))
  found[..., 2] = 0.9
  found[without.get(place % len(FRAMES), slice(0)), :, 2] = 0
  return found.astype(np.float32)


def kept(found):
  """The number of windows that are kept of a pose."""
  return int((pose.prepare(found, (SIZE, SIZE), "a").clips_start >= 0).sum())


def write(root, split, name, found, rows):
  """Writes the pose of a clip and so many rows of features, whose path is returned."""
  images = [f"{i:05d}.jpg" for i in range(len(found))]
  trees.dump(root / "pose" / f"{name}.pkl", {"keypoints": found, "img_list": images})
  content = {"name": name, "feature": trees.feature(name, rows)}
  return trees.dump(root / "features/agnostic" / trees.SPLITS[split] / f"{name}.pkl", content)


def corpus(root, rows=kept, frames=FRAMES, without=WITHOUT):
  """Writes all clips, with `rows` of their poses."""
  for split, members in trees.how2sign(root).items():
    for place, name in enumerate(members):
      found = keypoints(place, frames[place % len(frames)], without)
      write(root, split, name, found, rows(found))


@pytest.fixture(scope="module")
def released(tmp_path_factory):
  root = tmp_path_factory.mktemp("released")
  corpus(root)
  return root


def at_stride_1(found):
  return max(len(found) - 15, 1)


def noted(data_dir, name=NAME):
  (folder,) = (data_dir / name).glob("[0-9]*")
  return json.loads((folder / "metadata.json").read_text())["agnostic"]


def rows_of(split, name):
  """The features of a clip that a batch gets, and all of them as stored."""
  video = split.video_ids.index(name)
  (found,) = split.stored_features([video], 64)
  return found, split.features(video)["agnostic"]


def test_row_i_is_of_window_i(released, tmp_path, capsys):
  build.main([NAME, "--data_dir", str(tmp_path), "--manual_dir", str(released)])
  assert "a row for each window that is kept of the poses" in capsys.readouterr().out
  assert noted(tmp_path)["pose_windows"] == {
    "data.video_length": 64, "data.max_frames": 300, "data.bottom_margin": 50,
  }  # fmt: skip
  split = RetrievalSplit(NAME, "test", tmp_path, poses=SETTINGS)
  assert split.num_videos == 8 and 64 in split.windows and min(split.windows) < 10
  for name in split.video_ids:
    found, stored = rows_of(split, name)
    np.testing.assert_array_equal(found["agnostic"], stored.astype(np.float16))
    assert (found["clips_start"] >= 0).sum() == len(stored)


def test_the_same_features_alone_are_read_by_everybody(released, tmp_path):
  build.prepare("how2sign/features", None, tmp_path, released)
  assert "pose_windows" not in noted(tmp_path, "how2sign/features")
  split = RetrievalSplit("how2sign/features", "test", tmp_path)
  assert split.num_videos == 8
  build.prepare(NAME, None, tmp_path, released)
  with_poses = RetrievalSplit(NAME, "test", tmp_path)  # of CiCo, which reads no poses
  (rows,) = with_poses.stored_features([0], 64)
  assert len(rows["agnostic"]) == with_poses.windows[0]


def test_other_windows_than_those_of_the_rows_are_refused(released, tmp_path):
  build.prepare(NAME, None, tmp_path, released)
  for changes in ({"windows": 32}, {"max_frames": 200}, {"bottom": 0}):
    words = "with data.video_length=64, data.max_frames=300, data.bottom_margin=50: set these"
    with pytest.raises(UserError, match=f"a row for each of the windows that are kept {words}"):
      RetrievalSplit(NAME, "test", tmp_path, poses=SETTINGS._replace(**changes))


def test_features_of_all_windows_are_looked_up_by_time(tmp_path):
  corpus(tmp_path, at_stride_1)
  build.prepare(NAME, None, tmp_path / "tfds", tmp_path)
  assert "pose_windows" not in noted(tmp_path / "tfds")
  split = RetrievalSplit(NAME, "test", tmp_path / "tfds", poses=SETTINGS._replace(windows=32))
  for video in range(split.num_videos):
    assert split.windows[video] > 4
    (found,) = split.stored_features([video], 32)
    assert len(found["agnostic"]) <= 32


@pytest.mark.parametrize("rows", [len, lambda found: -(-(len(found) - 16) // 8) + 1])
def test_other_rates_and_strides_are_looked_up_by_time(tmp_path, rows):
  """Of a copy at another frame rate; of every eighth window, which only short clips have."""
  corpus(tmp_path, rows, range(16, 32, 2))
  build.prepare(NAME, None, tmp_path / "tfds", tmp_path)
  assert "pose_windows" not in noted(tmp_path / "tfds")


def test_short_clips_whose_rows_can_be_either_are_the_same_in_both(tmp_path):
  """All hands are seen and no clip has more than 64 windows, so time and windows agree."""
  corpus(tmp_path, at_stride_1, (16, 20, 40, 79), without={})
  build.prepare(NAME, None, tmp_path / "tfds", tmp_path)
  assert "pose_windows" not in noted(tmp_path / "tfds")
  split = RetrievalSplit(NAME, "test", tmp_path / "tfds", poses=SETTINGS)
  for name in split.video_ids:
    found, stored = rows_of(split, name)
    np.testing.assert_array_equal(found["agnostic"], stored.astype(np.float16))


def test_one_short_clip_that_misses_frames_decides(tmp_path):
  """It has 5 windows of 24 frames, as many as at stride 2, which no other clip has."""
  without = {1: slice(5, 9)}
  corpus(tmp_path, frames=(16, 24, 40, 79), without=without)
  assert kept(keypoints(1, 24, without)) == 5
  build.prepare(NAME, None, tmp_path / "tfds", tmp_path)
  assert "pose_windows" in noted(tmp_path / "tfds")


def test_a_file_of_another_kind_among_released_ones_is_named(released, tmp_path):
  root = tmp_path / "mixed"
  shutil.copytree(released, root)
  name = trees.cico_name(trees.how2sign_rows("test")[3])
  path = write(root, "test", name, keypoints(3, 80), rows=65)
  words = "has 65 rows, and 64 windows are kept.*from one release"
  with pytest.raises(UserError, match=words) as caught:
    build.prepare(NAME, None, tmp_path / "tfds", root)
  assert str(path) in str(caught.value)
  found = check.check("how2sign", root)
  items = [item.reason for finding in found.findings for item in finding.items]
  assert any("has 65 rows, and 64 windows" in (reason or "") for reason in items)
  builder, _ = build.prepare(NAME, None, tmp_path / "tfds", root, on_error="skip")
  assert builder.info.splits["test"].num_examples == 7


def test_a_released_file_among_those_of_all_windows_is_named(tmp_path):
  corpus(tmp_path, at_stride_1)
  name = trees.cico_name(trees.how2sign_rows("test")[0])
  path = write(tmp_path, "test", name, keypoints(0, 150), rows=64)
  with pytest.raises(UserError, match="has 64 rows, one for each window that is kept") as caught:
    build.prepare(NAME, None, tmp_path / "tfds", tmp_path)
  assert str(path) in str(caught.value)


def test_the_check_takes_released_features(released):
  found = check.check("how2sign", released)
  texts = [finding.text for finding in found.findings]
  assert not any("windows" in text or "same video" in text for text in texts), texts
  assert any("256 x 256" in text for text in texts)
