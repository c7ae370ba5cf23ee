"""Poses of clips in `.pose` files with MediaPipe Holistic's keypoints."""

import errno
import os
import pathlib
import struct
import sys

import numpy as np
import pytest

from data_builders.attachments import pose_files, poses
from data_builders.attachments.poses import PoseFolder
from sign_jax.errors import UserError
from tests.data_builders.attached import refused

BODY = ["NOSE", "LEFT_EYE_INNER", "LEFT_EYE", "LEFT_EYE_OUTER", "RIGHT_EYE_INNER", "RIGHT_EYE",
        "RIGHT_EYE_OUTER", "LEFT_EAR", "RIGHT_EAR", "MOUTH_LEFT", "MOUTH_RIGHT", "LEFT_SHOULDER",
        "RIGHT_SHOULDER", "LEFT_ELBOW", "RIGHT_ELBOW", "LEFT_WRIST", "RIGHT_WRIST", "LEFT_PINKY",
        "RIGHT_PINKY", "LEFT_INDEX", "RIGHT_INDEX", "LEFT_THUMB", "RIGHT_THUMB", "LEFT_HIP",
        "RIGHT_HIP", "LEFT_KNEE", "RIGHT_KNEE", "LEFT_ANKLE", "RIGHT_ANKLE", "LEFT_HEEL",
        "RIGHT_HEEL", "LEFT_FOOT_INDEX", "RIGHT_FOOT_INDEX"]  # fmt: skip
HAND = ["WRIST", "THUMB_CMC", "THUMB_MCP", "THUMB_IP", "THUMB_TIP", "INDEX_FINGER_MCP",
        "INDEX_FINGER_PIP", "INDEX_FINGER_DIP", "INDEX_FINGER_TIP", "MIDDLE_FINGER_MCP",
        "MIDDLE_FINGER_PIP", "MIDDLE_FINGER_DIP", "MIDDLE_FINGER_TIP", "RING_FINGER_MCP",
        "RING_FINGER_PIP", "RING_FINGER_DIP", "RING_FINGER_TIP", "PINKY_MCP", "PINKY_PIP",
        "PINKY_DIP", "PINKY_TIP"]  # fmt: skip
FACE = [str(i) for i in range(468)]
HOLISTIC = {"POSE_LANDMARKS": BODY, "FACE_LANDMARKS": FACE, "LEFT_HAND_LANDMARKS": HAND,
            "RIGHT_HAND_LANDMARKS": HAND, "POSE_WORLD_LANDMARKS": BODY}  # fmt: skip
# Where MediaPipe's 33 points are in COCO-WholeBody.
OF_BODY = {0: 0, 1: 2, 2: 5, 3: 7, 4: 8, 5: 11, 6: 12, 7: 13, 8: 14, 9: 15, 10: 16, 11: 23, 12: 24,
           13: 25, 14: 26, 15: 27, 16: 28, 19: 29, 22: 30}  # fmt: skip


def text(content):
  return struct.pack("<H", len(content)) + content.encode()


def header(components, version=0.2, form="XYZC"):
  data = struct.pack("<fHHHH", version, 640, 480, 100, len(components))
  for name, points in components.items():
    data += text(name) + text(form) + struct.pack("<HHH", len(points), 1, 1)
    data += b"".join(text(point) for point in points) + struct.pack("<HH", 0, 0) + bytes(6)
  return data


def body(points, confidence, fps=25.0, version=0.2):
  """`points` (frames, people, points, dims), `confidence` (frames, people, points)."""
  frames, people = confidence.shape[:2]
  if version == 0.1:
    start = struct.pack("<HHH", int(fps), frames, people)
  else:
    start = struct.pack("<fIH", fps, frames, people)
  return start + points.astype("<f4").tobytes() + confidence.astype("<f4").tobytes()


def numbered(frames, people, components):
  """Points whose x is 10,000 per frame, 1,000 per person and one per point of all components."""
  count = sum(map(len, components.values()))
  x = np.arange(count) + 1000 * np.arange(people)[:, None] + 10_000 * np.arange(frames)[
    :, None, None]  # fmt: skip
  return np.stack([x, x + 0.5, x * 0], axis=-1), np.full((frames, people, count), 0.75)


