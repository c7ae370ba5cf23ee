"""Damage of videos and keypoints of isolated signs: a named error, or counted and left out."""

import pickle
import shutil

import numpy as np
import pytest

from data_builders import build, check
from data_builders.writing.skipped import read_skipped
from sign_jax.errors import UserError
from tests import videos
from tests.data_builders.damage import FOOTPRINT, Hostile
from tests.data_builders.isolated import trees
from tests.data_builders.trees import dump


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
  root = trees.wlasl(tmp_path_factory.mktemp("wlasl"))
  trees.wlasl_keypoints(root)
  return root


def truncated(root):
  videos.truncate(root / "videos/00007.mp4", 0.6)


def truncated_behind_its_header(root):
  path = videos.render(root / "videos/00007.mp4", 12, trees.SIZE[::-1], movflags="faststart")
  videos.truncate(path, 0.8)


def text(root):
  (root / "videos/00007.mp4").write_text("this is no video")


def another(root):
  videos.render(root / "videos/00007.mp4", 5, trees.SIZE[::-1])


def twice(root):
  shutil.copyfile(root / "videos/00007.mp4", root / "videos/00007.mkv")


def of_length(frames):
  return lambda root: trees.wlasl_keypoints(root, **{"00007": trees.keypoints("00007", frames)})


def with_points(change):
  def damage(root):
    points = trees.keypoints("00007", 12)
    change(points)
    trees.wlasl_keypoints(root, **{"00007": points})

  return damage


def far(points):
  points[:, :, 0] += 1000


def no_numbers(points):
  points[3, 5, 0] = np.nan


DAMAGES = [
  (truncated, "00007.mp4 (is no video or a damaged one|has no video stream)"),
  (truncated_behind_its_header, "00007.mp4 is cut short at"),
  (text, "00007.mp4 is no video"),
  (another, "has 5 frames, which leaves 5 of the 12 of 00007"),
  (twice, "holds 00007.mkv and 00007.mp4 for one clip"),
  (of_length(20), "'00007' has keypoints of 20 frames, and 00007 has 12"),
  (of_length(9), "'00007' has keypoints of 9 frames, and 00007 has 12"),
  (of_length(0), "'00007'"),
  (with_points(far), "'00007' holds keypoints of which 100% lie outside"),
  (with_points(no_numbers), "'00007' holds coordinates that are no pixels"),
  (lambda root: trees.wlasl_keypoints(root, **{"00007": np.zeros((12, 17, 3))}),
   "'00007' holds 17 keypoints .COCO's body"),
  (lambda root: trees.wlasl_keypoints(root, **{"00007": "none"}), "'00007' holds no keypoints"),
  (lambda root: trees.wlasl_keypoints(root, **{"00007": None}), "1 of 6 clips have no keypoints"),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "words"), DAMAGES)
def test_damage_of_one_clip(pristine, tmp_path, damage, words):
  root = tmp_path / "wlasl"
  shutil.copytree(pristine, root)
  damage(root)
  with pytest.raises(UserError, match=words) as error:
    build.prepare("wlasl/100_pose", None, tmp_path / "stop", root)
  assert "\n" not in str(error.value) and len(str(error.value)) < 1000
  builder, _ = build.prepare("wlasl/100_pose", None, tmp_path / "skip", root, "skip")
  (skip,) = read_skipped(builder.data_dir)["test"]["skipped"]
  assert skip["video"] == "00007"
  counts = {split: (x["annotated"], x["built"]) for split, x in
            read_skipped(builder.data_dir).items()}  # fmt: skip
  assert counts == {"train": (3, 3), "validation": (1, 1), "test": (2, 1)}  # one is missing
  found = check.check("wlasl", root, "100")
  assert found.counts()["error"] == 1


