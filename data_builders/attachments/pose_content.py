"""Keypoints in the plain data of a pickle, in the layouts that scripts of estimators write.

All hold COCO-WholeBody's 133 keypoints. A clip is

  an array (frames, 133, 3) or (frames, people, 133, 3), alone or under 'keypoints';
  the same with (..., 133, 2), and confidences (..., 133) under 'scores', 'keypoint_scores' and
    the like; 'keypoint' and 'keypoint_score' are (people, frames, ...), as MMAction2 has them;
  a dict with lists of such arrays, one for each frame: (people, 133, 2) or (133, 2);
  a list of frames, perhaps under 'predictions', 'instance_info' or 'frames', or a dict of frames
    by their numbers. A frame is an array, a pair of keypoints and scores (rtmlib), a dict of both,
    a dict with 'instances' (MMPose), or a list of dicts, one for each person;
  a list of people that each name their picture, 'image_id' (AlphaPose).

Lists may stand for arrays everywhere. Other keys are not looked at.
"""

from typing import NamedTuple

import numpy as np

from data_builders.attachments import layouts, plain_lists, stated_size
from data_builders.attachments.people import MAX_PEOPLE, People
from data_builders.attachments.plain_lists import Unreadable
from data_builders.corpus.clips import shown

_KEYPOINTS = ("keypoints", "keypoint", "keypoints_2d")
_SCORES = (
  "scores", "keypoint_scores", "keypoint_score", "keypoints_scores", "keypoints_score",
  "confidences", "confidence", "conf", "score",
)  # fmt: skip
_FRAMES = ("predictions", "instance_info", "frames", "results")
LAYOUT_KEYS = frozenset(_KEYPOINTS + _FRAMES)  # a dict with one of them holds a clip
_PEOPLE = ("instances", "pred_instances", "predictions", "people", "persons")
_IDS = ("track_id", "person_id", "tracking_id", "idx")
_PICTURE = ("image_id", "frame_id", "frame_idx", "frame")
_PEOPLE_FIRST = "keypoint"  # MMAction2's axes
_VISITS = 10  # lists and dicts for each pose


class Content(NamedTuple):
  """What a file holds.

  Attributes:
    people: `People`.
    size: (width, height) of the pictures, as the file states them; or None.
    fps: frames per second, 0.0 where the file does not say.
    unsure: whether there are no confidences: keypoints at (0, 0) then have confidence 0, all others
      1.
  """

  people: People
  size: tuple | None = None
  fps: float = 0.0
  unsure: bool = False


def parse(content, most):
  """Finds the keypoints in plain data, see the top of this file.

  Args:
    content: what a pickle holds.
    most: how many poses it may hold, all frames and people together.

  Returns:
    `Content`.

  Raises:
    Unreadable, stated_size.Differs: another layout, another estimator's keypoints, too many.
  """
  top = content
  if isinstance(content, dict) and not plain_lists.key_of(content, _KEYPOINTS):
    content = plain_lists.get(content, _FRAMES, content)
  if isinstance(content, np.ndarray) and not content.dtype.hasobject:
    content = {"keypoints": content}
  frames = ()
  if isinstance(content, dict) and (key := plain_lists.key_of(content, _KEYPOINTS)):
    keypoints, scores = content[key], plain_lists.get(content, _SCORES)
    if plain_lists.is_plain(keypoints) and (scores is None or plain_lists.is_plain(scores)):
      people, unsure = _of_arrays(keypoints, scores, key == _PEOPLE_FIRST, most)
    else:
      people, unsure = _of_frames(_columns(keypoints, scores, most), most)
  else:
    frames = _frames(content, most)
    people, unsure = _of_frames(frames, most)
  if not len(people.counts):
    raise Unreadable("holds no frames")
  size = stated_size.find([top, content, *frames])
  return Content(people, size, stated_size.rate(top), unsure)


