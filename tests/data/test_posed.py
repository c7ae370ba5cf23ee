"""Splits with poses: what is left out, which features go with which window, batches."""

import pickle

import numpy as np
import pytest

from sign_jax.data import description, digest, pipeline, posed, source
from sign_jax.data.pose import Settings, prepare
from sign_jax.data.records import SplitSource
from sign_jax.errors import UserError
from tests.data import tiny
from tests.data.test_pose import HEIGHT, LEFT, RIGHT, WIDTH, hide, person

SETTINGS = Settings((WIDTH, HEIGHT), windows=8, max_frames=64)
FRAMES = {"plain": 30, "short": 3, "one hand": 40, "long": 5000, "gaps": 50, "nobody": 20}


def keypoints(name):
  found = person(FRAMES[name])
  if name == "nobody":
    found[..., 2] = 0
  if name == "one hand":
    hide(hide(found, np.arange(40), LEFT), np.arange(40), [9])
  if name == "gaps":
    found[10:20, :, 2] = 0
  return found


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
  """A data set of videos that are each hard in its own way, features at stride 1."""
  folder = tmp_path_factory.mktemp("tfds")
  clips = [
    tiny.clip(i, i, max(frames - 15, 1), pose=keypoints(name))
    for i, (name, frames) in enumerate(FRAMES.items())
  ]
  tiny.build(folder, {"train": clips, "test": clips[-1:]})
  tiny.build(folder, {"train": tiny.clips(3, 2)}, name="flat")
  digest.write(description.read(folder / "tiny/1.0.0"))
  return folder


@pytest.fixture(scope="module")
def split(data_dir):
  return source.RetrievalSplit("tiny", "train", data_dir, poses=SETTINGS)


def batches(split, **kwargs):
  options = {"batch_size": 4, "seed": 3, "video_length": 8, "text_length": 8, **kwargs}
  return pipeline.train_batches(split, **options)


def assert_same(a, b):
  assert a.keys() == b.keys()
  for name, value in a.items():
    if isinstance(value, dict):
      assert_same(value, b[name])
    else:
      np.testing.assert_array_equal(value, b[name], err_msg=name)


def test_only_a_video_without_hands_is_left_out_and_named(split):
  assert list(split.left_out) == ["video_5"]
  assert "video_5 shows no usable hand in any of 20 frames" in split.left_out["video_5"]
  assert (split.num_videos, split.num_sentences) == (5, 5)
  assert "video_5" not in split.video_ids and "sentence_5" not in split.sentence_ids


def test_what_was_left_out_is_noted(data_dir, split, monkeypatch):
  monkeypatch.setattr(SplitSource, "read", lambda *args: pytest.fail("reads records again"))
  assert source.RetrievalSplit("tiny", "train", data_dir, poses=SETTINGS).left_out == split.left_out


def test_notes_of_other_settings_are_not_read(data_dir, split):
  assert split.left_out  # and noted
  larger = SETTINGS._replace(image_size=(WIDTH + 9, HEIGHT))
  for settings in (SETTINGS._replace(max_frames=40), larger):
    found = source.RetrievalSplit("tiny", "train", data_dir, poses=settings)
    assert list(found.left_out) == ["video_5"]
  notes = [path.name for path in (data_dir / "tiny/1.0.0").glob("hands-*-train.json")]
  assert len(notes) == len(set(notes)) >= 3


def test_notes_of_another_rule_are_not_read(data_dir, split):
  """Without the rule at the bottom, other frames can be used."""
  source.RetrievalSplit("tiny", "train", data_dir, poses=SETTINGS._replace(bottom=0))
  folder = data_dir / "tiny/1.0.0"
  assert (folder / f"hands-2-{WIDTH}x{HEIGHT}-64-0-train.json").exists()
  assert (folder / f"hands-2-{WIDTH}x{HEIGHT}-64-train.json").exists()  # as they always were
  assert split.left_out


def test_settings_of_poses_are_used():
  keypoints = person(right=(200.3, 200))
  hide(keypoints, np.arange(20), LEFT)
  keypoints[:, 9, 1] = HEIGHT - 10
  hide(keypoints, [3], RIGHT)
  hide(keypoints, [3], [10])
  for rule, corner in (("exact", 176.3), ("released", 176)):
    found = posed.prepare(keypoints, SETTINGS._replace(hand_boxes=rule), "a")
    np.testing.assert_allclose(found.right[0, 0, 0], (200.3 - corner) * 256 / 88, rtol=1e-5)
    assert 3 not in found.frames
  assert 3 in posed.prepare(keypoints, SETTINGS._replace(bottom=0), "a").frames


def test_pictures_of_another_size_are_refused(data_dir):
  with pytest.raises(UserError, match="of the sure keypoints of train .* outside of pictures of 2"):
    source.RetrievalSplit("tiny", "train", data_dir, poses=SETTINGS._replace(image_size=(200, 90)))