@pytest.mark.parametrize("frames", [11, 13, 14])
def test_programs_may_count_two_frames_differently(pristine, tmp_path, frames):
  root = tmp_path / "wlasl"
  shutil.copytree(pristine, root)
  of_length(frames)(root)
  example = trees.examples("wlasl/100_pose", root, "test")["00007"]
  count = min(frames, 12)
  assert example["num_frames"] == len(example["pose"]) == count
  assert example["end_frame"] == (count if count < 12 else 0)


@pytest.mark.parametrize("content", [Hostile(), {"00007": Hostile()}])
@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_a_hostile_pickle_of_keypoints_runs_nothing(pristine, tmp_path, content, on_error):
  root = tmp_path / "wlasl"
  shutil.copytree(pristine, root)
  dump(root / "keypoints.pkl", content)
  with pytest.raises(UserError, match="keypoints.pkl asks for .*system"):
    build.prepare("wlasl/100_pose", None, tmp_path / "tfds", root, on_error)
  _check_footprint()


def test_a_hostile_list_runs_nothing(tmp_path):
  trees.wlasl(tmp_path, "nla_slr")
  (tmp_path / "nla_slr/test.pkl").write_bytes(pickle.dumps([Hostile()]))
  with pytest.raises(UserError, match="test.pkl asks for .*system"):
    build.prepare("wlasl/100", None, tmp_path / "tfds", tmp_path, "skip")
  _check_footprint()


def _check_footprint():
  with pytest.raises(FileNotFoundError):
    open(FOOTPRINT)


@pytest.mark.parametrize("lay", ["pickles", "openpose"])
def test_keypoints_may_lie_in_a_file_for_each_clip(pristine, tmp_path, lay):
  root = tmp_path / "wlasl"
  shutil.copytree(pristine, root)
  (root / "keypoints.pkl").unlink()
  with pytest.raises(UserError, match="holds no keypoints: put NLA-SLR's pickle of them there"):
    build.prepare("wlasl/100_pose", None, tmp_path / "tfds", root)
  for name, (*_, frames) in trees.OF_100.items():
    points = trees.keypoints(name, frames)
    if lay == "pickles":
      dump(root / f"pose/{name}.pkl", {"keypoints": points})
    else:
      openpose(root / "pose" / name, points)
  example = trees.examples("wlasl/100_pose", root, "test")["00008"]
  expected = trees.keypoints("00008", 12)
  joints = slice(None) if lay == "pickles" else slice(91, 133)
  np.testing.assert_allclose(example["pose"][:, joints], expected[:, joints], rtol=1e-5)


def openpose(folder, points):
  """Writes the hands of keypoints as OpenPose does."""
  for frame, pose in enumerate(points):
    left, right = (pose[part].ravel().tolist() for part in (slice(91, 112), slice(112, 133)))
    person = {"hand_left_keypoints_2d": left, "hand_right_keypoints_2d": right}
    trees.write_json(folder / f"a_{frame:012d}_keypoints.json", {"people": [person]})


def test_two_pickles_of_keypoints_are_one_too_many(pristine, tmp_path):
  root = tmp_path / "wlasl"
  shutil.copytree(pristine, root)
  shutil.copyfile(root / "keypoints.pkl", root / "more_keypoints.pkl")
  with pytest.raises(UserError, match="holds keypoints.pkl and more_keypoints.pkl"):
    build.prepare("wlasl/100_pose", None, tmp_path / "tfds", root)


def test_a_stated_size_is_that_of_the_keypoints(pristine, tmp_path):
  root = tmp_path / "wlasl"
  shutil.copytree(pristine, root)
  args = ["--manual_dir", str(root), "--data_dir", str(root / "tfds"), "--pose_size", "128x96"]
  build.main(["wlasl/100_pose", *args])
  builder = build.load_builder("wlasl/100_pose", data_dir=root / "tfds", manual_dir=root)
  for example in builder.as_data_source("test"):
    assert example["pose_size"].tolist() == [128, 96]
  with pytest.raises(SystemExit):
    build.main(["wlasl/100", *args])