def _of_arrays(keypoints, scores, is_people_first, most):
  """`People` of arrays (frames, [people,] 133, 2 or 3), and whether they lack confidences."""
  shape = keypoints.shape
  if keypoints.ndim not in (3, 4):
    raise Unreadable(
      f"holds keypoints of shape {shape}, they must be (frames, {layouts.JOINTS}, 3) or "
      f"(frames, people, {layouts.JOINTS}, 3)"
    )
  if scores is not None and scores.shape not in (shape[:-1], (*shape[:-1], 1)):
    if scores.size != shape[0]:  # of whole people
      raise Unreadable(f"holds keypoints of shape {shape}, and scores of shape {scores.shape}")
    scores = None
  if keypoints.ndim == 4 and is_people_first:
    keypoints = keypoints.swapaxes(0, 1)
    scores = scores if scores is None else scores.swapaxes(0, 1)
  frames, people = len(keypoints), keypoints.shape[1] if keypoints.ndim == 4 else 1
  _check_frames(frames, most)
  _check_counts(people, frames * people, most)
  counts = np.full(frames, people)
  if scores is not None:
    scores = scores.reshape(-1, shape[-2])
  found, unsure = _joined(keypoints.reshape(-1, *shape[-2:]), scores)
  return People(found, counts), unsure


def _of_frames(frames, most):
  """`People` of a list of frames in any layout, and whether one of them lacks confidences."""
  walk = _Walk(_VISITS * most)
  found, counts, ids, unsure = [], [], [], False
  for frame in frames:
    before = len(found)
    for keypoints, scores, number in walk.people(frame):
      pose, is_unsure = _joined(keypoints[None], None if scores is None else scores[None])
      found.append(pose)
      ids.append(number)
      unsure |= is_unsure
      _check_counts(len(found) - before, len(found), most)
    counts.append(len(found) - before)
  keypoints = np.concatenate(found) if found else np.zeros((0, layouts.JOINTS, 3), np.float32)
  return People(keypoints, np.array(counts, int), np.array(ids, int)), unsure


def _check_frames(count, most):
  if count > most:
    raise Unreadable(f"holds {count} frames, far more than its size warrants")


def _check_counts(of_frame, in_all, most):
  if of_frame > MAX_PEOPLE:
    raise Unreadable(f"has more than {MAX_PEOPLE} people in a frame, which no picture shows")
  if in_all > most:
    raise Unreadable(f"holds more than {most} poses, far more than its size warrants")


def _joined(keypoints, scores):
  """Keypoints (n, 133, 2 or 3) with confidences, float32, and whether they lacked them.

  scores: (n, 133), or None.
  """
  count, columns = keypoints.shape[1:]
  if count != layouts.JOINTS:
    raise Unreadable(f"holds {layouts.named(count)} of a person, {layouts.NEEDED}")
  if columns not in (2, 3):
    raise Unreadable(
      f"holds keypoints of {columns} numbers each, they must be x, y and a confidence"
    )
  if scores is None and columns == 3 and keypoints.dtype.kind != "f":
    raise Unreadable("holds whole numbers only, in which confidences are lost")
  pose = np.empty((len(keypoints), count, 3), np.float32)
  with np.errstate(over="ignore"):
    pose[..., :2] = keypoints[..., :2]
    if scores is not None or columns == 3:
      pose[..., 2] = keypoints[..., 2] if scores is None else scores
  nowhere = np.isnan(pose[..., :2]).any(-1)
  unsure = scores is None and columns == 2
  if unsure:
    missing = nowhere | ~pose[..., :2].any(-1)
    pose[..., 2] = ~missing
  else:
    missing = nowhere & (pose[..., 2] <= 0)
  pose[missing] = 0
  return pose, unsure


def _frames(content, most):
  """The frames, in order, of a list or of a dict by their numbers."""
  if isinstance(content, dict):
    _check_frames(len(content), most)
    if not content or not all(plain_lists.frame_number(key) is not None for key in content):
      names = ", ".join(shown(str(key)) for key in list(content)[:5]) or "nothing"
      raise Unreadable(f"holds no 'keypoints' and no frames, only {names}")
    return _in_order(content.items())
  entries = _listed(content, "keypoints", most)
  pictures = [plain_lists.get(x, _PICTURE) if isinstance(x, dict) else None for x in entries]
  if entries and all(plain_lists.frame_number(picture) is not None for picture in pictures):
    return _in_order(zip(pictures, entries, strict=True))
  return entries


def _in_order(named):
  """[frame] of pairs of a frame's name or number and what it holds, perhaps several of each."""
  found = {}
  for name, entry in named:
    found.setdefault(plain_lists.frame_number(name), []).append(entry)
  first, last = min(found), max(found)
  if last - first + 1 != len(found):
    missing = next(number for number in range(first, last) if number not in found)
    raise Unreadable(
      f"has frames {first} to {last} but not frame {missing}, which needs an empty list of people"
    )
  entries = (found[number] for number in sorted(found))
  return [entry[0] if len(entry) == 1 else entry for entry in entries]


