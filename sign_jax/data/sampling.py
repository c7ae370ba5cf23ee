"""From a video of any number of windows to a fixed number of tokens."""

import numpy as np


def sample_indices(n, length=64):
  """Which of `n` windows are kept for `length` tokens: (min(n, length),) int64, ascending.

  All when they fit, otherwise `linspace(0, n - 1, length)` truncated to int (released CiCo, UPRet).
  """
  if n <= length:
    return np.arange(n)
  return np.linspace(0, n - 1, num=length).astype(int)


def pad_features(features, length):
  """Fixed-length features.

  Args:
    features: (n, D) array, one row per window.
    length: number of rows wanted.

  Returns:
    (length, D) of the same dtype: the rows of `sample_indices`, then zeros; and valid (length,)
    bool, True where there is a row.
  """
  kept = sample_indices(len(features), length)
  padded = np.zeros((length, features.shape[1]), features.dtype)
  padded[: len(kept)] = features[kept]
  return padded, np.arange(length) < len(kept)
