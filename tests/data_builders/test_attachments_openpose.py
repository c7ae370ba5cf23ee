"""Poses of clips from OpenPose: a folder of JSON files, one for each frame."""

import json
import os

import numpy as np
import pytest

from data_builders.attachments import openpose, poses
from data_builders.attachments.poses import PoseFolder
from data_builders.corpus import builder as corpus_builder
from tests.data_builders.attached import refused

PARTS = {name: count for name, (count, _) in openpose.PARTS.items()}


def person(start=0, confidence=0.5, **changes):
  """One person; point i of a part lies at (start + i, start + 1000 + i)."""
  parts = {
    name: [number for i in range(count) for number in (start + i, start + 1000 + i, confidence)]
    for name, count in PARTS.items()
  }
  return {"person_id": [-1], **parts, "pose_keypoints_3d": [], **changes}


def openpose_folder(root, frames, name="clip"):
  folder = root / name
  folder.mkdir(parents=True)
  for number, people in frames.items():
    content = people if isinstance(people, str) else json.dumps({"version": 1.3, "people": people})
    (folder / f"{name}_{number:012d}_keypoints.json").write_text(content)
  return folder


def test_openposes_joints_find_their_places(tmp_path):
  keypoints = PoseFolder.read(openpose_folder(tmp_path, {0: [person()]})).keypoints
  assert keypoints.shape == (1, 133, 3) and keypoints.dtype == np.float32
  (frame,) = keypoints
  np.testing.assert_array_equal(frame[:, 1], frame[:, 0] + 1000)
  np.testing.assert_array_equal(frame[:, 2], 0.5)
  # BODY_25: 0 nose, 2 right shoulder, 4 right wrist, 5 left shoulder, 7 left wrist, 9 right hip,
  # 14 left ankle, 15 right eye, 16 left eye, 18 left ear, 19 left big toe, 24 right heel.
  of_body = {0: 0, 1: 16, 2: 15, 3: 18, 4: 17, 5: 5, 6: 2, 7: 6, 8: 3, 9: 7, 10: 4, 11: 12,
             12: 9, 13: 13, 14: 10, 15: 14, 16: 11, 17: 19, 18: 20, 19: 21, 20: 22, 21: 23,
             22: 24}  # fmt: skip
  for joint, point in of_body.items():
    assert frame[joint, 0] == point, joint
  np.testing.assert_array_equal(frame[23:91, 0], np.arange(68))
  np.testing.assert_array_equal(frame[91:112, 0], np.arange(21))
  np.testing.assert_array_equal(frame[112:133, 0], np.arange(21))


def test_hands_are_not_exchanged(tmp_path):
  right = [number + 5000 for number in person()["hand_right_keypoints_2d"]]
  right[2::3] = [0.9] * 21
  folder = openpose_folder(tmp_path, {0: [person(hand_right_keypoints_2d=right)]})
  (frame,) = PoseFolder.read(folder).keypoints
  assert frame[91, 0] == 0 and frame[112, 0] == 5000


def test_frames_are_in_the_order_of_their_numbers(tmp_path):
  folder = tmp_path / "clip"
  folder.mkdir()
  for number in (8, 9, 10, 11):  # without leading zeros, the names sort otherwise
    content = json.dumps({"people": [person(number)]})
    (folder / f"clip_{number}_keypoints.json").write_text(content)
  (folder / "clip_keypoints.json").write_text("{")
  (folder / "notes.txt").write_text("no frame")
  actual = PoseFolder.read(folder).keypoints
  np.testing.assert_array_equal(actual[:, 0, 0], [8, 9, 10, 11])


def test_a_person_without_confidences_is_nobody(tmp_path):
  frames = {0: [person(1), person(2, 0.0)], 1: [], 2: [{}, person(4)], 3: [person(6, 0.0)]}
  actual = PoseFolder.read(openpose_folder(tmp_path, frames))
  np.testing.assert_array_equal(actual.keypoints[:, 0, 0], [1, 0, 4, 0])
  assert not actual.keypoints[1].any() and not actual.several


def test_openposes_own_numbers_of_people_are_used_where_all_have_one(tmp_path):
  # Two who change their places at once: places alone would say that they did not.
  def frames(*ids):
    places = [(500, 100), (500, 100), (100, 500), (100, 500)]
    return {
      frame: [person(x, 0.5 + 0.1 * (i == 0), person_id=[ids[i]]) for i, x in enumerate(pair)]
      for frame, pair in enumerate(places)
    }

  by_number = PoseFolder.read(openpose_folder(tmp_path, frames(3, 8), "numbered"))
  np.testing.assert_array_equal(by_number.keypoints[:, 0, 0], [500, 500, 100, 100])
  by_place = PoseFolder.read(openpose_folder(tmp_path, frames(-1, -1), "placed"))
  np.testing.assert_array_equal(by_place.keypoints[:, 0, 0], [500] * 4)
  assert by_number.several == by_place.several == 4


