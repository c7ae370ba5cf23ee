"""`.pose` files with MediaPipe Holistic's keypoints, read with the library pose-format."""

import math

import numpy as np

from sign_jax.errors import UserError

VERSIONS = (0.1, 0.2)
MAX_BYTES = 1 << 30
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
  """Reads a file; the person with the highest sum of confidences in each frame.

  Args:
    path: pathlib.Path.
    max_frames: more are refused.

  Returns:
    (frames, 133, 3) float32, and frames per second.

  Raises:
    UserError: the library is missing; the file is damaged, of another version, or holds no
      components of MediaPipe Holistic.
  """
  library = _library()
  if path.stat().st_size > MAX_BYTES:
    raise UserError(f"{path} is larger than {MAX_BYTES} bytes, cut the clip")
  try:
    # Headers are remembered by a short digest of their bytes, which a file can be made to match.
    library.pose_header.PoseHeaderCache.clear_cache()
    header, body = _read(library, path)
  # The library raises almost anything over hostile bytes.
  except Exception as error:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    raise UserError(f"{path} is no complete .pose file ({reason}), {_REMEDY}") from error
  joints = _joints(header)
  if not joints:
    raise UserError(f"{path} holds no components of MediaPipe Holistic, {_REMEDY} with it")
  if not 1 <= len(body.confidence) <= max_frames or not 0 <= body.fps < math.inf:
    raise UserError(
      f"{path} states {len(body.confidence)} frames at {body.fps} per second, {_REMEDY}"
    )
  if not np.isfinite(body.confidence).all():
    raise UserError(f"{path} holds confidences that are not finite, {_REMEDY}")
  return _keypoints(body, joints), float(body.fps)


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
  pose = library.Pose.read(content)
  if 0 in pose.body.data.shape:
    raise ValueError(f"its data have the shape {pose.body.data.shape}")
  if pose.header.num_dims() < 2:
    raise ValueError("its points have no x and y")
  return pose.header, pose.body


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
  confidence = np.asarray(body.confidence, np.float32)
  person = confidence.sum(axis=2).argmax(axis=1)  # of each frame
  frames = np.arange(len(person))
  points, targets = (list(places) for places in zip(*joints, strict=True))
  keypoints = np.zeros((len(person), 133, 3), np.float32)
  xy = np.ma.filled(body.data[..., :2], 0)
  keypoints[:, targets, :2] = xy[frames, person][:, points]
  keypoints[:, targets, 2] = confidence[frames, person][:, points]
  return keypoints
