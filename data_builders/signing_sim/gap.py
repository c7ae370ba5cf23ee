"""What makes the feature space of lexicons another one than that of sentences, and both noisy.

On clean features one round of spotting finds nearly every sign. So the sentences' features get
noise, and most of a lexicon's signal is turned into other directions: an encoder that knows no
sentence does not see that the two show the same signs.
"""

import functools

import numpy as np
from jaxtyping import Float, Float16

from data_builders.signing_sim import exact
from data_builders.signing_sim.rng import Random

_SEED = 71  # the turns are part of the version, not of a seed
_SPREAD = 0.65  # standard deviation of the agnostic stream of `small`
_KEPT, _TURNED, _NOISE = 0.44, 0.9, 0.3  # shares of a lexicon's features
_BLOCK = 16  # columns that a turn mixes at once, or a power of it
_ROUNDS = 3
_GRID = 2.0**-6


def noisy(feature: Float[np.ndarray, "windows width"],
          random: Random) -> Float16[np.ndarray, "windows width"]:
  """Features of sentences: with noise of one standard deviation."""
  return _stored(feature + _noise(feature, random))


def turned(feature: Float[np.ndarray, "windows width"], lexicon: str,
           random: Random) -> Float16[np.ndarray, "windows width"]:
  """Features of a lexicon: a little of what they were, much of it turned, and some noise."""
  signal = feature.astype(np.float64)
  other = signal @ rotation(lexicon, feature.shape[1])
  return _stored(_KEPT * signal + _TURNED * other + _NOISE * _noise(feature, random))


@functools.cache
def rotation(lexicon: str, width: int) -> Float[np.ndarray, "width width"]:
  """The rotation of a lexicon: products of Walsh-Hadamard matrices and random signs.

  All entries are multiples of 2**-12, as a Hadamard matrix of 4**k rows over 2**k is, so that
  products with features have the same bits in whatever order they are summed.

  Args:
    lexicon: its name.
    width: columns of the features, a multiple of 16.
  """
  block = _BLOCK
  while width % (4 * block) == 0:
    block *= 4
  hadamard = np.kron(np.eye(width // block), _hadamard(block) / np.sqrt(block))
  random = Random(_SEED, "turn", lexicon)
  turn = np.eye(width)
  for _ in range(_ROUNDS):
    signs = np.where(random.uniform(shape=(width,)) < 0.5, -1.0, 1.0)
    signs[0] *= np.prod(signs)  # an even number of them turns and does not mirror
    # Rolled, so that the next round mixes other columns where there are several blocks.
    turn = np.roll(turn @ (signs[:, None] * hadamard), block // 2, axis=1)
  return turn


def _hadamard(size):
  matrix = np.ones((1, 1))
  while len(matrix) < size:
    matrix = np.kron(matrix, np.array([[1.0, 1.0], [1.0, -1.0]]))
  return matrix


def _noise(feature, random):
  return _SPREAD * random.normal(feature.shape)


def _stored(feature):
  return exact.grid(feature, _GRID).astype(np.float16)