def pose_file(root, components=HOLISTIC, frames=2, people=1, version=0.2, change=None):
  points, confidence = numbered(frames, people, components)
  if change:
    change(points, confidence)
  path = root / "clip.pose"
  path.write_bytes(header(components, version) + body(points, confidence, version=version))
  return path


@pytest.fixture
def library():
  return pytest.importorskip("pose_format")


@pytest.mark.parametrize("version", [0.1, 0.2])
def test_holistic_joints_find_their_places(tmp_path, library, version):
  actual = PoseFolder.read(pose_file(tmp_path, version=version))
  assert actual.fps == 25.0 and actual.keypoints.dtype == np.float32
  assert actual.keypoints.shape == (2, 133, 3)
  expected = np.zeros((2, 133, 3), np.float32)
  left = len(BODY) + len(FACE)
  places = {**OF_BODY, **{91 + i: left + i for i in range(21)},
            **{112 + i: left + 21 + i for i in range(21)}}  # fmt: skip
  for joint, point in places.items():
    for frame in range(2):
      expected[frame, joint] = 10_000 * frame + point, 10_000 * frame + point + 0.5, 0.75
  np.testing.assert_array_equal(actual.keypoints, expected)


def test_points_are_found_by_name(tmp_path, library):
  few = {"RIGHT_HAND_LANDMARKS": ["PINKY_TIP", "WRIST"], "POSE_LANDMARKS": ["LEFT_WRIST", "NOSE"]}
  frame = PoseFolder.read(pose_file(tmp_path, few)).keypoints[0]
  assert frame[[132, 112, 9, 0], 0].tolist() == [0, 1, 2, 3]
  assert np.flatnonzero(frame[:, 2]).tolist() == [0, 9, 112, 132]


def test_what_the_library_writes_is_read(tmp_path, library):
  from pose_format.numpy import NumPyPoseBody
  from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions

  points, confidence = numbered(3, 1, HOLISTIC)
  components = [PoseHeaderComponent(name, points, [], [], "XYZC") for name, points in
                HOLISTIC.items()]  # fmt: skip
  made = PoseHeader(0.2, PoseHeaderDimensions(640, 480, 100), components)
  content = library.Pose(made, NumPyPoseBody(29.97, points, confidence))
  with (tmp_path / "clip.pose").open("wb") as file:
    content.write(file)
  actual = PoseFolder.read(tmp_path / "clip.pose")
  assert actual.fps == pytest.approx(29.97) and len(actual.keypoints) == 3
  np.testing.assert_array_equal(actual.keypoints[:, 0, 0], [0, 10_000, 20_000])


def test_a_pose_file_states_the_size_of_its_pictures(tmp_path, library):
  assert PoseFolder.read(pose_file(tmp_path, SMALL)).size == (640, 480)
  content = header(SMALL)[:4] + bytes(4) + header(SMALL)[8:] + body(*POINT)
  (tmp_path / "clip.pose").write_bytes(content)
  assert PoseFolder.read(tmp_path / "clip.pose").size is None


def test_a_second_person_without_confidences_is_nobody(tmp_path, library):
  def change(points, confidence):
    confidence[:, 1] = 0
    points[..., :2] %= 100

  actual = PoseFolder.read(pose_file(tmp_path, people=2, change=change))
  assert not actual.several and actual.keypoints[0, 0].tolist() == [0, 0.5, 0.75]


def test_unseen_points_lie_at_zero(tmp_path, library):
  def change(points, confidence):
    confidence[0, 0, 0] = 0

  keypoints = PoseFolder.read(pose_file(tmp_path, change=change)).keypoints
  assert not keypoints[0, 0].any() and keypoints[1, 0].any()


def without_confidence(points, confidence):
  confidence[0, 0, 0] = np.nan


def without_place(points, confidence):
  points[0, 0, 0, 1] = np.nan


def test_pose_files_with_strange_numbers_are_refused(tmp_path, library):
  refused(pose_file(tmp_path, change=without_confidence), "confidences that are not finite")
  refused(pose_file(tmp_path, change=without_place), "no pixels")


