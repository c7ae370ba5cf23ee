"""Sign features as users have them -> rows of a batch, as training makes them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import ml_collections
import numpy as np
from jaxtyping import Float

from sign_jax.data import assemble, pose, posed
from sign_jax.data import streams as stream_names
from sign_jax.data.sampling import sample_indices
from sign_jax.errors import UserError, first_line, printable

Array = np.ndarray


def array_of(value: Any, where: str) -> Array:
  """`value` as an array; raises UserError where it is none, such as a list of unlike rows."""
  try:
    return np.asarray(value)
  except (ValueError, TypeError, RuntimeError) as error:  # the last one is PyTorch's
    raise UserError(f"{where} cannot be made an array ({first_line(error)})") from error


def listed(videos: Any, lengths: Iterable[int] | None = None) -> list:
  """One entry for each video: (n, D), or {stream: (n, D)}.

  Args:
    videos: see `retrieval.RetrievalModel.encode_videos`.
    lengths: the windows of each video, where `videos` is one array (B, L, D).

  Raises:
    UserError: something else.
  """
  if isinstance(videos, Mapping):
    streams = {name: listed(found, lengths) for name, found in videos.items()}
    counts = {len(found) for found in streams.values()}
    if len(counts) > 1:
      raise UserError(f"the streams {' and '.join(map(str, streams))} are of {counts} videos")
    names = tuple(streams)
    return [dict(zip(names, row, strict=True)) for row in zip(*streams.values(), strict=True)]
  if hasattr(videos, "ndim"):
    return _of_array(array_of(videos, "the array of videos"), lengths)
  if lengths is not None:
    raise UserError("lengths are for one array of all videos (B, L, D): leave them out")
  if not isinstance(videos, Sequence):
    raise UserError(f"videos are a list of arrays (windows, channels), not {type(videos).__name__}")
  return list(videos)


def _of_array(array, lengths):
  if array.ndim != 3:
    raise UserError(
        f"one array of videos has the axes (videos, windows, channels), not {array.shape}: put "
        "the array of a single video into a list"
    )
  counts = [array.shape[1]] * len(array) if lengths is None else _counts(lengths)
  if len(counts) != len(array) or not all(1 <= n <= array.shape[1] for n in counts):
    shown = printable(counts or lengths, 80)
    raise UserError(
        f"lengths must be {len(array)} whole numbers between 1 and {array.shape[1]}, not {shown}"
    )
  return [rows[:n] for rows, n in zip(array, counts, strict=True)]


def _counts(lengths):
  """A list of int; empty where these are no whole numbers."""
  try:
    lengths = list(lengths)
    counts = [int(n) for n in lengths]
    return counts if all(n == count for n, count in zip(lengths, counts, strict=True)) else []
  except (TypeError, ValueError, OverflowError):
    return []


def rows(
    video: Any, where: str, data: ml_collections.ConfigDict, width: int,
    keypoints: Any = None, pose_settings: pose.Settings | None = None, stride: int = 0,
    by_window: bool = False,
) -> dict[str, Any]:
  """The windows of one video that the model reads.

  Args:
    video: (n, D), or {stream: (n, D)}, which are combined as the settings say.
    where: of which video, for messages.
    data: the section `data` of a configuration.
    width: D of the model.
    keypoints: (F, 133, 3) of a system that reads poses, else None.
    pose_settings: `pose.Settings` then.
    stride: frames from one window of the features to the next, 0 where unknown.
    by_window: whether they have instead a row for each window that is kept of the poses.

  Returns:
    {"video": (L, D) float32, zeros after the last window, "video_valid": (L,) bool}, and "pose"
    as `pose.pad` gives it where there are keypoints.

  Raises:
    UserError: arrays that are no features, of another width or not finite.
  """
  streams = _streams(video, where, data.combine)
  count = len(next(iter(streams.values())))
  found = {}
  if pose_settings is None:
    kept = sample_indices(count, data.video_length)
  else:
    keypoints = array_of(keypoints, f"the poses of {where}")
    prepared = posed.prepare(keypoints, pose_settings, where)
    kept = (
        pose.window_rows(prepared, count, where) if by_window
        else pose.feature_rows(prepared, len(keypoints), count, stride)
    )
    found["pose"] = pose.pad(prepared, pose_settings.max_frames)
  streams = {name: array[kept] for name, array in streams.items()}
  combined = _combined(streams, data)
  if combined.shape[1] != width:
    raise UserError(f"{where} has {combined.shape[1]} channels, and the model reads {width}")
  padded = np.zeros((data.video_length, width), np.float32)
  padded[: len(combined)] = combined
  return {"video": padded, "video_valid": np.arange(data.video_length) < len(combined), **found}


def _combined(streams, data) -> Float[Array, "n D"]:
  if tuple(streams) == (None,):  # one array: combined already, or of the only stream
    return streams[None]
  return assemble.combine(streams, data.combine, data.alpha)


def _streams(video, where, mode):
  """{stream: (n, D)} of what is used of a video; {None: (n, D)} of a single array."""
  if not isinstance(video, Mapping):
    return {None: _features(video, where)}
  there = [name for name in video if isinstance(name, str)]
  _, wanted = stream_names.parse(mode)
  if not there or not set(wanted) <= set(there):
    raise UserError(
        f"{where} has the streams {', '.join(map(str, video)) or 'none'}, and the model reads "
        f"{' and '.join(wanted) or 'one of any name'}"
    )
  used = stream_names.used(there, mode)
  streams = {name: _features(video[name], f"stream {name} of {where}") for name in used}
  if len({array.shape for array in streams.values()}) > 1:
    shapes = ", ".join(f"{name} {array.shape}" for name, array in streams.items())
    raise UserError(f"the streams of {where} differ in shape: {shapes}")
  return streams


def _features(array, where):
  array = array_of(array, where)
  if array.dtype.name == "bfloat16":  # of JAX, which numpy has no kind for
    array = array.astype(np.float32)
  if array.ndim != 2 or array.dtype.kind not in "fiu":
    raise UserError(
        f"{where} is an array of shape {array.shape} and type {array.dtype}, it must be numbers "
        "(windows, channels)"
    )
  if not len(array):
    raise UserError(f"{where} has no windows: leave it out")
  with np.errstate(over="ignore"):  # float64 that float32 has not is told below
    array = array if array.dtype in (np.float16, np.float32) else array.astype(np.float32)
  if not np.isfinite(array).all():
    raise UserError(f"the features of {where} are not all finite")
  return array
