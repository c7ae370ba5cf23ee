"""Boxes about hands: from their keypoints, from forearms, and as the released code rounds them."""

import pathlib

import numpy as np
import pytest

from sign_jax.data import hand_boxes, pose
from tests.data.test_pose import GRID, HEIGHT, LEFT, RIGHT, WIDTH, hide, person

SIZE = np.float64([WIDTH, HEIGHT])
GOLDEN = pathlib.Path(__file__).parent.parent / "golden/e2e/seds_pose_how2sign.npz"
ROUNDING = 1e-5 * pose.SIZE  # px of the 256


@pytest.mark.parametrize(
  ("corner", "expected"),
  [((0, 200), (0, 166)), ((600, 200), (552, 166)), ((200, 0), (176, 0)), ((200, 460), (176, 392))],
)
def test_a_box_is_moved_inside_the_image(corner, expected):
  found, side, usable = hand_boxes.find(person(1, right=corner), SIZE)
  np.testing.assert_array_equal(found[0, 1], expected)
  assert (side[0, 1] == 88).all() and usable.all()


def test_a_box_larger_than_the_image_begins_at_its_corner():
  keypoints = person(1)
  keypoints[:, RIGHT, :2] = GRID * (15, 20)
  corner, side, _ = hand_boxes.find(keypoints, SIZE)
  np.testing.assert_array_equal(corner[0, 1], (0, 0))
  assert (side[0, 1] == 1320).all()


def test_only_visible_keypoints_make_the_box():
  keypoints = person(1)
  keypoints[0, RIGHT[20], :2] = (620, 20)
  before = hand_boxes.find(keypoints, SIZE).sides[0, 1, 0]
  hide(keypoints, 0, RIGHT[20:], hand_boxes.VISIBLE)  # above, not at
  assert before > 800 and hand_boxes.find(keypoints, SIZE).sides[0, 1, 0] == 88


@pytest.mark.parametrize("rule", hand_boxes.RULES)
def test_a_hand_in_one_point_has_a_box_of_a_pixel(rule):
  keypoints = person(16)
  keypoints[:, RIGHT, :2] = (200, 200)
  assert (hand_boxes.find(keypoints, SIZE, rule=rule).sides[0, 1] == 1).all()
  found = pose.prepare(keypoints, (WIDTH, HEIGHT), "a.pkl", rule=rule)
  assert np.isfinite(found.right).all()


@pytest.mark.parametrize(("visible", "side"), [(10, 88), (9, 1.1 * 0.9 * np.hypot(40, 100))])
def test_ten_keypoints_make_a_hand_and_nine_its_forearm(visible, side):
  """With nine, the upper arm's 107.7 px count more than the forearm's 40."""
  keypoints = hide(person(1), 0, RIGHT[visible:])
  corner, sides, usable = hand_boxes.find(keypoints, SIZE)
  assert usable[0, 1]
  np.testing.assert_allclose(sides[0, 1], side)
  if visible == 9:  # the wrist (220, 210) and a third of (0, -40) beyond
    np.testing.assert_allclose(corner[0, 1] + side / 2, (220, 210 - 0.33 * 40))


def test_a_long_forearm_makes_the_box():
  keypoints = hide(person(1), 0, RIGHT)
  keypoints[0, 10, :2] = (20, 250)
  corner, side, _ = hand_boxes.find(keypoints, SIZE)
  np.testing.assert_allclose(side[0, 1], 1.1 * 200)
  # About (-46, 250): it is not moved inside.
  np.testing.assert_allclose(corner[0, 1], (-46 - 110, 250 - 110))


@pytest.mark.parametrize("joint", [6, 8, 10])
def test_a_forearm_needs_all_its_joints(joint):
  keypoints = hide(person(1), 0, RIGHT)
  assert hand_boxes.find(hide(keypoints, 0, [joint], 0.51), SIZE)[2][0, 1]
  assert not hand_boxes.find(hide(keypoints, 0, [joint], 0.5), SIZE)[2][0, 1]


@pytest.mark.parametrize(("y", "usable"), [(430, True), (430.5, False), (500, False)])
def test_a_forearm_that_ends_at_the_bottom_has_no_hand(y, usable):
  keypoints = hide(person(1), 0, RIGHT)
  keypoints[0, 10, 1] = y
  assert hand_boxes.find(keypoints, SIZE)[2][0, 1] == usable


def test_the_bottom_does_not_matter_to_a_visible_hand():
  keypoints = person(1)
  keypoints[0, 10, 1] = 479
  assert hand_boxes.find(keypoints, SIZE)[2].all()


def test_without_the_rule_a_forearm_may_end_anywhere():
  keypoints = hide(person(2), [0, 1], RIGHT)
  keypoints[:, 10, 1] = 470, 520
  assert not hand_boxes.find(keypoints, SIZE).usable[:, 1].any()
  found = hand_boxes.find(keypoints, SIZE, bottom=0)
  assert found.usable[:, 1].all() and found.usable[:, 0].all()
  kept = pose.prepare(hide(keypoints, [0, 1], LEFT), SIZE, "a.pkl", bottom=0)
  np.testing.assert_array_equal(kept.frames[:2], [0, 1])


def golden():
  """The keypoints (40, 133, 3) of the golden file, and what the released loader makes of them."""
  stored = dict(np.load(GOLDEN))
  keypoints = np.zeros((40, pose.KEYPOINTS, 3), np.float32)
  keypoints[:, [*range(11), *range(91, 133)]] = stored.pop("keypoints")
  return keypoints, tuple(stored.pop("image_size")), stored


