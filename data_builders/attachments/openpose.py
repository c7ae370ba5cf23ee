"""OpenPose's keypoints: a folder with one JSON file for each frame, `*_<frame>_keypoints.json`.

Each person has BODY_25, 70 points of the face and 21 of each hand, as lists of x, y, confidence.
Its hands are COCO-WholeBody's, and so are the first 68 points of its face; the other two are the
pupils. BODY_25's neck and middle of the hips are not in COCO-WholeBody.
"""

import json
import re

import numpy as np

from sign_jax.errors import UserError

MAX_BYTES = 4 << 20  # of one frame; a person takes about 5 kB
MAX_NUMBER = 1e9
_FRAME = re.compile(r"(?P<video>.*)_(?P<frame>\d{1,15})_keypoints\.json", re.DOTALL)
# COCO-WholeBody's joints 0 to 22 in BODY_25: nose, eyes, ears, shoulders, elbows, wrists, hips,
# knees, ankles (left before right), then big toe, small toe and heel of the left and right foot.
_BODY = (0, 16, 15, 18, 17, 5, 2, 6, 3, 7, 4, 12, 9, 13, 10, 14, 11, 19, 20, 21, 22, 23, 24)
# key: (points in the file, which of them are kept in which order)
PARTS = {
  "pose_keypoints_2d": (25, _BODY),
  "face_keypoints_2d": (70, range(68)),
  "hand_left_keypoints_2d": (21, range(21)),
  "hand_right_keypoints_2d": (21, range(21)),
}
_REMEDY = "get the folder anew"


def read(folder, max_frames):
  """Reads the frames of a clip; the person with the highest sum of confidences in each.

  Args:
    folder: pathlib.Path; other files in it are not looked at.
    max_frames: more are refused before any is read.

  Returns:
    (frames, 133, 3) float32, zeros where a frame shows nobody; and 0.0, for the frame rate is not
    in the files. OpenPose writes a file for every frame, so a number that is left out is damage.

  Raises:
    UserError: no frames, too many, one is missing, there twice, or damaged.
  """
  paths = _frames(folder)
  if len(paths) > max_frames:
    raise UserError(f"{folder} holds {len(paths)} frames, more than {max_frames}, cut the clip")
  return np.stack([_keypoints(path) for path in paths]), 0.0


def _frames(folder):
  """The files of a folder in the order of their frames, which need not begin at 0."""
  found = {}
  for path in sorted(folder.iterdir()):
    if match := _FRAME.fullmatch(path.name):
      other = found.setdefault(int(match["frame"]), path)
      if other is not path:
        raise UserError(f"{folder} holds a frame twice, {other.name} and {path.name}, remove one")
  if not found:
    raise UserError(f"{folder} holds no files *_<frame>_keypoints.json, {_REMEDY}")
  first, last = min(found), max(found)
  if last - first + 1 != len(found):
    missing = next(frame for frame in range(first, last) if frame not in found)
    raise UserError(f"{folder} has frames {first} to {last} but not frame {missing}, {_REMEDY}")
  return [found[frame] for frame in sorted(found)]


def _keypoints(path):
  """(133, 3) float32 of one frame."""
  people = _people(path)
  if not people:
    return np.zeros((sum(len(kept) for _, kept in PARTS.values()), 3), np.float32)
  found = [np.concatenate([_part(person, key, path) for key in PARTS]) for person in people]
  return max(found, key=lambda keypoints: float(keypoints[:, 2].sum()))


def _people(path):
  if path.stat().st_size > MAX_BYTES:
    raise UserError(f"{path} is larger than {MAX_BYTES} bytes, which no frame is, {_REMEDY}")
  try:
    people = json.loads(path.read_bytes())["people"]
  except (ValueError, TypeError, LookupError, RecursionError) as error:
    raise UserError(f"{path} is no complete file of keypoints, {_REMEDY}") from error
  if not isinstance(people, list) or not all(isinstance(person, dict) for person in people):
    raise UserError(f"{path} holds no list of people, {_REMEDY}")
  return people


def _part(person, key, path):
  """(kept points, 3) float32, zeros where the part was not estimated."""
  count, kept = PARTS[key]
  numbers = person.get(key, [])
  if numbers == []:
    return np.zeros((len(kept), 3), np.float32)
  if not isinstance(numbers, list) or len(numbers) != 3 * count:
    raise UserError(f"{path}: {key} is no list of {3 * count} numbers, {_REMEDY}")
  # NaN compares false; a whole number may be larger than any float.
  if not all(type(number) in (int, float) and abs(number) < MAX_NUMBER for number in numbers):
    raise UserError(f"{path}: {key} holds something else than finite numbers, {_REMEDY}")
  return np.array(numbers, np.float32).reshape(count, 3)[list(kept)]
