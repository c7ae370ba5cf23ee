"""The configs with frames: pictures, cameras, classes and meanings."""

import numpy as np
import pytest

from data_builders.signing_sim import (
  camera,
  corpus,
  failures,
  film,
  filmed,
  lexicon,
  meanings,
  render,
)
from data_builders.signing_sim.rng import Random
from data_builders.signing_sim.signing_sim_dataset_builder import Builder


@pytest.fixture(scope="module")
def records():
  videos = corpus.videos(filmed.TINY)
  return [filmed.example(video, filmed.TINY) for video in videos["train"][:2]]


def test_a_record_holds_frames_beside_the_pose_and_no_features(records):
  for record in records:
    frames, size = record["num_frames"], filmed.SIZE
    assert record["frames"].shape == (frames, size, size, 3)
    assert record["frames"].dtype == np.uint8
    assert record["pose"].shape == (frames, 133, 3)
    assert not {"agnostic", "aware"} & set(record)


def test_pictures_are_nearly_those_of_the_large_renderer():
  points, _ = corpus.simulate(corpus.videos(filmed.TINY)["train"][0], filmed.TINY)
  points = points[::8]
  small = film.frames(points, 48).astype(float)
  other = render.frames(points, 48).astype(float)
  assert np.abs(small - other).mean() < 3
  shifted = np.abs(small - np.roll(other, 1, 2)).mean()
  assert np.abs(small - other).mean() < shifted / 2


def test_pictures_do_not_depend_on_the_other_frames():
  points, _ = corpus.simulate(corpus.videos(filmed.TINY)["train"][0], filmed.TINY)
  together = film.frames(points[:6], 48)
  apart = np.concatenate([film.frames(points[k:k + 1], 48) for k in range(6)])
  np.testing.assert_array_equal(together, apart)


def test_what_leaves_the_picture_is_not_drawn():
  points, _ = corpus.simulate(corpus.videos(filmed.TINY)["train"][0], filmed.TINY)
  away = points[:2] + [1000.0, 0.0]
  assert (film.frames(away, 48) == np.array(render.BACKGROUND)).all()


def test_every_video_has_a_camera_of_its_own_that_sees_the_signing_hand():
  videos = corpus.videos(filmed.TINY)["train"][:12]
  zooms = set()
  for video in videos:
    points, spans = corpus.simulate(video, filmed.TINY)
    seen = camera.place(points, Random(0, "camera", video.video_id))
    zooms.add(np.ptp(seen[0, 5:7, 0]) / np.ptp(points[0, 5:7, 0]))
    wrist = seen[spans[:, 0], 9 if video.signer.left_handed else 10]  # of the hand that signs
    assert (wrist >= 0).all() and (wrist < 256).all()
  assert len(zooms) == len(videos) and min(zooms) > 1 and max(zooms) < 1.5


def _cosines():
  rows = meanings.vectors(lexicon.GLOSSES)
  rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
  return rows @ rows.T


def test_related_lookalikes_mean_nearly_the_same_and_unrelated_ones_do_not():
  cosines, place = _cosines(), {name: k for k, name in enumerate(lexicon.GLOSSES)}
  for a, b, related in lexicon.lookalike_pairs(0.2):
    assert (cosines[place[a], place[b]] > 0.5) == related, (a, b)
  for name in lexicon.TWO_SIGNS:
    assert cosines[place[name], place[f"{name}-2"]] > 0.999


def test_metadata_list_classes_and_the_best_that_can_be_told_from_signs_alone():
  facts = filmed.metadata(filmed.TINY)
  known, vectors = facts["isolated"], np.array(facts["gloss_vectors"])
  assert known["num_classes"] == len(vectors) == len(known["glosses"])
  assert sorted([*known["glosses"], *known["left_out"]]) == sorted(lexicon.GLOSSES)
  assert set(lexicon.lookalikes()) < set(known["glosses"])
  for split, videos in corpus.videos(filmed.TINY).items():
    signs = [name for video in videos for name in video.glosses
             if name in known["glosses"]]
    assert known["listed"][split] == len(signs) and known["missing"][split] == 0
    lost = sum(min(signs.count(a), signs.count(b)) for a, b, _ in lexicon.lookalike_pairs())
    assert known["best_without_context"][split] == pytest.approx(
      100 * (1 - lost / len(signs)), abs=0.01)


def test_the_default_config_and_its_features_are_what_they_were():
  configs = {config.name: config for config in Builder.BUILDER_CONFIGS}
  assert Builder.DEFAULT_BUILDER_CONFIG_NAME == "small"
  assert [name for name, config in configs.items() if config.kind is filmed] == [
    "frames_tiny", "frames", "frames_study"]
  assert "isolated" not in corpus.metadata(corpus.TINY)


def test_arms_are_seen_elsewhere_in_about_half_of_the_frames_and_the_rest_is_not():
  points, _ = corpus.simulate(corpus.videos(filmed.TINY)["train"][0], filmed.TINY)
  changed = np.concatenate([
    (failures.mislead(points, Random(0, "failures", str(k))) != points).any(-1) for k in range(20)])
  assert not changed[:, 0:7].any() and not changed[:, 11:91].any()
  for joints in (np.r_[7, 9, 91:112], np.r_[8, 10, 112:133]):
    arm = changed[:, joints]
    assert 0.35 < arm.mean() < 0.65
    assert (arm.all(1) | ~arm.any(1)).all()  # an arm fails as a whole
    assert 3 < arm[:, 0].sum() / np.diff(arm[:, 0].astype(int)).clip(0).sum() < 6
