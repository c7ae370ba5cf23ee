"""Whole-body keypoints -> what SEDS's pose encoder reads: hands in their boxes, body, windows.

Source: Jiang et al., "SEDS" (ACM MM 2024), section 3.1, and its released code.
"""

from typing import NamedTuple

import numpy as np

from sign_jax.data import hand_boxes
from sign_jax.data.hand_boxes import ARMS, BOTTOM, HANDS
from sign_jax.data.sampling import sample_indices
from sign_jax.errors import UserError
from sign_jax.video import frames as video_frames

KEYPOINTS = 133  # of COCO-WholeBody
BODY = np.array([0, *ARMS[0], *ARMS[1]])  # the nose first
SIZE = 256  # of the square that hands and body are scaled to
MAX_FRAMES = 300
WINDOW = video_frames.WINDOW
LARGEST = 1e6  # px
KEEP = 0.4  # confidence of a keypoint that is not set to 0
CORNER = 4  # px: nobody is seen in so small a corner of a picture
MOST_OUTSIDE = 0.2  # share of sure keypoints; hands do leave the picture
FEWEST_BEYOND = 0.01  # share of them beyond the upper left quarter: people stand in the middle
FEW_POINTS = 20  # sure keypoints that are too few to say what their coordinates are


class NoHands(UserError):
  """A video in no frame of which a hand can be used. Whoever reads many videos may skip it."""


class Pose(NamedTuple):
  """A video's poses.

  Attributes:
    left, right: (F, 21, 2) float32, x and y in the hand's box, which is 256 wide; the left hand is
      mirrored; zeros where a keypoint is not sure, or a hand not usable.
    body: (F, 7, 2) float32: nose; shoulder, elbow and wrist of the left arm, then of the right one;
      the image is 256 x 256.
    frames: (F,) int64, ascending: which of the video's frames these are. The last one is repeated
      where there are fewer than 16.
    clips_start: (W,) int32, the first frame of every window of 16 among the F; -1 for padding.
  """

  left: np.ndarray
  right: np.ndarray
  body: np.ndarray
  frames: np.ndarray
  clips_start: np.ndarray


class Settings(NamedTuple):
  """How the poses of a data set are read.

  Attributes:
    image_size: (width, height) in pixels of the pictures that the poses were estimated on; (0, 0)
      where the data set states it.
    windows: W, the most windows that are kept; at equal distances where there are more.
    max_frames: F, the most frames that are kept, by striding; at least 16.
    no_hands: what becomes of a data set with videos that show no usable hand: "skip" leaves the
      videos out, "stop" is an error.
    max_batch_windows: that a batch may have without padding; 0: any number.
    bottom: px, see `hand_boxes.find`; 0 is no rule.
    hand_boxes: one of `hand_boxes.RULES`.
  """

  image_size: tuple
  windows: int = 64
  max_frames: int = MAX_FRAMES
  no_hands: str = "skip"
  max_batch_windows: int = 0
  bottom: int = BOTTOM
  hand_boxes: str = "exact"


