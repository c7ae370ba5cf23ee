"""All videos of a split as one array, for a device that holds them during a whole run.

The windows of all videos lie one after the other, without padding: (R, D), R the sum over videos of
min(n, L_v). A batch then says only where each of its videos begins, and how many windows it has.
"""

import numpy as np
from tqdm import tqdm

from sign_jax.data.assemble import combine, combined_spec


def places(split, length):
  """(start, windows) of each video of a `RetrievalSplit`: two (V,) int64 arrays."""
  windows = np.minimum(split.windows, length)
  return np.cumsum(windows) - windows, windows


def nbytes(split, length, mode="sum"):
  """Bytes of the array that `rows` returns; reads no features."""
  dim, dtype = combined_spec(split, mode)
  return int(places(split, length)[1].sum()) * dim * dtype.itemsize


def rows(split, length, mode="sum", alpha=0.8, second="aware"):
  """Reads all videos behind a progress bar.

  Args:
    split: `RetrievalSplit`.
    length: L_v.
    mode, alpha, second: see `assemble.combine`.

  Returns:
    (R, D) array, the values of `VideoRows` to the last bit. The sum of two float16 streams takes
    no more room as float32 than the two streams would.

  Raises:
    UserError: as `RetrievalSplit.features` and `combine`.
  """
  dim, dtype = combined_spec(split, mode)
  starts, windows = places(split, length)
  array = np.empty((windows.sum(), dim), dtype)
  videos = split.stored_features(range(split.num_videos), length)
  bar = tqdm(videos, "features", split.num_videos, unit="video", delay=2)
  for streams, start, count in zip(bar, starts, windows, strict=True):
    combine(streams, mode, alpha, array[start : start + count], second)
  return array


class VideoPlaces:
  """Video indices to {"video_start", "video_windows"}, both (B,) int32: their place in `rows`."""

  def __init__(self, split, length):
    self.starts, self.windows = places(split, length)

  def __call__(self, videos):
    return {
      "video_start": self.starts[videos].astype(np.int32),
      "video_windows": self.windows[videos].astype(np.int32),
    }
