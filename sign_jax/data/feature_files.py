"""Files of sign features, one .npz per video, as `sign_jax.extract` writes them."""

import os
import pathlib
import zipfile
from typing import NamedTuple

import numpy as np

from sign_jax.errors import UserError


class FeatureFile(NamedTuple):
  """What a file holds."""

  feature: np.ndarray  # (windows, dim) float32, finite also in float16
  num_frames: int  # of the video
  fps: float  # frames per second of the video, 0 where unknown
  stride: int  # frames from one window to the next
  weights: str  # fingerprint of the sign encoder's weights


def path_of(folder, video):
  """Where the features of a video are: its relative path, with .npz for its extension."""
  return pathlib.Path(folder) / pathlib.PurePosixPath(video).with_suffix(".npz")


def write(path, content):
  """Writes a `FeatureFile`, whole or not at all; makes the folder.

  Raises:
    UserError: features that are not finite in float16, in which data sets keep them.
  """
  if not _finite_in_float16(content.feature):
    raise UserError(f"the features for {path} are not finite in float16, check the weights")
  path.parent.mkdir(parents=True, exist_ok=True)
  partial = path.with_name(f".{path.stem}.{os.getpid()}.partial")
  try:
    with partial.open("wb") as file:
      np.savez(file, **content._asdict())
    os.replace(partial, path)
  finally:
    partial.unlink(missing_ok=True)


def read(path):
  """Reads a `FeatureFile`; runs no code from it.

  Raises:
    UserError: no such file, a damaged one, or features of another shape or not finite in float16.
  """
  path = pathlib.Path(path)
  if not path.is_file():
    raise UserError(f"there is no feature file {path}, make it with `python -m sign_jax.extract`")
  try:
    with np.load(path, allow_pickle=False) as file:
      content = FeatureFile(
        feature=file["feature"],
        num_frames=int(file["num_frames"]),
        fps=float(file["fps"]),
        stride=int(file["stride"]),
        weights=str(file["weights"]),
      )
  except (
    ValueError, TypeError, KeyError, OSError, EOFError, MemoryError, AttributeError,
    NotImplementedError, zipfile.BadZipFile, zipfile.zlib.error,
  ) as error:  # fmt: skip
    raise UserError(
      f"{path} is no complete feature file ({error}), make it anew with "
      "`python -m sign_jax.extract`"
    ) from error
  _check(path, content)
  return content


def _check(path, content):
  feature = content.feature
  if feature.ndim != 2 or feature.dtype.kind != "f" or 0 in feature.shape:
    raise UserError(
      f"{path} holds features of shape {feature.shape} and type {feature.dtype}, they must be "
      "(windows, dim) floats"
    )
  if not _finite_in_float16(feature):
    raise UserError(f"{path} holds features that are not finite in float16, extract them anew")


def _finite_in_float16(feature):
  # NaN compares false.
  return bool(np.all(np.abs(feature) <= np.finfo(np.float16).max))
