"""Which frames of a sentence's video a recogniser reads: at most 400, a multiple of 4."""

import numpy as np
from jaxtyping import Int

MOST, STRIDE = 400, 4
STRETCH = 0.5, 1.5  # of the frames, the fewest and the most that training takes


def evaluation_frames(n: int, most: int = MOST) -> Int[np.ndarray, " F"]:
  """All frames, of more than `most` the central ones, without a rest behind the last four.

  Args:
    n: frames of the video, at least 1; below 4 the last one is repeated.
    most: a multiple of 4.

  Returns:
    (F,) int64, ascending.
  """
  if n < STRIDE:
    return np.minimum(np.arange(STRIDE), n - 1)
  kept = min(n, most)
  return max(n - most, 0) // 2 + np.arange(kept - kept % STRIDE)


def training_frames(
    n: int, generator: np.random.Generator, most: int = MOST,
    stretch: tuple[float, float] = STRETCH,
) -> Int[np.ndarray, " F"]:
  """A random number of frames: the video slower or faster.

  Args:
    n: frames of the video, at least 1.
    generator: draws the number, and which frames are left out or repeated.
    most: a multiple of 4, of which there are never more.
    stretch: the fewest and the most, as shares of n.

  Returns:
    (F,) int64, ascending; none is repeated where F <= n, and none left out where F >= n.
  """
  least, largest = (int(share * n) for share in stretch)
  largest = min(most, largest)
  drawn = generator.integers(min(least, largest), largest + 1)
  length = max(-(-drawn // STRIDE) * STRIDE, STRIDE)
  if length <= n:
    return np.sort(generator.choice(n, length, replace=False))
  return np.sort(np.concatenate([np.arange(n), generator.integers(0, n, length - n)]))
