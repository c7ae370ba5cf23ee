"""Pickles of poses as scripts of estimators write them, each with the same people in it."""

import pickle

import numpy as np
import pytest

from data_builders.attachments.poses import PoseFolder
from tests.data_builders.attached import refused

FRAMES = 6
RNG = np.random.default_rng(0)
# Two people, of whom the first is surer; in two frames nobody but the first, or nobody at all.
PLACES = RNG.uniform(10, 90, (1, 1, 133, 2)) + [[[[0, 0]]], [[[400, 0]]]]
XY = PLACES + RNG.uniform(-2, 2, (2, FRAMES, 133, 2))
SURE = np.stack([RNG.uniform(0.7, 1, (FRAMES, 133)), RNG.uniform(0.2, 0.5, (FRAMES, 133))])
SEEN = [[0, 1], [1, 0], [0], [], [1, 0], [0, 1]]  # in the order in which they are found


def expected():
  poses = np.concatenate([XY[0], SURE[0][..., None]], axis=-1)
  poses[3] = 0
  return poses


def xy(t):
  return XY[SEEN[t], t]


def sure(t):
  return SURE[SEEN[t], t]


def both(t):
  return np.concatenate([xy(t), sure(t)[..., None]], axis=-1)


def person(t, i, **more):
  return {"keypoints": xy(t)[i].tolist(), "keypoint_scores": sure(t)[i].tolist(),
          "bbox": ([1.0, 2.0, 3.0, 4.0],), "bbox_score": 0.9, **more}  # fmt: skip


def people(t, **more):
  return [person(t, i, **more) for i in range(len(SEEN[t]))]


def padded(columns):
  """(F, 2, 133, columns), zeros for who is not there."""
  poses = np.zeros((FRAMES, 2, 133, 3))
  for t in range(FRAMES):
    poses[t, : len(SEEN[t])] = both(t)
  return poses[..., :columns]


def objects(values):
  array = np.empty(len(values), object)
  array[:] = values
  return array


T = range(FRAMES)
LAYOUTS = {
  "rtmlib, two lists": {"keypoints": [xy(t) for t in T], "scores": [sure(t) for t in T]},
  "rtmlib, pairs": [(xy(t), sure(t)) for t in T],
  "rtmlib, pairs of lists": [[xy(t).tolist(), sure(t).tolist()] for t in T],
  "lists of lists": {
    "keypoints": [xy(t).tolist() for t in T], "keypoint_scores": [sure(t).tolist() for t in T]},
  "scores with an axis more": {
    "keypoints": [xy(t) for t in T], "scores": [sure(t)[..., None] for t in T]},
  "arrays of all frames": {"keypoints": padded(2), "scores": padded(3)[..., 2]},
  "confidences among them": {"keypoints": padded(3), "fps": 30},
  "an array alone": padded(3),
  "a list of arrays": [both(t) for t in T],
  "a list of lists": [both(t).tolist() for t in T],
  "objects": {"keypoints": objects([xy(t) for t in T]), "scores": objects([sure(t) for t in T])},
  "None where nobody is": {
    "keypoints": [xy(t) if SEEN[t] else None for t in T],
    "scores": [sure(t) if SEEN[t] else None for t in T]},
  "None beside scores": {
    "keypoints": [xy(t) if SEEN[t] else None for t in T], "scores": [sure(t) for t in T]},
  "dicts": [{"keypoints": xy(t), "scores": sure(t), "frame": "x"} for t in T],
  "dicts by numbers": {t: {"keypoints": xy(t), "scores": sure(t)} for t in reversed(T)},
  "dicts by names": {f"clip_{t + 8}.jpg": both(t) for t in reversed(T)},
  "MMPose, one result": {"predictions": [people(t) for t in T], "visualization": []},
  "MMPose, a result for each frame": [{"predictions": [people(t)]} for t in T],
  "MMPose, its demo": {
    "meta_info": {"dataset_name": "coco_wholebody"},
    "instance_info": [{"frame_id": t + 1, "instances": people(t)} for t in T]},
  "MMPose, samples": [
    {"pred_instances": {"keypoints": xy(t), "keypoint_scores": sure(t)}} for t in T],
  "lists of people": [people(t) for t in T],
  "a tuple": tuple(people(t) for t in T),
  "MMAction2": {
    "keypoint": padded(2).swapaxes(0, 1), "keypoint_score": padded(3)[..., 2].swapaxes(0, 1),
    "total_frames": FRAMES, "label": 3},
  "COCO's flat lists": [
    [{"keypoints": both(t)[i].ravel().tolist(), "score": 0.9} for i in range(len(SEEN[t]))]
    for t in T],
}  # fmt: skip


