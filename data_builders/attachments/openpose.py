"""OpenPose's keypoints: a folder with one JSON file for each frame, `*_<frame>_keypoints.json`.

Each person has BODY_25, 70 points of the face and 21 of each hand, as lists of x, y, confidence.
Its hands are COCO-WholeBody's, and so are the first 68 points of its face; the other two are the
pupils. BODY_25's neck and middle of the hips are not in COCO-WholeBody.

pose-format 0.15 reads such folders too, but puts the hands in the place of a face that was not
estimated, and reads a frame that is missing as one without people.
"""

import re

import numpy as np

from data_builders.attachments import locate
from data_builders.attachments.people import MAX_PEOPLE, People
from data_builders.attachments.pose_content import Content
from sign_jax.errors import UserError
from sign_jax.untrusted import budget

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
_REMEDY = "copy the folder again or estimate the pose anew"


def read(folder, max_frames):
  """Reads the frames of a clip.

  Args:
    folder: pathlib.Path; other files in it are not looked at.
    max_frames: more are refused before any is read.

  Returns:
    `Content`; the files hold neither the pictures' size nor their rate. OpenPose writes a file for
    every frame, so a number that is left out is damage.

  Raises:
    UserError: no frames, too many, one is missing, there twice, or damaged.
  """
  keypoints, counts, ids = [], [], []
  for path in _frames(folder, max_frames):
    before = len(keypoints)
    for person in _people(path):
      if not any(person.get(key) for key in PARTS):
        continue
      pose = np.concatenate([_part(person, key, path) for key in PARTS])
      if pose[:, 2].any():  # else it takes no bytes in the file, but memory here
        keypoints.append(pose)
        ids.append(_id(person))
    counts.append(len(keypoints) - before)
  joints = sum(len(kept) for _, kept in PARTS.values())
  found = np.stack(keypoints) if keypoints else np.zeros((0, joints, 3), np.float32)
  return Content(People(found, np.array(counts), np.array(ids, int)))


def _frames(folder, max_frames):
  """The files of a folder in the order of their frames, which need not begin at 0."""
  found = {}
  for name in locate.names(folder, max_frames):
    if match := _FRAME.fullmatch(name):
      other = found.setdefault(int(match["frame"]), name)
      if other is not name:
        raise UserError(f"{folder} holds a frame twice, {other} and {name}, remove one")
  if not found:
    raise UserError(f"{folder} holds no files *_<frame>_keypoints.json, {_REMEDY}")
  if len(found) > max_frames:
    raise UserError(f"{folder} holds {len(found)} frames, more than {max_frames}, cut the clip")
  first, last = min(found), max(found)
  if last - first + 1 != len(found):
    missing = next(frame for frame in range(first, last) if frame not in found)
    raise UserError(f"{folder} has frames {first} to {last} but not frame {missing}, {_REMEDY}")
  return [folder / found[frame] for frame in sorted(found)]


def _people(path):
  if not path.is_file():
    raise UserError(f"{path} is no file, {_REMEDY}")
  try:
    people = budget.read_json(path, MAX_BYTES)["people"]
  except budget.Exceeded as error:
    raise UserError(f"{path} is no frame of a video, as {error}, {_REMEDY}") from error
  except (ValueError, TypeError, LookupError) as error:
    raise UserError(f"{path} is no complete file of keypoints, {_REMEDY}") from error
  if not isinstance(people, list) or not all(isinstance(person, dict) for person in people):
    raise UserError(f"{path} holds no list of people, {_REMEDY}")
  if len(people) > MAX_PEOPLE:
    raise UserError(f"{path} holds {len(people)} people, which no picture shows, {_REMEDY}")
  return people


def _id(person):
  """OpenPose's own number of a person, -1 where it has given none."""
  number = person.get("person_id")
  if isinstance(number, list) and len(number) == 1:
    (number,) = number
  return number if type(number) is int and 0 <= number < MAX_NUMBER else -1


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
