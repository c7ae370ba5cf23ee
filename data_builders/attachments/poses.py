"""Poses of clips in COCO-WholeBody's order, whichever estimator they come from."""

import pathlib
from typing import NamedTuple

import numpy as np

from data_builders.attachments import locate, openpose, pose_files, rtmpose
from sign_jax.errors import UserError

JOINTS = 133  # body 0-16, feet 17-22, face 23-90, left hand 91-111, right hand 112-132
MAX_FRAMES = 200_000  # more than two hours; they take 300 MB
FARTHEST = 1e5  # pixels; estimators place hidden joints a little outside the picture
# Estimators clip their confidences differently: RTMPose's may pass 1 a little, and 0.
MIN_CONFIDENCE, MAX_CONFIDENCE = -1, 10
_READERS = {".pkl": rtmpose.read, ".pose": pose_files.read, "": openpose.read}


class Pose(NamedTuple):
  """The pose of one clip, of one person."""

  keypoints: np.ndarray  # (frames, 133, 3) float32: x, y in pixels, confidence in [0, 1]
  fps: float  # frames per second, 0 where the file does not say


class PoseFolder:
  """Poses of clips: `[<split>/]<name>` with one of three endings.

  `.pkl` is RTMPose's, as SEDS releases them; `.pose` is MediaPipe Holistic's, in the format of the
  library pose-format; a folder without ending holds OpenPose's JSON files, one for each frame.
  """

  def __init__(self, root):
    self.root = pathlib.Path(root)

  def find(self, clip, split):
    """The file or folder of a clip, or None; `split` is one of `splits.SPLITS`."""
    return locate.find(self.root, clip, split, tuple(_READERS))

  @staticmethod
  def read(path):
    """Reads a file or folder that `find` has found.

    Joints that the estimator does not know have the confidence 0 at (0, 0).

    Returns:
      `Pose`.

    Raises:
      UserError: damage of any kind; numbers that are no pixels or no confidences; for `.pose`, the
        library is missing.
    """
    path = pathlib.Path(path)
    reader = _READERS[""] if path.is_dir() else _READERS.get(path.suffix)
    if reader is None:
      raise UserError(f"{path} has no ending of a pose file, which are .pkl and .pose")
    keypoints, fps = reader(path, MAX_FRAMES)
    return Pose(_checked(keypoints, path), fps)


def _checked(keypoints, path):
  if keypoints.shape[1:] != (JOINTS, 3) or not 1 <= len(keypoints) <= MAX_FRAMES:
    raise UserError(
      f"{path} holds keypoints of shape {keypoints.shape}, they must be (frames, {JOINTS}, 3) with "
      f"1 to {MAX_FRAMES} frames, estimate them anew"
    )
  places, confidences = keypoints[..., :2], keypoints[..., 2]
  # NaN compares false.
  if not np.all(np.abs(places) <= FARTHEST):
    raise UserError(f"{path} holds coordinates that are no pixels, estimate the pose anew")
  if not np.all((confidences >= MIN_CONFIDENCE) & (confidences <= MAX_CONFIDENCE)):
    raise UserError(f"{path} holds confidences far outside of [0, 1], estimate the pose anew")
  keypoints = np.array(keypoints, np.float32)
  keypoints[..., 2] = keypoints[..., 2].clip(0, 1)
  return keypoints