def read(folder, content):
  path = folder / "clip.pkl"
  path.write_bytes(pickle.dumps(content))
  return PoseFolder.read(path)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_person_is_read_from_each_layout(tmp_path, layout):
  actual = read(tmp_path, LAYOUTS[layout])
  np.testing.assert_allclose(actual.keypoints, expected(), rtol=1e-6)
  assert actual.keypoints.dtype == np.float32
  assert (actual.several, actual.unsure, actual.size) == (4, False, None)
  assert actual.fps == (30 if layout == "confidences among them" else 0)


def test_people_by_the_names_of_their_pictures(tmp_path):
  # A frame without people is not there, so it must not be in the middle.
  content = [p for t in (0, 1, 2) for p in people(t, image_id=f"{t:05d}.jpg")]
  actual = read(tmp_path, content)
  np.testing.assert_allclose(actual.keypoints, expected()[:3], rtol=1e-6)
  content = [p for t in T for p in people(t, image_id=f"{t:05d}.jpg")]
  (tmp_path / "clip.pkl").write_bytes(pickle.dumps(content))
  refused(tmp_path / "clip.pkl", "frames 0 to 5 but not frame 3, which needs an empty list")


def test_numbers_of_people_are_used(tmp_path):
  frames = [people(t) for t in (0, 1, 5)]
  for t, frame in zip((0, 1, 5), frames, strict=True):
    for number, entry in zip(SEEN[t], frame, strict=True):
      entry["track_id"] = 40 + number
  np.testing.assert_allclose(read(tmp_path, frames).keypoints, expected()[[0, 1, 5]], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i4", "u2"])
def test_without_confidences_every_keypoint_is_sure_but_those_at_zero(tmp_path, dtype):
  poses = XY[0].astype(dtype)
  poses[2, 7] = 0
  if dtype[0] == "f":
    poses[4, 9] = np.nan
  actual = read(tmp_path, {"keypoints": poses})
  assert actual.unsure
  missing = np.zeros((FRAMES, 133), bool)
  missing[2, 7], missing[4, 9] = True, dtype[0] == "f"
  np.testing.assert_array_equal(actual.keypoints[..., 2], ~missing)
  np.testing.assert_array_equal(
    actual.keypoints[~missing][:, :2], poses[~missing].astype(np.float32)
  )
  assert not actual.keypoints[missing].any()
  as_lists = read(tmp_path, {"keypoints": poses.tolist()})
  np.testing.assert_allclose(as_lists.keypoints, actual.keypoints)


SIZES = {
  "width and height": {"width": 640, "height": 480},
  "of an image": {"img_width": np.int64(640), "img_height": np.float32(480)},
  "a shape": {"img_shape": (480, 640)},
  "a shape with colours": {"original_shape": [480, 640, 3]},
  "a size": {"image_size": np.array([640, 480])},
  "beside others": {"meta_info": {"size": [640, 480]}, "size": 12345},
}


@pytest.mark.parametrize("how", SIZES)
def test_the_stated_size_is_kept(tmp_path, how):
  content = {**LAYOUTS["rtmlib, two lists"], **SIZES[how]}
  assert read(tmp_path, content).size == (640, 480)
  frames = [{"keypoints": xy(t), "scores": sure(t), **SIZES[how]} for t in T]
  assert read(tmp_path, frames).size == (640, 480)


def test_what_is_no_size_states_none(tmp_path):
  for no_size in ({"width": 0, "height": 0}, {"size": [1.5e9, 3]}, {"width": "640", "height": 480},
                  {"img_shape": [480]}, {"size": float("nan")}, {"w": 9, "h": 9},
                  {"size": [True, 1]}):  # fmt: skip
    assert read(tmp_path, {**LAYOUTS["rtmlib, two lists"], **no_size}).size is None
  two = [{"keypoints": xy(t), "scores": sure(t), "size": [640 + t, 480]} for t in T]
  (tmp_path / "clip.pkl").write_bytes(pickle.dumps(two))
  refused(tmp_path / "clip.pkl", "states pictures of 640 x 480 and of 641 x 480")


def joints(count, columns=3):
  return np.random.default_rng(1).uniform(0, 99, (FRAMES, count, columns)).astype(np.float32)


STRANGE = {
  "17": (joints(17), r"17 keypoints \(COCO's body\) .* needed are COCO-WholeBody's 133"),
  "25": (joints(25), "OpenPose's BODY_25"),
  "67": (joints(67), "BODY_25 and two hands"),
  "75": (joints(75), "MediaPipe's body and two hands"),
  "134": (joints(134), "rtmlib writes with to_openpose=True"),
  "137": (list(joints(137)), "OpenPose's body, face and hands"),
  "543": ({"keypoints": list(joints(543))}, "MediaPipe Holistic"),
  "a number that none has": (joints(99), "99 keypoints of a person"),
  "17 in flat lists": ([[{"keypoints": joints(17)[0].ravel().tolist()}]], "17 keypoints"),
  "scores of other joints": ({"keypoints": [xy(0)], "scores": [sure(0)[:, :17]]}, "133 keypoints "
    "of a person and 17 scores"),
  "scores of other frames": ({"keypoints": [xy(0)], "scores": []}, "1 frames, and scores of 0"),
  "scores of other people": ({"keypoints": [xy(0)], "scores": [sure(0)[:1]]}, "2 people and .* 1"),
  "scores of other arrays": ({"keypoints": padded(2), "scores": sure(0)}, "and scores of shape"),
  "scores of two numbers": ({"keypoints": XY[0], "scores": XY[0]}, "and scores of shape"),
  "ragged": ([[[[1.0, 2.0]] * 132 + [[1.0]]]], "not all of two or three numbers"),
  "text": ([[[["1", "2"]] * 133]], "that are no numbers"),
  "truth": ([[[[True, False]] * 133]], "that are no numbers"),
  "huge numbers": ([[[[10**400, 2]] * 133]], "no pixels"),
  "poses of several clips": ({"05237": joints(133), "05241": joints(133)}, "not frame 5238"),
  "several clips by names": ({"hello": joints(133), "world": joints(133)}, "'hello', 'world'"),
  "frames of something else": ([{"boxes": 3}], "a frame without 'keypoints', only with 'boxes'"),
  "itself": (None, "far more lists than its size warrants|no lists of numbers|no numbers"),
  "a list of text": (["a", "b"], "no lists of numbers"),
  "1001 people": ([[xy(0)[0]] * 1001], "more than 1000 people in a frame"),
  "1001 dicts": ([[{}] * 1001], "more than 1000 people in a frame"),
  "50,000 poses in a small file": ([[xy(0)[0]] * 900] * 50, "far more than its size warrants"),
}  # fmt: skip


@pytest.mark.parametrize("what", STRANGE)
def test_other_layouts_are_refused_by_what_they_hold(tmp_path, what):
  content, words = STRANGE[what]
  if what == "itself":
    content = {"instances": []}
    content["instances"].append(content)
    content = [content]
  path = tmp_path / "clip.pkl"
  path.write_bytes(pickle.dumps(content))
  text = refused(path, words)
  assert "get it anew" not in text


def test_unseen_keypoints_may_lie_nowhere(tmp_path):
  poses = np.concatenate([XY[0], SURE[0][..., None]], axis=-1)
  poses[2, 5] = np.nan, np.nan, 0
  actual = read(tmp_path, {"keypoints": poses}).keypoints
  assert actual[2, 5].tolist() == [0, 0, 0] and np.isfinite(actual).all()
