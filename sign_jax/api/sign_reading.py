"""What a model of isolated signs reads of a clip that a user has: pictures, and keypoints."""

import itertools
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sign_jax.api import clips
from sign_jax.data import sign_records
from sign_jax.errors import UserError
from sign_jax.files import user_path
from sign_jax.video import boxes, containers, frames, pictures

_LONGEST = sign_records.LONGEST
_EQUAL = 0.1  # of the time from one frame to the next
_KEYS = {"video", "keypoints"}


class SignClip(NamedTuple):
  """A clip of one sign.

  Attributes:
    video: the path of a video file or of a folder of pictures, or frames (T, H, W, 3) uint8 RGB.
    keypoints: of all frames of the video, as `SignModel.recognize` takes them; None where the model
      reads none.
    start, end: seconds of a file or a folder between which the sign is.
    box: that the pictures of a file or a folder are cut to; None for all of them.
  """

  video: Any
  keypoints: Any = None
  start: float = 0.0
  end: float = math.inf
  box: boxes.Box | None = None


class Read(NamedTuple):
  """A clip as a model reads it.

  Attributes:
    arrays: {"video": (T, S, S, 3) uint8 RGB, "keypoints": (T, 133, 3) float32}, those that the
      model reads; x and y are shares of the picture.
    seconds: begin of the first frame and end of the last one in the video; None for arrays.
  """

  arrays: dict[str, np.ndarray]
  seconds: tuple[float, float] | None


def listed(videos: Any, keypoints: Sequence[Any] | None = None) -> list[SignClip]:
  """Clips in the forms in which users pass them.

  Args:
    videos: a list of `SignClip`s, paths, arrays (T, H, W, 3), or {"video": ..., "keypoints": ...}.
    keypoints: of each; None where the clips have their own, or none.

  Raises:
    UserError: it is no list, or there are other numbers of both.
  """
  if isinstance(videos, str | os.PathLike | Mapping | SignClip) or not hasattr(videos, "__iter__"):
    raise UserError("videos are a list of clips: put a single one into a list")
  found = [_clip(video) for video in videos]
  if keypoints is None:
    return found
  keypoints = list(keypoints)
  if len(keypoints) != len(found):
    raise UserError(f"there are {len(found)} videos and {len(keypoints)} keypoints: pass as many")
  return [x._replace(keypoints=y) for x, y in zip(found, keypoints, strict=True)]


def _clip(video):
  if isinstance(video, SignClip):
    return video
  if not isinstance(video, Mapping):
    return SignClip(video)
  if "video" not in video or not video.keys() <= _KEYS:
    raise UserError('a clip as a dict is {"video": ..., "keypoints": ...}')
  return SignClip(**video)


def read(clip: SignClip, fields: Sequence[str], side: int, what: str) -> Read:
  """Reads a clip.

  Args:
    clip: `SignClip`.
    fields: of "video" and "keypoints", those that the model reads.
    side: S.
    what: the system's name, for messages.

  Raises:
    UserError: a video or keypoints that cannot be read or do not belong together; keypoints that
      are missing.
  """
  needs_keypoints = "keypoints" in fields
  if needs_keypoints and clip.keypoints is None:
    raise UserError(
        f"this model of {what} reads keypoints too: pass those of the video, --keypoints "
        "FILE or keypoints=, COCO-WholeBody's of every frame; only a model that was trained with "
        "--config.model.modalities=video needs none"
    )
  if needs_keypoints and clip.box is not None:
    raise UserError("keypoints are of whole pictures, and not of boxes: leave the boxes out")
  found = _pictures(clip, side, needs_keypoints)
  arrays = {"video": found.pictures}
  if needs_keypoints:
    arrays["keypoints"] = _keypoints(clip, found)
  return Read({name: arrays[name] for name in fields}, found.seconds)


class _Pictures(NamedTuple):
  pictures: np.ndarray  # (T, S, S, 3)
  size: tuple[int, int]  # (width, height) of the video's own pictures
  first: int  # how many frames of the video come before
  seconds: tuple[float, float] | None


def _pictures(clip, side, count_first):
  """`_Pictures`; those that come before are only counted where asked to."""
  if not clips.is_path(clip.video):
    array = clips.array(clip.video)
    few = (np.ascontiguousarray(x) for x in itertools.islice(array, _LONGEST + 1))
    made = _joined((containers.resized_rgb(x, (side, side)) for x in few), "the clip")
    return _Pictures(made, (array.shape[2], array.shape[1]), 0, None)
  path = user_path(clip.video)
  size = clips.picture_size(path)
  made, seconds, _ = _between(path, clip, side, clip.start)
  first = 0
  if count_first and clip.start > 0:
    first = _number(path, seconds)
    if first is None:
      made, seconds, first = _between(path, clip, side, 0.0)
  return _Pictures(made, size, first, (seconds[0], seconds[-1] + _frame(seconds)))


def _between(path, clip, side, begin):
  """(pictures of a clip, their seconds, how many frames come before) of a video read from there."""
  seconds, before = [], []
  timed = frames.timed_frames(path, (side, side), begin, clip.end, box=clip.box)
  return _joined(_inside(timed, clip.start, seconds, before), path), seconds, len(before)


def _inside(timed, start, seconds, before) -> Iterator[np.ndarray]:
  """Yields the frames from `start` on, and notes the seconds of these and of those before."""
  for second, picture in timed:
    if second < start:
      before.append(second)
      continue
    seconds.append(second)
    yield picture


def _number(path, seconds):
  """How many frames come before these; None where they are not as distant as frames on average."""
  exact = np.array(seconds) * (frames.probe(path).fps or pictures.FPS)
  numbers = np.round(exact).astype(int)
  is_even = (np.abs(exact - numbers) < _EQUAL).all() and (np.diff(numbers) == 1).all()
  return int(numbers[0]) if is_even else None


def _frame(seconds):
  """How long a frame lasts."""
  return float(np.median(np.diff(seconds))) if len(seconds) > 1 else 1 / pictures.FPS


def _joined(found, name):
  made = list(itertools.islice(found, _LONGEST + 1))
  if len(made) > _LONGEST:
    raise UserError(
        f"{name} has more than {_LONGEST} frames, and this model names one sign: cut the clip out"
    )
  if not made:
    raise frames.VideoError(f"{name} shows nothing in these seconds: pass others")
  return np.stack(made)


def _keypoints(clip, found):
  """(T, 133, 3) float32 of the frames that were read, x and y as shares of the picture."""
  keypoints, name = clips.keypoint_shares(clip.keypoints, found.size, clip.video)
  stop = found.first + len(found.pictures)
  is_part = clip.start > 0 or math.isfinite(clip.end)
  if len(keypoints) < stop or not is_part and len(keypoints) != stop:
    raise clips.unlike_counts(name, len(keypoints), clip.video, stop)
  return keypoints[found.first : stop]