def test_released_boxes_give_the_golden_numbers():
  keypoints, size, expected = golden()
  found = pose.prepare(keypoints, size, "golden", rule="released")
  for name in ("left", "right", "body"):
    np.testing.assert_allclose(getattr(found, name), expected[name], rtol=0, atol=ROUNDING)
  np.testing.assert_array_equal(found.clips_start, expected["clips_start"])
  np.testing.assert_array_equal(found.frames, np.arange(40))


def test_exact_boxes_differ_from_the_golden_numbers_by_their_rounding():
  keypoints, size, expected = golden()
  found = pose.prepare(keypoints, size, "golden")
  np.testing.assert_array_equal(found.clips_start, expected["clips_start"])
  np.testing.assert_allclose(found.body, expected["body"], rtol=0, atol=ROUNDING)
  for name in ("left", "right"):
    difference = np.abs(getattr(found, name) - expected[name])
    assert 0.4 < difference.mean() < 0.9 and 1 < difference.max() < 2
    np.testing.assert_array_equal(getattr(found, name) == 0, expected[name] == 0)


def released_hand(hand, arm, size, bottom):
  """One hand of one frame, step by step: (21, 2) in its box, None where it is not usable.

  Args:
    hand, arm: (21, 3) and (3, 3) float32.
    size: (width, height).
    bottom: px, 0 is no rule.
  """
  shown = [point for point in hand if point[2] > 0.1]
  if len(shown) >= 10:
    xs, ys = [p[0] for p in shown], [p[1] for p in shown]
    side = round(float(np.float32(2.2) * max(max(xs) - min(xs), max(ys) - min(ys))))
    middle = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
    corner = [
      min(max(x - side / 2, 0), max(most - side, 0)) for x, most in zip(middle, size, strict=True)
    ]
  elif min(arm[:, 2]) > 0.5 and (not bottom or size[1] - arm[2, 1] >= bottom):
    shoulder, elbow, wrist = arm[:, :2]
    side = 1.1 * max(np.hypot(*(wrist - elbow)), 0.9 * np.hypot(*(elbow - shoulder)))
    corner = wrist + 0.33 * (wrist - elbow) - side / 2
  else:
    return None
  points = []
  for x, y, confidence in hand:
    point = []
    for place, low, most in zip((x, y), corner, size, strict=True):
      low = round(float(low))
      low, high = (min(max(edge, 0), most) for edge in (low, low + round(float(side))))
      point.append((place - low) * 256 / max(high - low, 1))
    points.append(point if confidence >= 0.4 else (0, 0))
  return np.array(points)


def walk(seed, size):
  """(60, 133, 3) float32 keypoints of somebody who walks about, hands open, closed and unseen."""
  rng = np.random.default_rng(seed)
  keypoints = np.zeros((60, 133, 3))
  for joints in (np.arange(11), LEFT, RIGHT):
    middle = rng.uniform(-0.05, 1.05, (60, 1, 2)) * size
    spread = rng.choice([0.02, 0.1, 0.4], (60, 1, 1)) * min(size)
    keypoints[:, joints, :2] = middle + rng.normal(size=(60, len(joints), 2)) * spread
    surest = rng.choice([0.15, 0.7, 1.2], (60, 1))
    keypoints[:, joints, 2] = rng.uniform(0, surest, (60, len(joints)))
  return keypoints.astype(np.float32)


@pytest.mark.parametrize("bottom", [0, 50])
@pytest.mark.parametrize(("seed", "size"), [(0, (256, 256)), (1, (210, 260)), (2, (1280, 720))])
def test_released_boxes_are_those_of_a_step_by_step_reference(seed, size, bottom):
  keypoints = walk(seed, size)
  found = pose.prepare(keypoints, size, "a.pkl", bottom=bottom, rule="released")
  expected = [
    [released_hand(frame[joints], frame[arm], size, bottom)
     for joints, arm in zip((LEFT, RIGHT), hand_boxes.ARMS, strict=True)]
    for frame in keypoints
  ]  # fmt: skip
  kept = [i for i, hands in enumerate(expected) if any(hand is not None for hand in hands)]
  np.testing.assert_array_equal(found.frames, kept)
  assert 20 < len(kept) < 60
  for i, frame in enumerate(kept):
    left, right = (np.zeros((21, 2)) if hand is None else hand for hand in expected[frame])
    sure = keypoints[frame, LEFT, 2] >= 0.4
    if expected[frame][0] is not None:
      left[sure, 0] = 256 - left[sure, 0]
    scale = max(1, np.abs(left).max() / 256, np.abs(right).max() / 256)
    np.testing.assert_allclose(found.left[i], left, rtol=0, atol=ROUNDING * scale)
    np.testing.assert_allclose(found.right[i], right, rtol=0, atol=ROUNDING * scale)


def test_released_boxes_end_where_the_picture_does():
  keypoints = person(1)
  keypoints[:, RIGHT, :2] = GRID * (15, 20)  # 600 x 400: a box of 1320
  keypoints[:, 9, :2] = (20, 250)
  found = hand_boxes.find(hide(keypoints, 0, LEFT), SIZE, rule="released")
  np.testing.assert_array_equal(found.corner[0, 1], (0, 0))
  np.testing.assert_array_equal(found.sides[0, 1], (640, 480))
  assert (found.corner[0] >= 0).all() and (found.corner[0] + found.sides[0] <= SIZE).all()
  assert (found.corner % 1 == 0).all() and (found.sides % 1 == 0).all()