def test_a_batch_of_too_many_windows_is_refused(split):
  split = pickle.loads(pickle.dumps(split))
  split.poses = SETTINGS._replace(max_batch_windows=9)
  with pytest.raises(UserError, match="a batch has .* windows, more than .*max_windows=9"):
    next(batches(split))


def test_every_other_video_gives_whole_windows(split):
  videos, _ = pipeline.eval_batches(split, batch_size=5, video_length=8, text_length=8)
  (batch,) = videos
  pose = batch["pose"]
  np.testing.assert_array_equal(batch["video_valid"], pose["clips_start"] >= 0)
  ordered = dict(zip(split.video_ids, range(5), strict=True))
  for video_id, row in ordered.items():
    assert batch["video_valid"][row].sum() == (1 if video_id == "video_1" else 8), video_id
    assert pose["frames_valid"][row].sum() <= 64
    ends = pose["clips_start"][row] + 16
    assert (ends[batch["video_valid"][row]] <= pose["frames_valid"][row].sum()).all()
  assert not pose["left"][ordered["video_2"]].any() and pose["right"][ordered["video_2"]].any()
  assert pose["frames_valid"][ordered["video_4"]].sum() == 40
  assert all(np.isfinite(x).all() for x in (batch["video"], *pose.values()))
  assert not batch["video"][~batch["video_valid"]].any()


@pytest.mark.parametrize("name", ["plain", "short", "long", "gaps"])
def test_features_are_of_the_same_frames_as_the_pose(split, name):
  """At stride 1, row r is of the frames from r on."""
  video = split.video_ids.index(f"video_{list(FRAMES).index(name)}")
  (found,) = split.stored_features([video], 8)
  pose = prepare(keypoints(name), (WIDTH, HEIGHT), name, 8, 64)
  whole = split.features(video)["agnostic"]
  starts = pose.clips_start[pose.clips_start >= 0]
  assert len(found["agnostic"]) == len(starts)
  for row, start in zip(found["agnostic"], starts, strict=True):
    frames = pose.frames[start : start + 16]
    middle = np.clip((frames[0] + frames[-1]) / 2 - 7.5, 0, len(whole) - 1)
    distance = np.abs(np.arange(len(whole)) - middle)
    nearest = np.flatnonzero(distance == distance.min())
    assert any(np.array_equal(row, whole[i].astype(np.float16)) for i in nearest)
  if name == "plain":  # nothing is left out: exactly the frames of the window
    np.testing.assert_array_equal(found["agnostic"], whole.astype(np.float16)[starts])


def test_training_may_read_one_stream_twice(split):
  twice, alone, both = (
    next(batches(split, **options))["video"]
    for options in ({"second": "agnostic"}, {"combine": "agnostic"}, {})
  )
  np.testing.assert_allclose(twice, alone, rtol=1e-3)  # alone: as stored, float16
  assert np.abs(twice - both).max() > 0.1


def test_batches_depend_on_seed_and_step_alone(split):
  stream = batches(split)
  first = [next(stream) for _ in range(3)]
  assert_same(next(batches(split, start_step=2)), first[2])
  assert_same(next(batches(pickle.loads(pickle.dumps(split)))), first[0])
  halves = [next(batches(split, shard_index=i, shard_count=2)) for i in range(2)]
  for name in ("left", "clips_start"):
    joined = np.concatenate([half["pose"][name] for half in halves])
    np.testing.assert_array_equal(joined, first[0]["pose"][name])


def test_videos_without_hands_can_stop(data_dir):
  with pytest.raises(UserError, match="1 of the 6 videos of train .*video_5 shows.*no_hands=skip"):
    source.RetrievalSplit("tiny", "train", data_dir, poses=SETTINGS._replace(no_hands="stop"))
  with pytest.raises(UserError, match="1 of the 1 videos of test"):
    source.RetrievalSplit("tiny", "test", data_dir, poses=SETTINGS)


def test_a_data_set_without_poses_is_refused(data_dir):
  with pytest.raises(UserError, match="'flat:1.0.0' has no poses.*features_pose"):
    source.RetrievalSplit("flat", "train", data_dir, poses=SETTINGS)


def test_fake_batches_look_like_real_ones(split):
  real = next(batches(split))
  fake = pipeline.fake_batch(4, 8, real["video"].shape[-1], 8, frames=64)
  assert fake["pose"].keys() == real["pose"].keys()
  for name, value in fake["pose"].items():
    assert (value.shape, value.dtype) == (real["pose"][name].shape, real["pose"][name].dtype)
  np.testing.assert_array_equal(fake["video_valid"], fake["pose"]["clips_start"] >= 0)
  ends = (fake["pose"]["clips_start"] + 16) * fake["video_valid"]
  assert (ends <= fake["pose"]["frames_valid"].sum(1, keepdims=True)).all()