def prepare(keypoints, image_size, name, windows=64, max_frames=MAX_FRAMES, bottom=BOTTOM,
            rule="exact"):
  """The poses of one video.

  Args:
    keypoints: (F, 133, 3): x and y in pixels, and confidence, of COCO-WholeBody's keypoints.
    image_size: (width, height) in pixels.
    name: of the file or video, for errors.
    windows, max_frames, bottom: see `Settings`.
    rule: its `hand_boxes`.

  Raises:
    NoHands: no frame has a usable hand.
    UserError: the array or the size cannot be right.
  """
  _check_shape(keypoints, image_size, name)
  size = np.asarray(image_size, np.float64)
  frames = np.arange(0, len(keypoints), -(-len(keypoints) // max_frames))
  keypoints = _finite(keypoints[frames], name)
  boxes = hand_boxes.find(keypoints, size, bottom, rule)
  kept = np.flatnonzero(boxes.usable.any(1))
  if not len(kept):
    raise NoHands(
      f"{name} shows no usable hand in any of {len(frames)} frames, leave this video out or "
      "estimate its poses anew"
    )
  count = max(len(kept) - WINDOW + 1, 1)
  kept = np.pad(kept, (0, max(WINDOW - len(kept), 0)), mode="edge")
  keypoints, frames = keypoints[kept], frames[kept]
  left, right = _in_boxes(keypoints, hand_boxes.Boxes(*(x[kept] for x in boxes)))
  starts = sample_indices(count, windows)
  return Pose(
    left=left,
    right=right,
    body=(keypoints[:, BODY, :2] * (SIZE / size)).astype(np.float32),
    frames=frames,
    clips_start=np.pad(starts, (0, windows - len(starts)), constant_values=-1).astype(np.int32),
  )


def _check_shape(keypoints, image_size, name):
  """Raises UserError, see `prepare`."""
  if keypoints.shape[1:] != (KEYPOINTS, 3) or keypoints.dtype.kind not in "fiu":
    raise UserError(
      f"{name} holds keypoints of shape {keypoints.shape} and type {keypoints.dtype}, they must be "
      f"(frames, {KEYPOINTS}, 3) numbers: x, y and confidence of COCO-WholeBody"
    )
  if not len(keypoints):
    raise NoHands(f"{name} has no frames, leave this video out")
  if len(image_size) != 2 or not all(0 < x <= LARGEST for x in image_size):
    raise UserError(f"{name} has images of size {image_size}, pass their width and height")


def _finite(keypoints, name):
  """The array in float64; raises UserError, see `prepare`."""
  keypoints = keypoints.astype(np.float64)
  if not (np.abs(keypoints) <= LARGEST).all():  # NaN compares false
    raise UserError(
      f"{name} holds keypoints that are not finite or in no image, estimate its poses anew"
    )
  return keypoints


def outside(keypoints, image_size):
  """(number of sure keypoints that lie outside of the image, number of sure ones).

  Args:
    keypoints: (F, 133, 3), see `prepare`.
    image_size: (width, height) in pixels.
  """
  sure = keypoints[..., 2] >= KEEP
  places = keypoints[..., :2].astype(np.float32)
  inside = ((places >= 0) & (places <= np.asarray(image_size))).all(-1)
  return int((sure & ~inside).sum()), int(sure.sum())


def sure_points(keypoints, least=KEEP):
  """(n, 2) places of keypoints (F, 133, 3) with a confidence, and not at (0, 0)."""
  places = keypoints[(keypoints[..., 2] >= least) & (keypoints[..., 2] > 0)][:, :2]
  return places[places.any(1)]


def in_units(points):
  """Whether coordinates are no pixels but parts of a picture or of a body.

  Args:
    points: (n, 2), sure keypoints.

  Returns:
    bool: nine tenths lie within `CORNER` of the zero; None: there are too few to say.
  """
  if len(points) < FEW_POINTS:
    return None
  return bool((np.abs(points) <= CORNER).all(1).mean() >= 0.9)


def _in_boxes(keypoints, boxes):
  """Both hands, (F, 21, 2) float32 each, left first."""
  hands = keypoints[:, HANDS]
  points = (hands[..., :2] - boxes.corner[:, :, None]) * (SIZE / boxes.sides)[:, :, None]
  points[:, 0, :, 0] = SIZE - points[:, 0, :, 0]
  sure = (hands[..., 2] >= KEEP) & boxes.usable[..., None]
  points = np.where(sure[..., None], points, 0.0).astype(np.float32)
  return points[:, 0], points[:, 1]


def feature_rows(posed, num_frames, count, stride=0):
  """Which sign features go with the windows of a pose.

  Features and poses may come from copies of a video at other frame rates, and features from
  windows at any stride. A window of the pose can span more than 16 frames, where some are left out;
  the feature is that of the window about the same middle.

  Args:
    posed: `Pose`.
    num_frames: of the whole video's poses.
    count: rows of the whole video's features.
    stride: frames from one of their windows to the next, the last one nearer; 0 where unknown.

  Returns:
    (min(n, W),) int64, a row for each of the n windows that are no padding.
  """
  starts = posed.clips_start[posed.clips_start >= 0]
  # Where a window of 16 frames in a row begins that has the same middle.
  begins = (posed.frames[starts] + posed.frames[starts + WINDOW - 1] - (WINDOW - 1)) / 2
  last = max(num_frames - WINDOW, 1)
  begins = begins.clip(0, last)
  if stride <= 2:  # then rows at equal distances have a nearest one in the same place
    return np.rint(begins * (count - 1) / last).astype(np.int64)
  if video_frames.num_windows(num_frames, stride) != count:  # a copy at another frame rate
    begins, last = begins * (count - 1) * stride / last, (count - 1) * stride
  rows = np.minimum(np.arange(count) * stride, last)
  return np.abs(rows - begins[:, None]).argmin(1)


def window_rows(posed, count, name):
  """Which sign features go with the windows of a pose, where there is one for each.

  Args:
    posed: `Pose`.
    count: rows of the video's features.
    name: of the video, for errors.

  Returns:
    (count,) int64.

  Raises:
    UserError: there are more or fewer windows.
  """
  windows = int((posed.clips_start >= 0).sum())
  if windows != count:
    raise UserError(
      f"{name} has {count} rows of features, and {windows} windows of its poses are kept, which "
      "must be as many: take both from one release"
    )
  return np.arange(count)


def pad(pose, frames=MAX_FRAMES):
  """A `Pose` in arrays of a fixed size, as batches of SEDS have them.

  Returns:
    left, right (frames, 21, 2) and body (frames, 7, 2) float32, zeros after the video's end;
    frames_valid (frames,) bool; clips_start (W,) int32.
  """
  missing = frames - len(pose.frames)
  padded = lambda x: np.pad(x, ((0, missing), *((0, 0) for _ in x.shape[1:])))
  return {
    "left": padded(pose.left), "right": padded(pose.right), "body": padded(pose.body),
    "frames_valid": np.arange(frames) < len(pose.frames), "clips_start": pose.clips_start,
  }  # fmt: skip


def padded_specs(frames, windows):
  """What `pad` gives: {name: [shape, name of the dtype]}."""
  points = lambda joints: [[frames, joints, 2], "float32"]
  return {
    "left": points(HANDS.shape[1]), "right": points(HANDS.shape[1]), "body": points(len(BODY)),
    "frames_valid": [[frames], "bool"], "clips_start": [[windows], "int32"],
  }  # fmt: skip