def _listed(value, name, most):
  """The list of what a list or array holds for each frame."""
  if not plain_lists.has_members(value):
    raise Unreadable(f"holds no {name} but a {type(value).__name__}")
  _check_frames(len(value), most)  # an array without numbers can have any length
  return plain_lists.listed(value)


def _columns(keypoints, scores, most):
  """Frames of a list of their keypoints and one of their scores."""
  keypoints = _listed(keypoints, "keypoints", most)
  if scores is None or plain_lists.depth(scores) == 0:
    return [{"keypoints": x} for x in keypoints]
  scores = _listed(scores, "scores", most)
  if len(scores) != len(keypoints):
    raise Unreadable(f"holds keypoints of {len(keypoints)} frames, and scores of {len(scores)}")
  return [{"keypoints": x, "scores": y} for x, y in zip(keypoints, scores, strict=True)]


class _Walk:
  """Finds the people of frames; parts that hold each other many times end it."""

  def __init__(self, visits):
    self._left = visits

  def people(self, frame, depth=0):
    """Yields (keypoints (n, 2 or 3), scores (n,) or None, number or -1) of each person."""
    self._left -= 1
    if self._left < 0 or depth > plain_lists.DEEPEST:
      raise Unreadable("holds far more lists than its size warrants")
    if frame is None:
      return
    if isinstance(frame, dict):
      yield from self._of_dict(frame, depth + 1)
    elif plain_lists.is_pair(frame):
      yield from _persons(*frame, None)
    elif plain_lists.holds_dicts(frame):
      _check_counts(len(frame), 0, 0)
      for person in frame:
        yield from self.people(person, depth + 1)
    else:
      yield from _persons(frame, None, None)

  def _of_dict(self, frame, depth):
    if key := plain_lists.key_of(frame, _KEYPOINTS):
      yield from _persons(frame[key], plain_lists.get(frame, _SCORES), plain_lists.get(frame, _IDS))
    elif key := plain_lists.key_of(frame, _PEOPLE):
      yield from self.people(frame[key], depth)
    elif frame:
      names = ", ".join(shown(str(key)) for key in list(frame)[:5])
      raise Unreadable(f"has a frame without 'keypoints', only with {names}")


def _persons(keypoints, scores, ids):
  """As `_Walk.people`, of the keypoints of one person or of several."""
  depth = plain_lists.depth(keypoints)
  if depth > 2:
    _check_counts(len(keypoints), 0, 0)
  people = plain_lists.listed(keypoints) if depth > 2 else [] if keypoints is None else [keypoints]
  scores = _scores(scores, people, depth)
  if not (isinstance(ids, list | tuple | np.ndarray) and len(ids) == len(people)):
    ids = [ids if len(people) == 1 else None] * len(people)
  for person, score, number in zip(people, scores, ids, strict=True):
    points = _points(plain_lists.numbers(person))
    if not points.size:
      continue
    score = None if score is None else plain_lists.numbers(score).ravel()
    if score is not None and score.size != len(points):
      if score.size > 1:  # one is of the whole person
        raise Unreadable(f"holds {len(points)} keypoints of a person and {score.size} scores")
      score = None
    if isinstance(number, list) and len(number) == 1:
      (number,) = number
    number = plain_lists.frame_number(number)
    yield points, score, -1 if number is None else number


def _points(numbers):
  """(n, 2 or 3) of an array that may hold x, y and confidence in turn, as COCO's files do."""
  if numbers.ndim == 2:
    return numbers
  columns = 2 if numbers.size == 2 * layouts.JOINTS else 3
  if numbers.size % columns:
    raise Unreadable(f"holds {numbers.size} numbers for a person, {layouts.NEEDED}")
  return numbers.reshape(-1, columns)


def _scores(scores, people, depth):
  """Scores, or None, of each of some people, whose keypoints have `depth` axes."""
  if scores is None or plain_lists.depth(scores) == 0:
    return [None] * len(people)
  if depth < 3:
    return [scores] * len(people)
  if len(scores) != len(people):
    raise Unreadable(f"holds keypoints of {len(people)} people and scores of {len(scores)}")
  return plain_lists.listed(scores)
