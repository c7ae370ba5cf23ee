"""Motion, poses, spans and signers."""

import dataclasses

import numpy as np
import pytest

from data_builders.signing_sim import corpus, motion, observe, phonology, signers, skeleton
from data_builders.signing_sim.exact import sincos
from data_builders.signing_sim.rng import Random


@pytest.fixture
def person():
  return signers.signer(0, 0)


def test_sincos_is_accurate():
  angle = np.linspace(-20, 20, 10001)
  np.testing.assert_allclose(sincos(angle), (np.sin(angle), np.cos(angle)), atol=1e-12)


def test_random_numbers_are_uniform_normal_and_named():
  x = Random(0, "a").normal((20000,))
  u = Random(0, "a").uniform(shape=(20000,))
  assert abs(x.mean()) < 0.03 and abs(x.std() - 1) < 0.03 and abs(u.mean() - 0.5) < 0.02
  assert Random(0, "a").uniform() != Random(0, "b").uniform() != Random(1, "b").uniform()
  assert sorted(Random(0, "c").shuffled(range(50))) == list(range(50))


def test_spans_are_ordered_disjoint_and_inside(examples):
  for video, record in examples["train"]:
    spans = record["gloss_spans"]
    assert spans.dtype == np.int32 and spans.shape == (len(video.glosses), 2)
    assert record["glosses"].split() == list(video.glosses)
    assert spans[0, 0] > 0 and spans[-1, 1] < record["num_frames"] - 1
    assert np.all(spans[:, 0] < spans[:, 1]) and np.all(spans[:-1, 1] < spans[1:, 0])


def test_lengths_are_those_of_short_sentences(examples):
  frames = np.array([record["num_frames"] for _, record in examples["train"]])
  assert 50 < frames.mean() < 80 and frames.min() >= 25 and frames.max() <= 120


def test_the_hands_rest_outside_the_spans_and_sign_inside(examples):
  for video, record in examples["test"][:20]:
    points, spans = corpus.simulate(video, corpus.SMALL)
    wrist = points[:, 9 if video.signer.left_handed else 10, 1]
    assert wrist[0] > points[0, 7:9, 1].max()  # below the elbows
    assert wrist[spans[0, 0]:spans[-1, 1]].mean() < wrist[0] - 20
    assert len(points) == record["num_frames"]


def test_motion_is_smooth(examples):
  """No jumps between two frames: wrists by a shoulder width, fingertips by a hand more."""
  for video, _ in examples["train"][:100]:
    points, _ = corpus.simulate(video, corpus.SMALL)
    step = np.linalg.norm(np.diff(points, axis=0), axis=-1) / video.signer.shoulder
    assert step[:, 9:11].max() < 1 and step[:, 91:].max() < 1.6


def test_neighbours_colour_a_sign(person):
  forms = phonology.forms()

  def middle(first, sign):
    track, spans = motion.utterance([forms[first], forms[sign]], person, Random(0, "x"))
    return track[spans[1, 0]]
  assert not np.allclose(middle("KEY", "RAIN"), middle("BOOK", "RAIN"))


def test_bones_keep_their_length(person):
  form = dataclasses.replace(phonology.forms()["KEY"], handshape="flat", orientation="up_away")
  points = skeleton.keypoints(motion.sign(form, 8), person)
  size = np.linalg.norm(points[:, 112 + 9] - points[:, 112], axis=-1) / person.shoulder
  np.testing.assert_allclose(size, 0.31 * person.hand, atol=0.02)


def test_a_left_handed_signer_is_the_mirror_image(person):
  person = dataclasses.replace(person, centre=(128.0, 100.0))
  track = np.stack([motion.RESTING, *motion.sign(phonology.forms()["KEY"], 5)])
  track[:, -3:] = 0  # the head's turn is not mirrored
  right = skeleton.keypoints(track, person)
  left = skeleton.keypoints(track, dataclasses.replace(person, left_handed=True))
  mirrored = right * [-1, 1] + [256, 0]
  np.testing.assert_allclose(left[:, skeleton.LEFT_HAND], mirrored[:, skeleton.RIGHT_HAND])
  np.testing.assert_allclose(left[:, [7, 9, 8, 10]], mirrored[:, [8, 10, 7, 9]])
  assert right[-1, 10, 0] < right[-1, 9, 0]  # the right hand is on the left of the picture


def test_signers_differ_in_body_speed_amplitude_hand_and_tremor():
  people = [signers.signer(0, k) for k in range(12)]
  for name in ("shoulder", "arm", "hand", "head", "centre", "speed", "amplitude", "habit",
               "tremor"):
    assert len({getattr(person, name) for person in people}) == 12, name
  assert 0 < sum(person.left_handed for person in people) < 6


def test_a_faster_signer_needs_fewer_frames_and_amplitude_moves_the_hand_farther(person):
  form = next(f for f in phonology.forms().values() if f.path == "straight")
  forms = [form] * 5
  fast, slow = (dataclasses.replace(person, speed=speed) for speed in (1.15, 0.88))
  length = [len(motion.utterance(forms, who, Random(0, "x"))[0]) for who in (fast, slow)]
  assert length[0] < length[1]
  travel = [np.ptp(skeleton.keypoints(motion.sign(form, 9), dataclasses.replace(
    person, amplitude=amplitude))[:, 10], axis=0).max() for amplitude in (0.8, 1.2)]
  assert travel[0] < travel[1]


def test_poses_are_noisy_estimates_with_confidence(examples):
  errors, dropped = [], []
  for video, record in examples["test"][:20]:
    pose = record["pose"]
    assert pose.dtype == np.float16 and pose.shape == (record["num_frames"], 133, 3)
    confidence = pose[..., 2]
    assert confidence.min() >= 0 and confidence.max() <= 1
    points, _ = corpus.simulate(video, corpus.SMALL)
    inside = np.all((points > 2) & (points < skeleton.CANVAS - 2), -1)
    found = confidence >= observe.DROPPED
    assert not np.any(found[:, 13:23])  # knees and feet are outside the picture
    error = np.linalg.norm(pose[..., :2].astype(np.float64) - points, axis=-1)
    errors.append((error[inside & found].mean(), error[inside & ~found].mean()))
    dropped.append(np.mean(~found[inside]))
  near, far = np.mean(errors, 0)
  assert 0.3 < near < 1.5 and far > 5 * near
  assert 0.01 < np.mean(dropped) < 0.1


def test_whole_hands_are_lost_at_times(examples):
  lost = [np.all(record["pose"][:, hand, 2] < observe.DROPPED, -1).mean()
          for _, record in examples["train"][:60]
          for hand in (skeleton.LEFT_HAND, skeleton.RIGHT_HAND)]
  assert 0.01 < np.mean(lost) < 0.2


def test_a_video_does_not_depend_on_the_others(videos, examples):
  video, record = examples["train"][7]
  again = corpus.example(video, corpus.SMALL)
  assert all(np.array_equal(record[name], again[name]) for name in record)
