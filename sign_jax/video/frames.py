"""Videos, one frame at a time: frames, sliding windows, and what the sign encoder reads.

A video is a file (`containers`) or a folder of pictures (`pictures`).
"""

import collections
import itertools
import math
import pathlib

import numpy as np

from sign_jax.video import boxes, containers, ends, pictures, seeking
from sign_jax.video.containers import VideoError, VideoInfo

__all__ = [
  "EXTENSIONS", "NOTES", "VideoError", "VideoInfo", "center_crop", "cropped_frames", "normalize",
  "num_windows", "probe", "read_frames", "read_windows", "resize_of", "timed_frames",
  "window_starts", "windows",
]  # fmt: skip

EXTENSIONS = containers.EXTENSIONS
WINDOW = ends.WINDOW  # frames in a window
RESIZE, CROP = 256, 224  # the sign encoder's frames: resized, then cropped in the centre
EXACT, RELEASED = "exact", "released"  # names of ways to prepare frames, see `released`
MEAN = 0.5  # subtracted from RGB in [0, 1]
# Kinds of notes on a clip: what it says of so many clips.
NOTES = {
  ends.CUT: "clips reach behind the end of their video and are cut to it",
  pictures.BESIDE: "folders of pictures hold files that are left out",
}


def probe(path):
  """`VideoInfo` of a video; of a folder of pictures, only the number of frames is known.

  Raises:
    VideoError: no such file, no video, or frames above `containers.MAX_PIXELS`.
  """
  if pathlib.Path(path).is_dir():
    return VideoInfo(len(pictures.paths(path)), 0.0, 0, 0)
  return containers.probe(path)


def timed_frames(
    path, size=None, start=0.0, end=math.inf, notes=None, box=None, most_skipped=math.inf
):
  """Reads a video, one frame in memory at a time; turns it upright where it says how.

  Args:
    path: video file or folder of pictures.
    size: (height, width) to resize to, bilinear, whatever the aspect ratio; None keeps the size.
    start, end: seconds; frames with start <= seconds < end are read. See `pictures.FPS` for
      folders. Files are not decoded from their beginning where they allow to jump.
    notes: dict that receives {kind: sentence} of what is unusual and no damage, see `NOTES`.
    box: `boxes.Box` that the pictures are cut to before they are resized; None keeps all of them.
    most_skipped: frames of a file that may be decoded before the first one that is given: a video
      that cannot be jumped in is refused where `start` lies behind more.

  Yields:
    (seconds, (H, W, 3) uint8 RGB).

  Raises:
    VideoError: nothing there, no video, too large, empty, truncated or damaged, too little of
      the clip, a box that does not fit. Damage is reported after the last good frame: a reader must
      not keep anything before the end is reached.
  """
  if box:
    for seconds, frame in timed_frames(path, None, start, end, notes, None, most_skipped):
      yield seconds, containers.resized_rgb(boxes.cut(frame, box, path), size)
  elif pathlib.Path(path).is_dir():
    yield from pictures.clip(path, start, end, size, notes)
  elif start <= 0 and math.isinf(end):
    yield from containers.frames(path, size)
  else:
    yield from seeking.clip(path, start, end, size, notes, most_skipped)


def read_frames(path, size=None, start=0.0, end=math.inf, box=None):
  """The frames of `timed_frames` without their times."""
  return (frame for _, frame in timed_frames(path, size, start, end, box=box))


def read_windows(path, stride=1, start=0.0, end=math.inf, crop=CROP, notes=None):
  """Reads a video as the sign encoder's windows, one window in memory at a time.

  Args:
    path, start, end, notes: as for `timed_frames`.
    stride: frames from one window to the next; the starts are `window_starts`.
    crop: height and width of the frames, `RESIZE` / `CROP` of which they are resized to before.

  Yields:
    (window, seconds): (16, crop, crop, 3) uint8 RGB, and a list that grows, the seconds of all
    frames read so far; with the last window, of all frames of the video.

  Raises:
    VideoError: as `timed_frames`.
  """
  yield from windows(cropped_frames(path, start, end, crop, notes), stride)


def cropped_frames(path, start=0.0, end=math.inf, crop=CROP, notes=None, box=None):
  """`timed_frames` of (crop, crop, 3), as the sign encoder reads them; see `read_windows`."""
  for second, frame in timed_frames(path, (resize_of(crop),) * 2, start, end, notes, box):
    # A copy: what is cropped away need not wait in memory.
    yield second, np.ascontiguousarray(center_crop(frame, crop))


def windows(timed, stride=1):
  """As `read_windows`, from what `cropped_frames` yields."""
  recent, seconds = collections.deque(maxlen=WINDOW), []
  complete = False
  for second, frame in timed:
    recent.append(frame)
    seconds.append(second)
    complete = len(seconds) >= WINDOW and (len(seconds) - WINDOW) % stride == 0
    if complete:
      yield np.stack(recent), seconds
  if not complete:
    repeated = itertools.repeat(recent[-1], WINDOW - len(recent))
    yield np.stack([*recent, *repeated]), seconds


def resize_of(crop):
  """The size to which frames are resized before a crop of this size: 256 for 224."""
  return round(crop * RESIZE / CROP)


def window_starts(num_frames, stride=1):
  """First frames of the windows of a video.

  A video shorter than a window has one, which repeats the last frame. Where the stride does not
  lead to the end, one more window ends at the last frame.

  Args:
    num_frames: at least 1.
    stride: at least 1.

  Returns:
    (windows,) int64, strictly increasing.
  """
  last = max(num_frames - WINDOW, 0)
  return np.minimum(np.arange(num_windows(num_frames, stride)) * stride, last)


def num_windows(num_frames, stride=1):
  """How many `window_starts` there are, without the memory for them."""
  if num_frames < 1 or stride < 1:
    raise ValueError(f"num_frames {num_frames} and stride {stride} must be at least 1")
  return -(-max(num_frames - WINDOW, 0) // stride) + 1


def center_crop(frame, size):
  """The central (size, size) pixels of a (H, W, C) frame, H and W at least `size`."""
  top, left = ((length - size) // 2 for length in frame.shape[:2])
  return frame[top : top + size, left : left + size]


def normalize(frames):
  """uint8 RGB of any shape -> float32 in [-0.5, 0.5]; accepts numpy and jax arrays."""
  return frames.astype(np.float32) / 255 - MEAN
