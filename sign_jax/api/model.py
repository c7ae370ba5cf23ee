"""What all models of the Python interface have in common."""

from collections.abc import Iterator
from typing import Any

import jax
import ml_collections
import numpy as np

from sign_jax.errors import UserError
from sign_jax.run import trained

SIZES = (1, 8, 32)  # of the batches that programs are compiled for


class Model:
  """A trained model, ready to use.

  Attributes:
    system: its system's name.
    config: the settings that it was trained with, ml_collections.ConfigDict.
    trained: `run.trained.Trained`, with the variables and the Flax module.
  """

  does = ""  # what a user can do with it, for messages

  def __init__(self, found: trained.Trained) -> None:
    self.trained = found
    self._variables = jax.device_put(found.variables)

  @property
  def system(self) -> str:
    return self.trained.system.name

  @property
  def config(self) -> ml_collections.ConfigDict:
    return self.trained.config

  def __repr__(self) -> str:
    return f"<{type(self).__name__}: {self.system} of {self.trained.workdir}>"

  def encode_videos(self, videos: Any, **options: Any) -> Any:
    """Systems that retrieve and models of single signs have it, see `retrieval` and
    `sign_recognition`."""
    raise self._cannot("encode videos for a search")

  def encode_texts(self, texts: Any) -> Any:
    """Only retrieval systems have it, see `retrieval.RetrievalModel`."""
    raise self._cannot("encode texts")

  def similarity(self, videos: Any, texts: Any) -> Any:
    """Only retrieval systems have it, see `retrieval.RetrievalModel`."""
    raise self._cannot("compare videos with texts")

  def recognize(self, video: Any, top: int = 5, **options: Any) -> Any:
    """Only recognition systems have it, see `recognition.RecognitionModel`."""
    raise self._cannot("recognize signs")

  def _cannot(self, what):
    return UserError(f"a model of {self.system} does not {what}: it can {self.does}")


def batches(
    count: int, sizes: tuple[int, ...] = SIZES
) -> Iterator[tuple[int, int, int]]:
  """Cuts `count` rows into batches of few sizes.

  Yields:
    (first row, row behind the last, size): the size is at least the number of rows.
  """
  start = 0
  while start < count:
    left = count - start
    whole = [size for size in sizes if size <= left]
    # Four rows are one batch of 8 with padding, not four of 1.
    size = sizes[1] if whole[-1:] == [sizes[0]] and left > sizes[0] else (whole or sizes)[-1]
    yield start, min(start + size, count), size
    start += size


def filled(array: np.ndarray, size: int) -> np.ndarray:
  """(n, ...) -> (size, ...): the last row again where rows are missing, so that none is empty."""
  return np.pad(array, [(0, size - len(array))] + [(0, 0)] * (array.ndim - 1), mode="edge")


def joined(parts: list[Any]) -> Any:
  """Trees of numpy arrays (n, ...) -> one of all their rows."""
  return jax.tree.map(lambda *x: np.concatenate(x), *parts)
