"""Sign features of clips, as CiCo, UPRet and SEDS release them or as `sign_jax.extract` writes."""

import os
import pathlib
from typing import NamedTuple

import numpy as np

from data_builders.attachments import locate
from sign_jax.data import feature_files
from sign_jax.errors import UserError, shown
from sign_jax.files import existing_file
from sign_jax.untrusted import npz, safe_pickle

ENDINGS = (".npz", ".npy", ".pkl")
KEY = "feature"  # of the dict in a released pickle
_REMEDY = "get it anew or extract it with `python -m sign_jax.extract`"


class Features(NamedTuple):
  """The features of one clip."""

  feature: np.ndarray  # (windows, dim) float32, finite also in float16
  num_frames: int  # of the video, 0 where the file does not say
  fps: float  # frames per second of the video, 0 where the file does not say
  stride: int  # frames from one window to the next, 0 where the file does not say
  weights: str  # fingerprint of the sign encoder's weights, "" where the file does not say
  part: str = ""  # which part of which video, see `clip_table.part_of`; "" where it does not say
  preparation: str = ""  # of the pictures, see `encoder.preparation`; "" where it does not say


class FeatureFolder:
  """The features of one sign encoder: `[<split>/]<name>` with .npz, .npy or .pkl for each clip."""

  def __init__(self, root):
    self.root = pathlib.Path(root)

  def find(self, clip, split):
    """The file of a clip, or None; `split` is one of `splits.SPLITS`; see `locate.find`."""
    return locate.find(self.root, clip, split, ENDINGS)

  @staticmethod
  def read(path):
    """Reads a file that `find` has found.

    Returns:
      `Features`.

    Raises:
      UserError: a damaged or hostile file, or features of another shape, kind or range.
    """
    path = pathlib.Path(path)
    if path.suffix == ".npz":
      return Features(*feature_files.read(path))
    limits = {"kind": "feature file", "remedy": _REMEDY, "max_bytes": feature_files.MAX_BYTES}
    if path.suffix == ".npy":
      feature = npz.read_array(existing_file(path, remedy=_REMEDY), **limits)
    else:
      feature = _array(safe_pickle.read(path, **limits), path)
    feature_files.check_feature(path, feature, _REMEDY)
    return Features(np.ascontiguousarray(feature, np.float32), 0, 0.0, 0, "")


def holds_any(folder):
  """Whether there are files that can be features in a folder, or in those that lie in it."""
  inside = [path for path in folder.iterdir() if path.is_dir()]
  return any(name.endswith(ENDINGS) for path in (folder, *inside) for name in os.listdir(path))


def _array(content, path):
  if isinstance(content, dict):
    if KEY not in content:
      found = ", ".join(shown(str(key)) for key in list(content)[:5]) or "nothing"
      raise UserError(f"{path} has no {KEY!r}, only {found}, {_REMEDY}")
    content = content[KEY]
  if not isinstance(content, np.ndarray):
    raise UserError(f"{path} holds a {type(content).__name__} and no array, {_REMEDY}")
  return content