SMALL = {"POSE_LANDMARKS": ["NOSE"]}
POINT = np.ones((1, 1, 1, 3)), np.ones((1, 1, 1))
POSE_FILES = {
  "nothing": (b"", "no complete .pose file"),
  "something else": (b"RIFF" + bytes(100), "version"),
  "version 0.0": (header(SMALL, 0.0) + bytes(100), "version is none of 0.1, 0.2"),
  "version 0.3": (header(SMALL, 0.3) + body(*POINT), "version"),
  "version NaN": (header(SMALL, float("nan")) + body(*POINT), "version"),
  "no components": (header({}) + body(*POINT), "no complete .pose file"),
  "no points": (header({"POSE_LANDMARKS": []}) + body(*POINT), "no complete .pose file"),
  "2^32 frames of no points": (
    header({"POSE_LANDMARKS": []}) + struct.pack("<fIH", 25, 2**32 - 1, 1), "no complete .pose"),
  "2^32 frames of nobody": (
    header(SMALL) + struct.pack("<fIH", 25, 2**32 - 1, 0), "no complete .pose file"),
  "2^32 frames": (header(SMALL) + struct.pack("<fIH", 25, 2**32 - 1, 1), "no complete .pose file"),
  "a product that overflows": (
    header(SMALL) + struct.pack("<fIH", 25, 2**32 - 1, 65535), "no complete .pose file"),
  "no frames": (header(SMALL) + struct.pack("<fIH", 25, 0, 1), "no complete .pose file"),
  "65535 components": (header(SMALL)[:10] + b"\xff\xff" + bytes(100), "no complete .pose file"),
  "names without end": (header(SMALL)[:12] + b"\xff\xff" + b"a" * 9, "no complete .pose file"),
  "names of no language": (
    header(SMALL)[:12] + b"\x02\x00\xff\xff" + bytes(99), "no complete .pose file"),
  "no coordinates": (
    header(SMALL, form="C") + body(np.ones((1, 1, 1, 0)), POINT[1]), "no complete .pose file"),
  "x alone": (header(SMALL, form="XC") + body(np.ones((1, 1, 1, 1)), POINT[1]), "no x and y"),
  "another estimator": (header({"BODY_135": ["Nose"]}) + body(*POINT),
    "no components of MediaPipe Holistic but 'BODY_135' with 1 keypoints"),
  "more points than any estimator has": (
    header({"POSE_LANDMARKS": [""] * 30_000}) + body(*POINT), "more than 20000 points and lines"),
  "frames per second": (header(SMALL) + body(*POINT, fps=float("nan")), "1 frames at nan per"),
  "time backwards": (header(SMALL) + body(*POINT, fps=-25.0), "1 frames at -25.0 per second"),
}  # fmt: skip


@pytest.mark.parametrize("what", POSE_FILES)
def test_damaged_pose_files_are_refused(tmp_path, library, what):
  content, words = POSE_FILES[what]
  path = tmp_path / "clip.pose"
  path.write_bytes(content)
  refused(path, words)


def test_pose_files_that_are_cut_short_are_refused(tmp_path, library):
  path = pose_file(tmp_path, SMALL)
  whole = path.read_bytes()
  assert len(PoseFolder.read(path).keypoints) == 2
  for size in range(len(whole)):
    path.write_bytes(whole[:size])
    refused(path, "no complete .pose file")


def test_a_pose_files_header_is_its_own(tmp_path, library):
  # The library remembers headers by place and digest; two files in turn must not mix.
  few = {"POSE_LANDMARKS": ["LEFT_WRIST", "NOSE"]}
  for components, joint in ((SMALL, 0), (few, 9), (SMALL, 0)):
    assert PoseFolder.read(pose_file(tmp_path, components)).keypoints[1, joint, 0] == 10_000


def test_long_and_large_pose_files_are_refused(tmp_path, library, monkeypatch):
  monkeypatch.setattr(poses, "MAX_FRAMES", 1)
  refused(pose_file(tmp_path, SMALL), "states 2 frames")
  monkeypatch.setattr(pose_files, "MAX_BYTES", 100)
  refused(pose_file(tmp_path), "larger than 100 bytes")


def test_the_missing_library_is_named(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, "pose_format", None)
  path = tmp_path / "clip.pose"
  path.touch()
  with pytest.raises(UserError, match="needs pose-format, install it with `pip install"):
    PoseFolder.read(path)


def test_a_disk_that_fails_is_no_damage(tmp_path, monkeypatch):
  path = tmp_path / "clip.pose"
  path.write_bytes(b"something")

  def fail(_path):
    raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

  monkeypatch.setattr(pathlib.Path, "read_bytes", fail)
  with pytest.raises(OSError, match="Input/output"):
    pose_files.read(path, 10)
