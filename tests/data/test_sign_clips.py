"""Clips of isolated signs: from videos and from the simulator's sentences, and their batches."""

import pickle

import numpy as np
import pytest

from sign_jax.data import records, sign_batches
from sign_jax.data.cache import FeatureCache
from sign_jax.data.sign_clips import SignClips
from sign_jax.errors import UserError
from sign_jax.video import frames
from tests import videos
from tests.data import tiny_signs

BOTH = ("video", "keypoints")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  root = tmp_path_factory.mktemp("videos")
  tiny_signs.render(root)
  return root


def build(data_dir, members=None, **noted):
  """A data set with these records in train."""
  made = members or [tiny_signs.record(number, with_pose=True) for number in range(6)]
  return tiny_signs.build(data_dir, {"train": made}, **noted)


def opened(data_dir, folder, fields=BOTH, **options):
  return SignClips("tiny_signs", "train", data_dir, fields=fields, size=16, videos=str(folder),
                   **options)  # fmt: skip


def by_name(clips):
  """{video_id: index}."""
  return {clip.video.removesuffix(".mp4"): number for number, clip in enumerate(clips.clips)}


def test_a_clip_is_its_video_and_its_keypoints_as_shares(folder, tmp_path):
  build(tmp_path)
  clips = opened(tmp_path, folder)
  assert len(clips) == 6 and clips.num_classes == 3 and clips.names == list(tiny_signs.GLOSSES)
  assert (clips.listed, clips.missing) == (7, 1)
  index = by_name(clips)["3"]
  found = clips.read(index)
  wanted = np.stack(list(frames.read_frames(folder / "3.mp4", (16, 16))))
  np.testing.assert_array_equal(found["video"], wanted)
  pose = tiny_signs.record(3, with_pose=True)["pose"]
  np.testing.assert_allclose(found["keypoints"][..., :2], pose[..., :2] / tiny_signs.SIDE, 1e-6)
  np.testing.assert_array_equal(found["keypoints"][..., 2], pose[..., 2])
  part = clips.read(index, 2, 7)
  for name in BOTH:
    np.testing.assert_array_equal(part[name], found[name][2:7])
  assert clips.labels[index] == 0 and clips.labels.dtype == np.int32


@pytest.mark.parametrize("boxes", [True, False])
def test_a_part_of_a_video_is_read_cut_to_its_box_or_whole(folder, tmp_path, boxes):
  box = np.array([0.25, 0.5, 1, 1], np.float32)
  part = {"first_frame": 3, "end_frame": 8, "num_frames": 5, "box": box}
  pose = np.random.default_rng(0).uniform(0, 32, (5, 133, 3)).astype(np.float32)
  build(tmp_path, [tiny_signs.record(1, with_pose=True, **part) | {"pose": pose}])
  found = opened(tmp_path, folder, boxes=boxes).read(0)
  left, top = box[:2] if boxes else (0, 0)
  whole = list(frames.read_frames(folder / "1.mp4"))[3:8]
  cut = np.stack([frame[int(32 * top) :, int(32 * left) :] for frame in whole])
  assert found["video"].shape == (5, 16, 16, 3)
  # The scaler averages: the pictures' means stay what they are.
  np.testing.assert_allclose(found["video"].mean((1, 2, 3)), cut.mean((1, 2, 3)), atol=3)
  x, y = found["keypoints"][..., 0], found["keypoints"][..., 1]
  np.testing.assert_allclose(x, (pose[..., 0] / 32 - left) / (1 - left), rtol=1e-4, atol=1e-5)
  np.testing.assert_allclose(y, (pose[..., 1] / 32 - top) / (1 - top), rtol=1e-4, atol=1e-5)


def test_a_sign_of_the_simulator_has_its_span_and_some_of_the_transitions(signs_dir):
  clips = SignClips("signing_sim/frames_tiny", "train", signs_dir, fields=BOTH, size=48,
                    margin=2)  # fmt: skip
  source = records.open_split("signing_sim/frames_tiny", "train", signs_dir)
  (row,) = source.read([clips.clips[0].record], ("glosses", "gloss_spans", "frames", "pose"))
  signs = [(gloss, *span) for gloss, span in zip(row["glosses"].split(), row["gloss_spans"],
           strict=True) if gloss in clips.names]  # fmt: skip
  assert len(signs) < len(row["gloss_spans"])  # some are no classes
  before, behind = set(), set()
  for number, (gloss, first, last) in enumerate(signs):
    clip = clips.clips[number]
    assert clips.names[clips.labels[number]] == gloss
    stop = clip.first + clip.count
    before.add(int(first - clip.first))
    behind.add(int(stop - 1 - last))
    found = clips.read(number)
    np.testing.assert_array_equal(found["video"], row["frames"][clip.first : stop])
    places = row["pose"][clip.first : stop].astype(np.float32)
    np.testing.assert_allclose(found["keypoints"][..., :2], places[..., :2] / 256, rtol=1e-5)
  assert before | behind <= {0, 1, 2, 3, 4} and len(before | behind) > 1
  assert clips.listed == len(clips) and not clips.missing
  related = {kind for *_, kind in clips.lookalikes}
  assert related == {True, False} and len(clips.gloss_vectors) == clips.num_classes


