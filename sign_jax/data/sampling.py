"""From a video of any number of windows to a fixed number of tokens."""

import numpy as np


def sample_indices(n, length=64):
  """Which of `n` windows are kept for `length` tokens: (min(n, length),) int64, ascending.

  All when they fit, otherwise `linspace(0, n - 1, length)` truncated to int (released CiCo, UPRet).
  """
  if n <= length:
    return np.arange(n)
  return np.linspace(0, n - 1, num=length).astype(int)
