"""Files of sign features, one .npz per video, as `sign_jax.extract` writes them."""

import math
import pathlib
from typing import NamedTuple

import numpy as np

from sign_jax.errors import UserError
from sign_jax.files import existing_file, replacing
from sign_jax.untrusted import npz
from sign_jax.video import frames

MAX_BYTES = 2 << 30  # about six hours of video, at 25 windows a second
MAX_FRAMES = np.iinfo(np.int32).max  # what a data set's records hold
_REMEDY = "make it anew with `python -m sign_jax.extract`"


class FeatureFile(NamedTuple):
  """What a file holds."""

  feature: np.ndarray  # (windows, dim) float32, finite also in float16
  num_frames: int  # of the video
  fps: float  # frames per second of the video, 0 where unknown
  stride: int  # frames from one window to the next
  weights: str  # fingerprint of the sign encoder's weights
  part: str = ""  # which part of which video, see `clips.Clip`; "" where the file does not say
  preparation: str = frames.EXACT  # see `encoder.preparation`; files of earlier versions have none


def path_of(folder, name):
  """Where the features of a clip are; `name` as in `clip_table.Row`."""
  return pathlib.Path(folder) / f"{name}.npz"


def write(path, content):
  """Writes a `FeatureFile`, whole or not at all; makes the folder.

  Raises:
    UserError: features that are not finite in float16, in which data sets keep them.
  """
  if not _finite_in_float16(content.feature):
    raise UserError(f"the features for {path} are not finite in float16, check the weights")
  path.parent.mkdir(parents=True, exist_ok=True)
  with replacing(path) as partial, partial.open("wb") as file:
    np.savez(file, **content._asdict())


def read(path):
  """Reads a `FeatureFile`; runs no code from it.

  Raises:
    UserError: no such file, a damaged one, or features of another shape or not finite in float16.
  """
  path = existing_file(path, remedy="make it with `python -m sign_jax.extract`")
  entries = npz.read(
    path, FeatureFile._fields[:5], optional=("part", "preparation"), kind="feature file",
    remedy=_REMEDY, max_bytes=MAX_BYTES,
  )  # fmt: skip
  try:
    content = FeatureFile(
      feature=entries["feature"],
      num_frames=int(entries["num_frames"]),
      fps=float(entries["fps"]),
      stride=int(entries["stride"]),
      weights=str(entries["weights"]),
      part=str(entries.get("part", "")),
      preparation=str(entries.get("preparation", frames.EXACT)),
    )
  except (TypeError, ValueError, OverflowError) as error:
    raise UserError(f"{path} is no complete feature file ({error}), {_REMEDY}") from error
  _check_numbers(path, content)
  check_feature(path, content.feature)
  return content


def _check_numbers(path, content):
  if not 1 <= content.num_frames <= MAX_FRAMES or not 1 <= content.stride <= MAX_FRAMES:
    raise UserError(
      f"{path} states {content.num_frames} frames and a stride of {content.stride}, both must be "
      f"at least 1 and fit into 32 bits, {_REMEDY}"
    )
  if not 0 <= content.fps < math.inf:  # NaN compares false
    raise UserError(f"{path} states {content.fps} frames per second, {_REMEDY}")


def check_feature(path, feature, remedy=_REMEDY):
  """Checks that an array can be a video's features.

  Raises:
    UserError: not (windows, dim) floats, or not finite in float16; ends with `remedy`.
  """
  if feature.ndim != 2 or feature.dtype.kind != "f" or 0 in feature.shape:
    raise UserError(
      f"{path} holds features of shape {feature.shape} and type {feature.dtype}, they must be "
      f"(windows, dim) floats, {remedy}"
    )
  if not _finite_in_float16(feature):
    raise UserError(f"{path} holds features that are not finite in float16, {remedy}")


def _finite_in_float16(feature):
  # Without a second array: NaN is the largest and the smallest, and compares false.
  most = np.finfo(np.float16).max
  return not feature.size or bool(feature.max() <= most and feature.min() >= -most)
