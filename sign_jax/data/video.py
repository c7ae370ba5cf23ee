"""Videos, decoded one frame at a time: frames, sliding windows, and what the sign encoder reads."""

import collections
import itertools
import math
import pathlib
from typing import NamedTuple

import av
import numpy as np

from sign_jax.errors import UserError

EXTENSIONS = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv", ".flv")
MAX_PIXELS = 8192 * 4352  # per frame; a larger one is refused before any is decoded
WINDOW = 16  # frames in a window
# Containers of these files. Others, such as playlists, make a decoder open files that they name.
FORMATS = ("mov", "mp4", "matroska", "webm", "avi", "mpeg", "mpegts", "mpegvideo", "asf", "flv")
RESIZE, CROP = 256, 224  # the sign encoder's frames: resized, then cropped in the centre
END_TOLERANCE = 0.5  # seconds that the last frame may last
MEAN = 0.5  # subtracted from RGB in [0, 1]


class VideoError(UserError):
  """A video that cannot be read whole; the text begins with the file's name."""


class VideoInfo(NamedTuple):
  """What a video's header says."""

  num_frames: int  # 0 where the header does not say
  fps: float  # frames per second, 0 where unknown
  height: int  # pixels, as stored, before rotation
  width: int


def probe(path):
  """Reads the header of a video.

  Args:
    path: video file.

  Returns:
    `VideoInfo`.

  Raises:
    VideoError: no such file, no video, or frames above `MAX_PIXELS`.
  """
  with _open(path) as container:
    return _info(container.streams.video[0])


def read_frames(path, size=None):
  """Decodes a video, one frame in memory at a time; turns it upright where it says how.

  Args:
    path: video file.
    size: (height, width) to resize to, bilinear, whatever the aspect ratio; None keeps the size.

  Yields:
    (H, W, 3) uint8 RGB.

  Raises:
    VideoError: no such file, no video, too large, empty, truncated or damaged. Damage is reported
      after the last good frame: a reader must not keep anything before the end is reached.
  """
  path = pathlib.Path(path)
  with _open(path) as container:
    stream = container.streams.video[0]
    _check_not_truncated(path, stream)
    tally = _Tally()
    for frame, error in _decode(container, stream):
      tally.add(frame, error)
      if frame is not None:
        yield _to_rgb(frame, size)
    tally.check(path, stream)


def read_windows(path, stride=1):
  """Decodes a video into the sign encoder's windows, one window in memory at a time.

  Args:
    path: video file.
    stride: frames from one window to the next; the starts are `window_starts`.

  Yields:
    (window, frames so far): (16, 224, 224, 3) uint8 RGB, and how many frames were decoded when the
    window was complete; the last window has the number of frames of the video.

  Raises:
    VideoError: as `read_frames`.
  """
  recent = collections.deque(maxlen=WINDOW)
  count, complete = 0, False
  for frame in read_frames(path, (RESIZE, RESIZE)):
    recent.append(center_crop(frame, CROP))
    count += 1
    complete = count >= WINDOW and (count - WINDOW) % stride == 0
    if complete:
      yield np.stack(recent), count
  if not complete:
    repeated = itertools.repeat(recent[-1], WINDOW - len(recent))
    yield np.stack([*recent, *repeated]), count


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


# Titles that are not UTF-8 do not matter. PyAV 19 no longer has the option, nor the need for it.
_ANY_METADATA = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}


def _open(path):
  path = pathlib.Path(path)
  if not path.is_file():
    raise VideoError(f"{path} does not exist, check the name of the video")
  try:
    # A path that begins with "/" is read as a file; "concat:a.mp4" would be a protocol.
    location, options = str(path.absolute()), {"format_whitelist": ",".join(FORMATS)}
    container = av.open(location, options=options, **_ANY_METADATA)
  except (av.FFmpegError, ValueError, OSError) as error:
    raise VideoError(
      f"{path} is no video or a damaged one ({_reason(error)}), get it anew"
    ) from error
  try:
    _check_header(path, container)
  except BaseException:
    container.close()
    raise
  return container


def _check_header(path, container):
  if not container.streams.video:
    raise VideoError(f"{path} has no video stream, pass a file that has one")
  context = container.streams.video[0].codec_context
  if context is None or context.width < 1 or context.height < 1:
    raise VideoError(f"{path} has a video stream of unknown kind or size, convert it to H.264")
  if context.width * context.height > MAX_PIXELS:
    raise VideoError(
      f"{path} has frames of {context.width} x {context.height}, more than the {MAX_PIXELS} pixels "
      "that are read, make it smaller"
    )
  # The stream inside may be larger than its header says; the decoder then refuses it.
  context.options = {"max_pixels": str(MAX_PIXELS)}


def _info(stream):
  fps = stream.average_rate or stream.guessed_rate or 0
  context = stream.codec_context
  return VideoInfo(stream.frames, float(fps), context.height, context.width)


def _check_not_truncated(path, stream):
  # A header at the front survives a cut: its index then points behind the end of the file.
  end = max((entry.pos + entry.size for entry in stream.index_entries), default=0)
  size = path.stat().st_size
  if end > size:
    raise VideoError(f"{path} is cut short at {size} of at least {end} bytes, get it anew")


class _Tally:
  """What a decoder gave, to compare with what the header promised."""

  def __init__(self):
    self.good, self.damage, self.end = 0, None, 0.0

  def add(self, frame, error):
    self.damage = self.damage or error
    if frame is not None:
      self.good += not frame.is_corrupt
      self.end = max(self.end, frame.time or 0.0)

  def check(self, path, stream):
    if not self.good:
      why = f" ({self.damage})" if self.damage else ""
      raise VideoError(f"{path} holds no frame that can be decoded{why}, get the video anew")
    stated = stream.frames or math.inf
    # An error that costs no frame, such as bytes behind the last one, is none.
    if self.damage and self.good < stated:
      raise VideoError(
        f"{path} is damaged, only {self.good} of {stream.frames or 'its'} frames can be decoded "
        f"({self.damage}), get it anew"
      )
    end = _stated_end(stream)
    if end - self.end > END_TOLERANCE:
      raise VideoError(f"{path} is cut short at {self.end:.2f} of {end:.2f} seconds, get it anew")


def _stated_end(stream):
  # Matroska and WebM have no number of frames, but mostly this tag; 0 without it.
  try:
    hours, minutes, seconds = stream.metadata.get("DURATION", "0:0:0").split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
  except ValueError:
    return 0.0


def _decode(container, stream):
  # Yields (frame, None) or (None, what was damaged), to the end of the stream.
  packets = container.demux(stream)
  while True:
    try:
      packet = next(packets, None)
    except (av.FFmpegError, OSError) as error:
      yield None, _reason(error)
      return
    if packet is None:
      return
    if packet.is_corrupt:
      yield None, "a packet is cut short"
    try:
      for frame in packet.decode():
        yield frame, None
        if frame.is_corrupt:
          yield None, "a frame is corrupt"
    except (av.FFmpegError, OSError) as error:
      yield None, _reason(error)


def _to_rgb(frame, size):
  height, width = size or (None, None)
  turns = round(frame.rotation / 90) % 4
  if turns % 2:
    height, width = width, height
  frame = frame.reformat(width=width, height=height, format="rgb24", interpolation="BILINEAR")
  return np.rot90(frame.to_ndarray(), turns)


def _reason(error):
  return getattr(error, "strerror", None) or str(error) or type(error).__name__