@pytest.mark.parametrize("count", [3, 7, 8, 9, 20])
def test_places_of_frames(count):
  rng, wanted = np.random.default_rng(0), 8
  drawn = {tuple(sign_batches.random_places(count, wanted, rng)) for _ in range(200)}
  assert len(drawn) == abs(count - wanted) + 1
  for places in drawn:
    assert len(places) == wanted and set(np.diff(places)) <= {0, 1}
    assert set(places) == set(range(count)) if count <= wanted else set(np.diff(places)) == {1}
  central = sign_batches.places(count, wanted)
  crops = [sign_batches.places(count, wanted, crop, 3) for crop in range(3)]
  np.testing.assert_array_equal(crops[1], central)
  if count >= wanted:
    assert [places[0] for places in crops] == [0, (count - wanted) // 2, count - wanted]
  else:
    before = (wanted - count) // 2
    assert list(central) == [0] * before + list(range(count)) + [count - 1] * (
      wanted - count - before
    )


def batches(clips, count, **options):
  options = {"batch_size": 4, "frames": 8, "seed": 0, **options}
  found = sign_batches.train_batches(clips, **options)
  taken = [next(found) for _ in range(count)]
  found.close()
  return taken


def test_batches_are_functions_of_seed_and_step(folder, tmp_path):
  build(tmp_path)
  clips = opened(tmp_path, folder)
  whole = batches(clips, 3)
  assert whole[0]["video"].shape == (4, 8, 16, 16, 3) and whole[0]["video"].dtype == np.uint8
  assert whole[0]["keypoints"].shape == (4, 8, 133, 3)
  resumed = batches(clips, 1, start_step=2)[0]
  halves = [batches(clips, 1, start_step=2, shard_index=i, shard_count=2)[0] for i in (0, 1)]
  cached = opened(tmp_path, folder, cache=FeatureCache(2**30))
  for number in range(len(cached)):
    cached.read(number)
  copied = pickle.loads(pickle.dumps(clips))  # as worker processes get it
  for name in (*BOTH, "label"):
    np.testing.assert_array_equal(resumed[name], whole[2][name])
    np.testing.assert_array_equal(np.concatenate([x[name] for x in halves]), whole[2][name])
    for other in (cached, copied):
      np.testing.assert_array_equal(batches(other, 3)[2][name], whole[2][name])
  assert not np.array_equal(batches(clips, 1, seed=1)[0]["video"], whole[0]["video"])
  chosen = sign_batches.train_examples(clips, batch_size=4, seed=0, step=2)
  np.testing.assert_array_equal(clips.labels[chosen], whole[2]["label"])


def test_evaluation_reads_every_clip_once_for_each_crop(folder, tmp_path):
  build(tmp_path)
  clips = opened(tmp_path, folder, ("keypoints",))
  for crops in (1, 3):
    found = list(sign_batches.eval_batches(clips, batch_size=4, frames=8, crops=crops))
    mask = np.concatenate([batch["mask"] for batch in found])
    assert mask.sum() == 6 * crops and len(mask) % 4 == 0
    rows = np.concatenate([batch["keypoints"] for batch in found])[mask]
    for row, keypoints in enumerate(rows):
      whole = clips.read(row // crops)["keypoints"]
      start = 2 if crops == 1 else 2 * (row % 3)  # of 12 frames
      np.testing.assert_array_equal(keypoints, whole[start : start + 8])


def test_damage_is_named(folder, tmp_path):
  """Each record is read into a sentence that names the clip and its file."""
  short = tmp_path / "videos"
  tiny_signs.render(short, 2)
  videos.truncate(short / "0.mp4", 0.5)
  (short / "1.mp4").write_text("no video")
  changed = {
    "label": {"label": 3}, "frames": {"num_frames": 30, "end_frame": 30},
    "pose": {"num_frames": 11},
  }  # fmt: skip
  for name, change in changed.items():
    build(tmp_path / name, [tiny_signs.record(0, with_pose=True, **change)])
  build(tmp_path / "whole")
  with pytest.raises(UserError, match="clip 'clip_0' .* has the label 3, and the data set 3 class"):
    opened(tmp_path / "label", folder)
  with pytest.raises(UserError, match="'clip_0'.* cannot be read: .*0.mp4 "):
    opened(tmp_path / "frames", folder, ("video",)).read(0)
  with pytest.raises(UserError, match=r"'clip_0'.*0.mp4.* has 11 frames and keypoints"):
    opened(tmp_path / "pose", folder).read(0)
  clips = opened(tmp_path / "whole", short)
  for number, words in (("0", "0.mp4 "), ("1", "1.mp4 is no video"), ("2", "2.mp4 does not")):
    with pytest.raises(UserError, match=f"'clip_{number}'.* cannot be read: .*{words}"):
      clips.read(by_name(clips)[number])


def test_what_a_data_set_lacks_is_said(folder, tmp_path, signs_dir, data_dir):
  build(tmp_path, [tiny_signs.record(0)])
  with pytest.raises(UserError, match="has no keypoints.*model.modalities=video, or build"):
    opened(tmp_path, folder)
  with pytest.raises(UserError, match="--config.data.videos is missing"):
    opened(tmp_path, "", ("video",))
  with pytest.raises(UserError, match="set --config.data.size_stored=48"):
    SignClips("signing_sim/frames_tiny", "train", signs_dir, size=16)
  with pytest.raises(UserError, match="does not say which isolated signs it has"):
    SignClips("signing_sim/tiny", "train", data_dir)
  build(tmp_path / "names", isolated={"glosses": ["a"], "num_classes": 2})
  with pytest.raises(UserError, match="names 1 of 2 classes"):
    opened(tmp_path / "names", folder)
