"""Random numbers that are the same bits on every machine and with every NumPy.

Only NumPy's bit generators promise a stable stream, its distributions do not. So every draw here
is integer arithmetic on raw PCG64 words, and no `sin`, `log` or `exp` of the platform is used.
"""

import math
import zlib

import numpy as np

_SUM_STD = 2.0 ** 16 / math.sqrt(3.0)  # of the sum of four uniform 16-bit numbers
_SUM_MEAN = 2.0 * (2 ** 16 - 1)


class Random:
  """A stream of random numbers named by a seed and any number of strings.

  Streams of different names are independent, so item k does not depend on the other items.
  """

  def __init__(self, seed, *names):
    keys = [zlib.crc32(str(name).encode()) for name in names]
    self._bits = np.random.PCG64(np.random.SeedSequence([seed, *keys]))

  def uniform(self, low=0.0, high=1.0, shape=()):
    """Float64 numbers in [low, high)."""
    raw = np.asarray(self._bits.random_raw(shape or None), np.uint64)
    return low + (high - low) * ((raw >> np.uint64(11)).astype(np.float64) * 2.0 ** -53)

  def normal(self, shape=()):
    """Float64 numbers of mean 0 and variance 1: sums of four uniform numbers, within +-3.5."""
    raw = np.asarray(self._bits.random_raw(shape or None), np.uint64)
    total = sum((raw >> np.uint64(s)) & np.uint64(0xFFFF) for s in (0, 16, 32, 48))
    return (total.astype(np.float64) - _SUM_MEAN) / _SUM_STD

  def integer(self, n):
    """One int in [0, n)."""
    return int(self._bits.random_raw()) % n

  def chance(self, probability):
    """True with this probability."""
    return bool(self.uniform() < probability)

  def choice(self, items):
    """One of a sequence."""
    return items[self.integer(len(items))]

  def shuffled(self, items):
    """A new list in random order (Fisher-Yates)."""
    items = list(items)
    for last in range(len(items) - 1, 0, -1):
      other = self.integer(last + 1)
      items[last], items[other] = items[other], items[last]
    return items
