"""Sign features that carry their sentences, for golden cases of whole pipelines.

Released features cannot be shipped. These are functions of a model's weights, the video's name, its
number of frames and its sentence's token ids: what the model's own towers would have to see to find
the sentence's words, with noise that depends on the names alone.
"""

import functools
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int

from sign_jax.golden import seeded
from sign_jax.untrusted import npz

STREAMS = ("agnostic", "aware")
_MOST_WINDOWS = 160
_SHARES = 250, 750  # of a video's frames that begin a window, per mille
_NOISE = np.float32(5.5)
_START, _END = 49406, 49407  # of CLIP's token ids
# Weights are drawn wider or narrower than elsewhere, so that tokens can be told apart.
GAINS = {"clip.token_embedding.weight": 12.0, "resblocks": 0.5}


class Inputs(NamedTuple):
  """What the features of some videos are made from, in the order of their annotations.

  Attributes:
    names: (V,) str.
    num_frames: (V,) int.
    ids: (V, 32) int, the token ids of each video's sentence.
  """

  names: np.ndarray
  num_frames: Int[np.ndarray, " V"]
  ids: Int[np.ndarray, "V L_t"]


def read_inputs(path: str | pathlib.Path) -> Inputs:
  """The `Inputs` in an .npz file."""
  arrays = npz.read(pathlib.Path(path))
  return Inputs(*(arrays[name] for name in Inputs._fields))


def state_dict(params: list, seed_prefix: str = "") -> dict[str, np.ndarray]:
  """The weights of these cases: {released name: array}.

  Args:
    params: [(released name, shape)], of the system's other golden case.
    seed_prefix: stands before the names where numbers are drawn.
  """
  return seeded.state_dict({"params": params, "gain": GAINS, "seed_prefix": seed_prefix})


def num_windows(name: str, num_frames: int) -> int:
  """Of a video: between a quarter and three quarters of its frames, at most 160."""
  share = int(seeded.integers(f"e2e/share/{name}", *_SHARES, ()))
  return min(max(round(int(num_frames) * share / 1000), 1), _MOST_WINDOWS)


class Features:
  """Makes the features of videos under a model's weights.

  Attributes:
    dim: D of a feature.

  Args:
    state: {released name: array} of UPRet or CiCo, see `state_dict`.
  """

  def __init__(self, state: Mapping[str, Any]) -> None:
    wide = lambda name: np.asarray(state[name], np.float64)
    first = wide("clip.visual.conv1.weight")
    self._embedding = wide("clip.token_embedding.weight")
    self._text, self._video = wide("clip.text_projection"), wide("clip.visual.proj")
    self._first = first.reshape(len(first), -1)  # (width, D)
    self.dim = self._first.shape[1]
    self._base = functools.cache(self._make_base)

  def __call__(
      self, name: str, num_frames: int, ids: Int[np.ndarray, " L_t"]
  ) -> dict[str, Float32[np.ndarray, "n D"]]:
    """{stream: (n, D) float32} of one video: row r of n shows the word at r / n of its sentence.

    Args:
      name: the video's.
      num_frames: the video's.
      ids: its sentence's token ids, with start, end and padding.
    """
    count = num_windows(name, num_frames)
    words = [int(x) for x in ids if x not in (0, _START, _END)] or [_END]
    base = np.stack([self._base(words[row * len(words) // count]) for row in range(count)])
    noise = lambda stream: _NOISE * seeded.normal(f"e2e/{stream}/{name}", base.shape)
    return {stream: base + noise(stream) for stream in STREAMS}

  def _make_base(self, token):
    """(D,) float32: a direction from which both towers come to a token's place."""
    place = _standardised(_standardised(self._embedding[token]) @ self._text @ self._video.T)
    return (place @ self._first).astype(np.float32)


def _standardised(x: Float[np.ndarray, " D"]) -> Float[np.ndarray, " D"]:
  return (x - x.mean()) / x.std()
