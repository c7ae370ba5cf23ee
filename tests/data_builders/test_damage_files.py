"""Damaged features, poses and videos: they stop a build, or are left out and accounted for."""

import gzip
import os
import pickle
import shutil

import numpy as np
import pytest

from data_builders import build
from tests import videos
from tests.data_builders import trees
from tests.data_builders.damage import (
  BAD,
  BAD_FILE,
  BAD_POSE,
  FOOTPRINT,
  Hostile,
  check,
  cut,
  put,
)


def as_npz(share=1.0, **changes):
  """A damage: the features as an .npz, changed and cut short."""

  def damage(root):
    (root / BAD_FILE).unlink()
    entries = {
      "feature": trees.feature(BAD), "num_frames": 19, "fps": 24.0, "stride": 1, "weights": "x",
    }  # fmt: skip
    path = (root / BAD_FILE).with_suffix(".npz")
    np.savez(path, **{**entries, **changes})
    videos.truncate(path, share)

  return damage


FEATURE = trees.feature(BAD)
FILES = {
  "missing": (lambda root: (root / BAD_FILE).unlink(), "1 of 24 videos lack a file"),
  "truncated pickle": (cut(BAD_FILE), "is no complete feature file"),
  "empty file": (put(BAD_FILE, b""), "is no complete feature file"),
  "hostile pickle": (put(BAD_FILE, {"feature": Hostile()}), "system"),
  "no dict and no array": (put(BAD_FILE, "features"), "no array"),
  "no key": (put(BAD_FILE, {"features": FEATURE}), "has no 'feature'"),
  "one axis": (put(BAD_FILE, {"feature": FEATURE[0]}), "of shape"),
  "three axes": (put(BAD_FILE, {"feature": FEATURE[None]}), "of shape"),
  "no windows": (put(BAD_FILE, {"feature": FEATURE[:0]}), "of shape"),
  "whole numbers": (put(BAD_FILE, {"feature": FEATURE.astype(int)}), "of shape"),
  "NaN": (put(BAD_FILE, {"feature": np.where(FEATURE > 0, np.nan, FEATURE)}), "not finite"),
  "inf": (put(BAD_FILE, {"feature": FEATURE * np.inf}), "not finite"),
  "beyond float16": (put(BAD_FILE, {"feature": FEATURE * 1e6}), "not finite"),
  "other length": (put(BAD_FILE, {"feature": trees.feature(BAD, 9)}), "numbers of windows"),
  "truncated gzip": (put(BAD_FILE, gzip.compress(pickle.dumps({"feature": FEATURE}))[:-20]),
                     "is no complete feature file"),
  "truncated npz": (as_npz(0.7), "is no complete feature file"),
  "other encoder": (as_npz(), "another width, stride or weights"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_damaged_features(pristine, tmp_path, kind):
  (reason,) = check(pristine, tmp_path, "how2sign", None, *FILES[kind])
  assert BAD in reason and not os.path.exists(FOOTPRINT)


def test_one_file_of_another_width(pristine, tmp_path):
  other = f"features/agnostic/test/{BAD[:-1]}0.pkl"  # not the first, which decides
  feature = trees.feature("x", len(trees.feature(BAD[:-1] + "0")), dim=trees.DIM + 1)
  damage = put(other, {"feature": feature})
  check(pristine, tmp_path, "how2sign", None, damage, "another width")


POSES = {
  "missing": (lambda root: (root / BAD_POSE).unlink(), "lack a file"),
  "17 joints": (put(BAD_POSE, {"keypoints": trees.pose("x", 19)[:, :17]}), "17"),
  "no keypoints": (put(BAD_POSE, {"img_list": []}), "keypoints"),
  "truncated": (cut(BAD_POSE), "is no complete"),
  "hostile": (put(BAD_POSE, {"keypoints": Hostile()}), "system"),
  "NaN": (put(BAD_POSE, {"keypoints": trees.pose("x", 19) * np.nan}), "no pixels"),
  "another video": (put(BAD_POSE, {"keypoints": trees.pose("x", 60)}), "19 and 60|60 and 19"),
}


@pytest.mark.parametrize("kind", POSES)
def test_damaged_poses(pristine, tmp_path, kind):
  damage, words = POSES[kind]
  (reason,) = check(pristine, tmp_path, "how2sign", "features_pose", damage, words)
  assert BAD in reason


RAW = "raw_videos/-tesId_x-5-rgb_front.mp4"  # four clips are in it


@pytest.mark.parametrize(
  ("damage", "words"),
  [
    (cut(RAW, 0.5), "-tesId_x-5-rgb_front.mp4"),
    (put(RAW, b"no video"), "-tesId_x-5-rgb_front.mp4"),
    (lambda root: (root / RAW).unlink(), "4 of 24 videos lack a file"),
  ],
)
def test_a_damaged_raw_video_takes_its_clips(pristine, tmp_path, damage, words):
  check(pristine, tmp_path, "how2sign", "video", damage, words, lost=4)


def test_a_clip_that_ends_after_its_video(pristine, tmp_path):
  def damage(root):
    rows = trees.how2sign_rows("test")
    rows[2]["END_REALIGNED"] = "9.5"
    trees.how2sign_table(root, "test", rows)

  check(pristine, tmp_path, "how2sign", "video", damage, "ends at frame 238")


def test_a_clip_that_reaches_behind_its_video_is_cut_and_counted(pristine, tmp_path, capsys):
  root = tmp_path / "how2sign"
  shutil.copytree(pristine / "how2sign", root)
  rows = trees.how2sign_rows("test")
  rows[2]["END_REALIGNED"] = "0.9"  # of a video of 0.8 seconds
  trees.how2sign_table(root, "test", rows)
  build.main(["how2sign/video", "--manual_dir", f"{root}", "--data_dir", f"{tmp_path}/tfds"])
  assert "1 of 24 clips reach behind the end of their video and are cut" in capsys.readouterr().out


@pytest.mark.parametrize("is_there", [False, True])
def test_a_folder_without_pictures(pristine, tmp_path, is_there):
  def damage(root):
    name = trees.phoenix_names("test")[0]
    folder = root / "features/fullFrame-210x260px/test" / name
    shutil.rmtree(folder)
    if is_there:
      trees.write_lines(folder / "createDnnTrainingLabels-profile.py.lprof", ["x"])

  words = "holds no pictures" if is_there else "lack a file"
  check(pristine, tmp_path, "phoenix14t", "video", damage, words)