def test_parts_that_were_not_estimated_have_no_confidence(tmp_path):
  nobody = person(1, face_keypoints_2d=[])
  del nobody["hand_left_keypoints_2d"]
  (frame,) = PoseFolder.read(openpose_folder(tmp_path, {0: [nobody]})).keypoints
  assert not frame[23:112].any()
  assert (frame[:23, 2] == 0.5).all() and (frame[112:, 2] == 0.5).all()


DEEP = "[" * 100_000
OPENPOSE = {
  "no frames": ({}, "holds no files"),
  "a gap": ({0: [], 1: [], 3: [], 5: []}, "frames 0 to 5 but not frame 2"),
  "no JSON": ({0: "{people"}, "no complete file of keypoints"),
  "cut short": ({0: json.dumps({"people": [person()]})[:500]}, "no complete file of keypoints"),
  "empty": ({0: ""}, "no complete file of keypoints"),
  "too deep": ({0: DEEP}, "no complete file of keypoints"),
  "a list": ({0: "[]"}, "no complete file of keypoints"),
  "1001 people": ({0: [person() for _ in range(3)] + [{}] * 998}, "1001 people, which no picture"),
  "no people": ({0: "{}"}, "no complete file of keypoints"),
  "people of another kind": ({0: '{"people": {"a": 1}}'}, "no list of people"),
  "a person of another kind": ({0: '{"people": [1]}'}, "no list of people"),
  "18 joints": ({0: [person(pose_keypoints_2d=[1.0] * 54)]}, "no list of 75 numbers"),
  "joints of another kind": ({0: [person(pose_keypoints_2d="x" * 75)]}, "no list of 75 numbers"),
  "text": ({0: [person(pose_keypoints_2d=["1"] * 75)]}, "else than finite numbers"),
  "truth": ({0: [person(pose_keypoints_2d=[True] * 75)]}, "else than finite numbers"),
  "lists": ({0: [person(pose_keypoints_2d=[[]] * 75)]}, "else than finite numbers"),
  "NaN": ({0: [person(pose_keypoints_2d=[float("nan")] * 75)]}, "else than finite numbers"),
  "infinity": ({0: [person(pose_keypoints_2d=[float("-inf")] * 75)]}, "else than finite numbers"),
  "a number of 4000 digits": ({0: [person(pose_keypoints_2d=[10**4000] * 75)]}, "else than finite"),
  "a number of 5000 digits": (
    {0: '{"people": [{"pose_keypoints_2d": [' + "9" * 5000 + "]}]}"}, "no complete file"),
  "another person's damage": ({0: [person(), person(face_keypoints_2d=[1])]}, "list of 210"),
  "no pixels": ({0: [person(10**6)]}, "no pixels"),
  "no confidences": ({0: [person(0, 100)]}, "confidences far outside"),
}  # fmt: skip


@pytest.mark.parametrize("what", OPENPOSE)
def test_damaged_folders_are_refused(tmp_path, what):
  frames, words = OPENPOSE[what]
  refused(openpose_folder(tmp_path, frames), words)


def test_a_frame_that_is_there_twice_is_refused(tmp_path):
  folder = openpose_folder(tmp_path, {0: [], 1: []})
  (folder / "other_01_keypoints.json").write_text('{"people": []}')
  refused(folder, "holds a frame twice, clip_000000000001_keypoints.json and other_01_keypoints")


def test_a_huge_frame_is_refused(tmp_path, monkeypatch):
  monkeypatch.setattr(openpose, "MAX_BYTES", 100)
  refused(openpose_folder(tmp_path, {0: [person()]}), "more than 100")


def test_too_many_frames_are_refused(tmp_path, monkeypatch):
  monkeypatch.setattr(poses, "MAX_FRAMES", 2)
  refused(openpose_folder(tmp_path, {i: [person()] for i in range(3)}), "more than 2")


def test_a_frame_that_is_changed_in_place_is_seen(tmp_path):
  folder = openpose_folder(tmp_path, {0: [person()], 1: []})
  before = corpus_builder.file_facts(folder, deep=True)
  frame = next(folder.glob("*_keypoints.json"))
  content, time = frame.read_bytes(), frame.stat().st_mtime_ns
  frame.write_bytes(content[::-1])
  os.utime(frame, ns=(time, time + 10**9))
  assert corpus_builder.file_facts(folder, deep=True) != before
  assert len(corpus_builder.file_facts(folder, deep=False)) == 1
