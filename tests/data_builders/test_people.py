"""One person is followed through a clip that shows several."""

import numpy as np
import pytest

from data_builders.attachments import people
from data_builders.attachments.people import People, follow

BODY = np.random.default_rng(0).uniform(-1, 1, (133, 2))
BODY[[0, 5, 6]] = [0, -1], [-1, 0], [1, 0]  # nose and shoulders


def somebody(x, y=300, size=50, confidence=0.8, mark=0):
  """(133, 3); joint 132, which is not seen, carries `mark`: which tells people apart here."""
  pose = np.concatenate([BODY * size + [x, y], np.full((133, 1), confidence)], axis=1)
  pose[132] = mark, 0, 0
  return pose


def clip(frames, ids=None):
  poses = [pose for frame in frames for pose in frame]
  keypoints = np.array(poses, np.float32).reshape(-1, 133, 3)
  return People(keypoints, np.array([len(frame) for frame in frames]), ids)


def marks(frames, ids=None):
  keypoints, several = follow(clip(frames, ids))
  assert keypoints.shape == (len(frames), 133, 3) and keypoints.dtype == np.float32
  return keypoints[:, 132, 0].tolist(), several.tolist()


def test_one_person_stays_as_it_is():
  alone = clip([[somebody(9)], [somebody(900, confidence=0)]])
  keypoints, several = follow(alone)
  assert keypoints is alone.keypoints and not several.any()


def test_two_who_change_their_order_from_frame_to_frame():
  def frame(t):
    both = [somebody(200 + t, mark=1, confidence=0.9), somebody(500 - t, mark=2)]
    return both if t % 2 else both[::-1]

  found, several = marks([frame(t) for t in range(40)])
  assert found == [1] * 40 and all(several)


def test_a_passer_by_who_is_larger_in_some_frames():
  frames = [
    [somebody(300, mark=1)] + ([somebody(30 * t, size=120, mark=2)] if 10 <= t < 20 else [])
    for t in range(60)
  ]
  found, several = marks(frames)
  assert found == [1] * 60 and sum(several) == 10


def test_a_signer_who_is_missing_beside_a_speaker():
  frames = [
    [somebody(800, size=40, mark=2)] + ([] if 20 <= t < 25 else [somebody(300, mark=1)])
    for t in range(60)
  ]
  found, several = marks(frames)
  assert found == [0 if 20 <= t < 25 else 1 for t in range(60)]
  assert several == [not 20 <= t < 25 for t in range(60)]


@pytest.mark.parametrize(("changes", "followed"), [
  ({"size": 80}, 2), ({"confidence": 0.95}, 2), ({"size": 45}, 1), ({"confidence": 0.7}, 1),
  ({}, 1),
])
def test_an_interpreter_next_to_a_speaker(changes, followed):
  """Larger or surer is followed; of equals, the first."""
  frames = [[somebody(300, mark=1), somebody(700, mark=2, **changes)] for _ in range(9)]
  assert marks(frames)[0] == [followed] * 9


def test_being_there_counts_too():
  frames = [[somebody(300, mark=1)] + [somebody(700, size=90, mark=2)] * (t < 4) for t in range(9)]
  assert marks(frames)[0] == [1] * 9


def test_a_person_who_is_found_twice_is_one():
  frames = [[somebody(300, mark=1), somebody(303, confidence=0.5, mark=2)] for _ in range(5)]
  assert marks(frames) == ([1] * 5, [False] * 5)


def test_nobody_and_people_without_confidences():
  nobody = np.zeros((133, 3))
  frames = [[], [nobody], [somebody(300, mark=1), nobody], [nobody, somebody(310, mark=1)]]
  assert marks(frames) == ([0, 0, 1, 1], [False] * 4)
  assert marks([[], []]) == ([0, 0], [False] * 2)


def test_a_cut_of_the_camera_is_followed():
  """Both people are elsewhere at once, and the larger of them is followed on."""
  frames = [[somebody(300, size=90, mark=1), somebody(700, mark=2)] for _ in range(5)]
  frames += [[somebody(1500, size=20, mark=3), somebody(1000, size=30, mark=4)] for _ in range(4)]
  assert marks(frames)[0] == [1] * 5 + [4] * 4
  assert marks(frames[::-1])[0] == [4] * 4 + [1] * 5


def test_hasty_moves_lose_nobody():
  """Random places in each frame, as nobody moves; beside them, somebody who stands still."""
  rng = np.random.default_rng(2)
  frames = [
    [somebody(*rng.uniform(300, 700, 2), mark=1), somebody(2000, size=9, mark=2)][:: (-1) ** t]
    for t in range(50)
  ]
  assert marks(frames)[0] == [1] * 50


def test_an_insert_of_somebody_else_is_not_beside_the_signer():
  frames = [[somebody(300, mark=1), somebody(700, size=30, mark=2)] for _ in range(20)]
  frames[5:8] = [[somebody(1500, size=200, mark=3)]] * 3  # fills the time: a cut
  frames[12:15] = [[somebody(700, size=30, mark=2)]] * 3  # was there before: the other one
  assert marks(frames)[0] == [1] * 5 + [3] * 3 + [1] * 4 + [0] * 3 + [1] * 5


def test_who_comes_long_after_is_somebody_else():
  frames = [[somebody(300, size=90, mark=1), somebody(700, mark=2)] for _ in range(5)]
  frames += [[]] * 5 + [[somebody(1500, mark=3)]] * 3
  assert marks(frames)[0] == [1] * 5 + [0] * 8


def test_numbers_of_the_estimator_are_used_where_everybody_has_one():
  frames = [[somebody(300 + 400 * (t % 2), mark=1, size=60), somebody(700 - 400 * (t % 2), mark=2)]
            for t in range(8)]  # fmt: skip
  assert marks(frames, np.array([7, 3] * 8))[0] == [1] * 8
  for ids in ([7, 3] * 7 + [7, -1], [7, 7] * 8):  # one without, two with the same
    assert marks(frames, np.array(ids))[0] == marks(frames)[0]


def test_head_and_shoulders_need_not_be_seen():
  def frame(t):
    both = somebody(300 + t, mark=1, size=60), somebody(700, mark=2)
    for pose in both:
      pose[[0, 5, 6], 2] = 0
    return both[:: 1 - 2 * (t % 2)]

  assert marks([frame(t) for t in range(10)])[0] == [1] * 10


def test_a_crowd_is_compared_in_part(monkeypatch):
  rng = np.random.default_rng(1)
  crowd = lambda: [somebody(*rng.uniform(0, 2000, 2), size=10, mark=2) for _ in range(200)]
  frames = [[*crowd(), somebody(300, size=80, mark=1)] for _ in range(5)]
  assert marks(frames)[0] == [1] * 5
  assert people.most_poses(0) == 40_000 and people.most_poses(10**8) == 2 * 10**6
