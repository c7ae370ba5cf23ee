"""Labelled segments of feature files: a window's features in the place of its frames.

A segment's windows are those whose middle it holds. Batches are those of `data.segment_windows`,
with `video` (B, D) float32.
"""

import pathlib

import numpy as np

from sign_jax.data import feature_files
from sign_jax.data.cache import FeatureCache, new_key
from sign_jax.errors import UserError
from sign_jax.video.frames import WINDOW

FPS = 25.0  # of files that do not say


class FeatureSegments:
  """Features of labelled segments; may be pickled and shared between threads."""

  def __init__(self, folder, labels, dim, cache=None):
    """Opens nothing yet.

    Args:
      folder: that the labels' paths begin in; `video` of a label is the path of its features,
        perhaps without ".npz".
      labels: [`label_table.Label`].
      dim: D, the columns that the features must have.
      cache: `FeatureCache` of segments; by default they are read each time.
    """
    self._folder, self.labels, self._dim = pathlib.Path(folder), labels, dim
    self._cache, self._key = FeatureCache(0) if cache is None else cache, new_key()

  def __len__(self):
    return len(self.labels)

  def rows(self, index):
    """(n, D) float32, n > 0: the features of a segment's windows.

    Raises:
      UserError: names the file that cannot be read or has other columns.
    """
    key = (self._key, index)
    held = self._cache.get(key)
    if held is None:
      held = {"rows": self._read(self.labels[index])}
      self._cache.put(key, held)
    return held["rows"]

  def drawn(self, index, rng, augment=None, look=None):
    """(D,) float32: the features of a random window of a segment."""
    del augment, look  # of frames
    rows = self.rows(index)
    return rows[rng.integers(len(rows))]

  def central(self, index):
    """(D,) float32: the features of the window in a segment's middle."""
    rows = self.rows(index)
    return rows[(len(rows) - 1) // 2]

  def _read(self, label):
    path = feature_files.path_of(self._folder, label.video.removesuffix(".npz"))
    content = feature_files.read(path)
    if content.feature.shape[1] != self._dim:
      raise UserError(
        f"{path} has features of {content.feature.shape[1]} columns and data.dim is {self._dim}: "
        "set --config.data.dim (launch.spot_align: --config.spotting.dim), or extract all with one "
        "encoder"
      )
    chosen = inside(content, label.start, label.end)
    return np.asarray(content.feature[chosen], np.float32)


def inside(content, start, end):
  """The windows whose middle lies in a part of a video, as a slice; at least one.

  Args:
    content: `feature_files.FeatureFile`.
    start, end: seconds, `start` included; infinity is the video's end. Files that do not state
      their frames per second have 25.

  Returns:
    slice of the rows. Where no middle lies inside, it is the window nearest to the part's middle.
  """
  middles = (np.arange(len(content.feature)) * content.stride + WINDOW / 2) / (content.fps or FPS)
  found = np.flatnonzero((start <= middles) & (middles < end))
  if len(found):
    return slice(int(found[0]), int(found[-1]) + 1)
  middle = min((start + end) / 2, middles[-1])
  nearest = int(np.abs(middles - middle).argmin())
  return slice(nearest, nearest + 1)
