"""`.pose` files with MediaPipe Holistic's keypoints, read with the library pose-format."""

import math
import struct

import numpy as np

from data_builders.attachments import layouts, stated_size
from data_builders.attachments.people import MAX_PEOPLE, People, most_poses
from data_builders.attachments.pose_content import Content
from data_builders.corpus.clips import shown
from sign_jax.errors import UserError, first_line, sentences

VERSIONS = (0.1, 0.2)
MAX_BYTES = 1 << 30
MAX_PARTS = 20_000  # components, points, limbs and colours; MediaPipe Holistic has some 3000
_REMEDY = "estimate the pose anew"
# MediaPipe has no toes as COCO-WholeBody has them, and its face mesh has other points.
_BODY = (
  "NOSE", "LEFT_EYE", "RIGHT_EYE", "LEFT_EAR", "RIGHT_EAR", "LEFT_SHOULDER", "RIGHT_SHOULDER",
  "LEFT_ELBOW", "RIGHT_ELBOW", "LEFT_WRIST", "RIGHT_WRIST", "LEFT_HIP", "RIGHT_HIP", "LEFT_KNEE",
  "RIGHT_KNEE", "LEFT_ANKLE", "RIGHT_ANKLE",
)  # fmt: skip
_HEELS = {"LEFT_HEEL": 19, "RIGHT_HEEL": 22}
_HAND = ("WRIST", "THUMB_CMC", "THUMB_MCP", "THUMB_IP", "THUMB_TIP") + tuple(
  f"{finger}_{joint}"
  for finger in ("INDEX_FINGER", "MIDDLE_FINGER", "RING_FINGER", "PINKY")
  for joint in ("MCP", "PIP", "DIP", "TIP")
)
# {component: {point: joint of COCO-WholeBody}}
JOINTS = {
  "POSE_LANDMARKS": {**{name: joint for joint, name in enumerate(_BODY)}, **_HEELS},
  "LEFT_HAND_LANDMARKS": {name: joint for joint, name in enumerate(_HAND, 91)},
  "RIGHT_HAND_LANDMARKS": {name: joint for joint, name in enumerate(_HAND, 112)},
}


def read(path, max_frames):
  """Reads a file.

  Args:
    path: pathlib.Path.
    max_frames: more are refused.

  Returns:
    `Content`; a header without width and height states no size.

  Raises:
    UserError: the library is missing; the file is damaged, of another version, or holds no
      components of MediaPipe Holistic.
  """
  library = _library()
  size = path.stat().st_size
  if size > MAX_BYTES:
    raise UserError(f"{path} is larger than {MAX_BYTES} bytes, cut the clip")
  try:
    # Headers are remembered by a short digest of their bytes, which a file can be made to match.
    library.pose_header.PoseHeaderCache.clear_cache()
    header, body = _read(library, path)
  # The library raises almost anything over hostile bytes.
  except Exception as error:
    if sentences.is_passing(error):
      raise
    reason = first_line(error)
    raise UserError(f"{path} is no complete .pose file ({reason}), {_REMEDY}") from error
  joints = _joints(header)
  if not joints:
    names = ", ".join(shown(component.name) for component in header.components[:5])
    raise UserError(
      f"{path} holds no components of MediaPipe Holistic but {names} with "
      f"{layouts.named(header.total_points())}, {_REMEDY} with it"
    )
  frames, people = body.confidence.shape[:2]
  if not 1 <= frames <= max_frames or not 0 <= body.fps < math.inf:
    raise UserError(f"{path} states {frames} frames at {body.fps} per second, {_REMEDY}")
  if people > MAX_PEOPLE or frames * people > most_poses(size):
    raise UserError(
      f"{path} states {people} people in each of {frames} frames, which no video shows, {_REMEDY}"
    )
  if not np.isfinite(body.confidence).all():
    raise UserError(f"{path} holds confidences that are not finite, {_REMEDY}")
  pictures = stated_size.valid(header.dimensions.width, header.dimensions.height)
  found = People(_keypoints(body, joints), np.full(frames, people))
  return Content(found, pictures, float(body.fps))


def _library():
  try:
    import pose_format
    import pose_format.pose_header
  except ImportError as error:
    raise UserError(
      "reading .pose files needs pose-format, install it with `pip install 'pose-format>=0.15'`"
    ) from error
  return pose_format


def _read(library, path):
  content = path.read_bytes()
  # Version 0.0 loops over as many people as a number in the file says.
  version = np.frombuffer(content[:4], "<f4")
  if not len(version) or round(float(version[0]), 3) not in VERSIONS:
    raise ValueError(f"its version is none of {', '.join(map(str, VERSIONS))}")
  _check_header(content)
  pose = library.Pose.read(content)
  if 0 in pose.body.data.shape:
    raise ValueError(f"its data have the shape {pose.body.data.shape}")
  if pose.header.num_dims() < 2:
    raise ValueError("its points have no x and y")
  return pose.header, pose.body


def _check_header(content):
  """Raises ValueError or struct.error for a header of more parts than any estimator has.

  The library makes an object of 200 bytes of each, of which a file needs only two.
  """
  (components,), place, parts = struct.unpack_from("<H", content, 10), 12, 0
  for _ in range(components):
    for _ in range(2):  # its name and format
      place = _after_text(content, place)
    points, limbs, colours = struct.unpack_from("<HHH", content, place)
    parts += 1 + points + limbs + colours
    if parts > MAX_PARTS:
      raise ValueError(f"its header states more than {MAX_PARTS} points and lines")
    place += 6
    for _ in range(points):
      place = _after_text(content, place)
    place += 4 * limbs + 6 * colours


def _after_text(content, place):
  return place + 2 + struct.unpack_from("<H", content, place)[0]


def _joints(header):
  """[(point of the file, joint of COCO-WholeBody)]."""
  joints, first = [], 0
  for component in header.components:
    known = JOINTS.get(component.name, {})
    joints += [
      (first + place, known[name]) for place, name in enumerate(component.points) if name in known
    ]
    first += len(component.points)
  return joints


def _keypoints(body, joints):
  """(frames * people, 133, 3) float32."""
  points, targets = (list(places) for places in zip(*joints, strict=True))
  frames, people = body.confidence.shape[:2]
  keypoints = np.zeros((frames, people, layouts.JOINTS, 3), np.float32)
  for frame in range(frames):  # one at a time, as the masked arrays between take much memory
    places = np.ma.filled(body.data[frame][:, points, :2], 0)
    with np.errstate(over="ignore"):
      keypoints[frame, :, targets, :2] = places.swapaxes(0, 1)
      keypoints[frame, :, targets, 2] = body.confidence[frame][:, points].T
  return keypoints.reshape(-1, layouts.JOINTS, 3)
