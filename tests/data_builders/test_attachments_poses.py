"""Poses of clips: where they are found, and RTMPose's pickles."""

import os
import pickle

import numpy as np
import pytest

from data_builders.attachments import poses
from data_builders.attachments.poses import PoseFolder
from data_builders.corpus.clips import Clip
from tests.data_builders.attached import refused

FRAMES = 3
KEYPOINTS = np.random.default_rng(0).uniform(0, 1, (FRAMES, 133, 3)).astype(np.float32)
KEYPOINTS[..., :2] *= 1000


def rtmpose(path, content):
  path.write_bytes(pickle.dumps(content))
  return path


def test_a_clip_is_found_in_each_form(tmp_path):
  clip, folder = Clip("a.b", "s", "Hello.", other_names=("c",)), PoseFolder(tmp_path)
  assert folder.find(clip, "test") is None
  (tmp_path / "c").mkdir()
  assert folder.find(clip, "test") == tmp_path / "c"
  for path in (tmp_path / "a.b.pose", tmp_path / "test" / "c.pkl"):
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert folder.find(clip, "test") == path
  refused(tmp_path / "a.txt", "has no ending of a pose file")


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_rtmposes_pickles_are_read(tmp_path, dtype):
  names = [f"{i:04d}.png" for i in range(FRAMES)]
  content = {"keypoints": KEYPOINTS.astype(dtype), "img_list": names}
  actual = PoseFolder(tmp_path).read(rtmpose(tmp_path / "a.pkl", content))
  assert actual.fps == 0 and actual.keypoints.dtype == np.float32
  np.testing.assert_array_equal(actual.keypoints, KEYPOINTS)
  del content["img_list"]
  np.testing.assert_array_equal(
    PoseFolder.read(rtmpose(tmp_path / "a.pkl", content)).keypoints, KEYPOINTS
  )


def test_confidences_beside_the_unit_interval_are_clipped(tmp_path):
  keypoints = KEYPOINTS.copy()
  keypoints[0, :3, 2] = 1.07, -0.02, 0.5
  actual = PoseFolder.read(rtmpose(tmp_path / "a.pkl", {"keypoints": keypoints})).keypoints
  np.testing.assert_array_equal(actual[0, :3, 2], np.float32([1, 0, 0.5]))


def changed(joint, value):
  keypoints = KEYPOINTS.astype(np.float64)
  keypoints[1, 5, joint] = value
  return {"keypoints": keypoints}


RTMPOSE = {
  "another key": ({"joints": KEYPOINTS}, "no 'keypoints' and no frames, only 'joints'"),
  "nothing": ({}, "no 'keypoints' and no frames, only nothing"),
  "text": ({"keypoints": "none"}, "no lists of numbers|no keypoints"),
  "a number": (5, "no keypoints but a int"),
  "whole numbers": ({"keypoints": KEYPOINTS.astype(int)}, "in which confidences are lost"),
  "truth": ({"keypoints": KEYPOINTS > 5}, "keypoints of type bool"),
  "no axes": ({"keypoints": np.array(1.0)}, r"shape \(\)"),
  "one frame": ({"keypoints": KEYPOINTS[0]}, r"shape \(133, 3\)"),
  "the body only": ({"keypoints": KEYPOINTS[:, :17]}, r"17 keypoints \(COCO.s body\).*133"),
  "four numbers": ({"keypoints": KEYPOINTS[..., [0, 1, 2, 2]]}, "keypoints of 4 numbers each"),
  "no frames": ({"keypoints": KEYPOINTS[:0]}, "holds no frames"),
  "no frames in a list": ({"keypoints": []}, "holds no frames"),
  "other pictures": ({"keypoints": KEYPOINTS, "img_list": ["a"]}, "3 frames and names 1 pictures"),
  "no place": (changed(0, np.nan), "no pixels"),
  "far away": (changed(1, -1e300), "no pixels"),
  "no confidence at a joint": (changed(2, np.nan), "confidences far outside"),
  "confidence in percent": (changed(2, 97.0), "confidences far outside"),
  "a pixel as confidence": (changed(2, -40.0), "confidences far outside"),
  "code": ({"keypoints": KEYPOINTS, "img_list": os.system}, "asks for (posix|nt).system"),
}


@pytest.mark.parametrize("what", RTMPOSE)
def test_damaged_pickles_are_refused(tmp_path, what):
  content, words = RTMPOSE[what]
  refused(rtmpose(tmp_path / "a.pkl", content), words)


def test_too_many_frames_are_refused(tmp_path, monkeypatch):
  monkeypatch.setattr(poses, "MAX_FRAMES", 2)
  refused(rtmpose(tmp_path / "a.pkl", {"keypoints": KEYPOINTS}), "3 frames, a clip has 1 to 2")
