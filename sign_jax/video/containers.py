"""Video files, decoded by PyAV one frame at a time, whole or from one second to another."""

import math
import pathlib
from typing import NamedTuple

import av
import numpy as np

from sign_jax.errors import UserError

MAX_PIXELS = 8192 * 4352  # per frame; a larger one is refused before any is decoded
# Containers of these files. Others, such as playlists, make a decoder open files that they name.
FORMATS = (
  "mov", "mp4", "matroska", "webm", "avi", "mpeg", "mpegts", "mpegvideo", "asf", "flv", "ogg",
  "mxf", "dv",
)  # fmt: skip
# What files of these containers are called, by cameras and by programs.
EXTENSIONS = (
  ".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv", ".flv",
  ".mts", ".m2ts", ".m2t", ".ts", ".tod", ".mod", ".vob", ".mpe", ".m1v", ".m2v", ".3gp", ".3g2",
  ".qt", ".mp4v", ".insv", ".asf", ".f4v", ".divx", ".ogv", ".mxf", ".dv",
)  # fmt: skip
END_TOLERANCE = 0.5  # seconds that the last frame may last


class VideoError(UserError):
  """A video that cannot be read whole; the text begins with the file's name."""


class VideoInfo(NamedTuple):
  """What a video's header says."""

  num_frames: int  # 0 where the header does not say
  fps: float  # frames per second, 0 where unknown
  height: int  # pixels, as stored, before rotation
  width: int


def probe(path):
  """Reads the header of a video file: `VideoInfo`; raises `VideoError` as `frames` does."""
  with opened(path) as container:
    return _info(container.streams.video[0])


def frames(path, size=None):
  """Decodes a video file.

  Args:
    path: video file.
    size: (height, width) to resize to, bilinear, whatever the aspect ratio; None keeps the size.

  Yields:
    (seconds, (H, W, 3) uint8 RGB): when the frame is shown, counted from the stream's start.

  Raises:
    VideoError: no such file, no video, too large, empty, truncated or damaged. Damage is reported
      after the last good frame: a reader must not keep anything before the end is reached.
  """
  path = pathlib.Path(path)
  with opened(path) as container:
    stream = container.streams.video[0]
    check_not_truncated(path, stream)
    clock, tally = Clock(stream), Tally()
    for frame, error in decode(container, stream):
      tally.add(frame, error)
      if frame is not None:
        yield clock.seconds(frame), to_rgb(frame, size)
    tally.check(path, stream)


# Titles that are not UTF-8 do not matter. PyAV 19 no longer has the option, nor the need for it.
_ANY_METADATA = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}


def opened(path):
  """An open container of a file whose header has been checked; raises `VideoError`."""
  path = pathlib.Path(path)
  if not path.is_file():
    raise VideoError(f"{path} does not exist{_alike(path)}, check the name of the video")
  try:
    # A path that begins with "/" is read as a file; "concat:a.mp4" would be a protocol.
    location, options = str(path.absolute()), {"format_whitelist": ",".join(FORMATS)}
    container = av.open(location, options=options, **_ANY_METADATA)
  except (av.FFmpegError, ValueError, OSError) as error:
    raise VideoError(
      f"{path} is no video or a damaged one ({reason(error)}), get it anew"
    ) from error
  try:
    _check_header(path, container)
  except BaseException:
    container.close()
    raise
  return container


def _alike(path):
  """', but a.mov does' of files that are called as `path` but for the extension."""
  is_known = path.suffix.lower() in EXTENSIONS
  stem = path.stem if is_known else path.name
  names = [f"{stem}{end}" for known in EXTENSIONS for end in (known, known.upper())]
  there = [name for name in names if path.with_name(name).is_file()]
  return f", but {' and '.join(there)} {'does' if len(there) == 1 else 'do'}" if there else ""


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


def check_not_truncated(path, stream):
  """Raises `VideoError` where the file ends before what its index lists."""
  # A header at the front survives a cut: its index then points behind the end of the file.
  end = max((entry.pos + entry.size for entry in stream.index_entries), default=0)
  size = path.stat().st_size
  if end > size:
    raise VideoError(f"{path} is cut short at {size} of at least {end} bytes, get it anew")


class Clock:
  """When frames are shown; those without a time of their own follow at the stream's rate."""

  def __init__(self, stream):
    self._base, self._zero = stream.time_base, stream.start_time or 0
    self._period = 1 / (_info(stream).fps or 25.0)
    self._next = 0.0
    # Seconds at which the header says that the stream ends.
    self.end = float(stream.duration * stream.time_base) if stream.duration else math.inf

  def seconds(self, frame):
    """When a frame is shown, counted from the stream's start."""
    # One rounding of an exact fraction: a table's "0.04" is the frame at 1/25.
    known = frame.pts is not None and self._base
    seconds = float((frame.pts - self._zero) * self._base) if known else self._next
    self._next = seconds + self._period
    return seconds


class Tally:
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
    self.check_end(path, stream)

  def check_end(self, path, stream):
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


def decode(container, stream):
  """Yields (frame, None) or (None, what was damaged), to the end of the stream."""
  packets = container.demux(stream)
  while True:
    try:
      packet = next(packets, None)
    except (av.FFmpegError, OSError) as error:
      yield None, reason(error)
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
      yield None, reason(error)


def resized(frame, size):
  """RGB of an `av.VideoFrame`, bilinear: (height, width, 3) uint8; `size` None keeps the size."""
  height, width = size or (None, None)
  frame = frame.reformat(width=width, height=height, format="rgb24", interpolation="BILINEAR")
  return frame.to_ndarray()


def resized_rgb(picture, size):
  """`resized` of a (H, W, 3) uint8 picture, by the scaler of videos; `size` None keeps it."""
  return resized(av.VideoFrame.from_ndarray(picture, format="rgb24"), size) if size else picture


def to_rgb(frame, size):
  """`resized`, turned upright where the frame says how."""
  turns = round(frame.rotation / 90) % 4
  if turns % 2 and size:
    size = size[::-1]
  return np.rot90(resized(frame, size), turns)


def reason(error):
  """What an error of the decoder says, in a few words."""
  return getattr(error, "strerror", None) or str(error) or type(error).__name__
