"""What models that recognise signs have in common: names of classes, the most probable ones."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from sign_jax.api import model
from sign_jax.errors import UserError
from sign_jax.run import trained


class Recognized(NamedTuple):
  """The most probable signs of each window, or of a clip, the best first.

  Attributes:
    labels: n lists of names; the number of the class where it has no name.
    probabilities: (n, top) float32.
    classes: (n, top) int64.
    seconds: (n,) float64, when each window of a video begins; None for windows of frames, and for
      whole clips.
  """

  labels: list[list[str]]
  probabilities: Float[np.ndarray, "n top"]
  classes: Int[np.ndarray, "n top"]
  seconds: Float[np.ndarray, "n"] | None  # noqa: F821


class NamingModel(model.Model):
  """A model whose classes may have names.

  Attributes:
    labels: names of the classes, None where they are not known.
  """

  def __init__(self, found: trained.Trained, labels: list[str] | None = None) -> None:
    super().__init__(found)
    self._classes = found.inputs["classes"]
    is_list = hasattr(labels, "__len__") and not isinstance(labels, str)
    count = len(labels) if is_list else type(labels).__name__
    if labels is not None and count != self._classes:
      raise UserError(f"labels must be {self._classes} names, one a class, not {count}")
    self.labels = None if labels is None else list(map(str, labels))

  def _named(self, probabilities, top, seconds):
    """`Recognized` of probabilities (n, classes)."""
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :top].astype(np.int64)
    named = [[str(i) if self.labels is None else self.labels[i] for i in row] for row in order]
    return Recognized(named, np.take_along_axis(probabilities, order, 1), order, seconds)


def check_counts(**counts: int) -> None:
  """Raises UserError where one of the numbers is no whole number above 0."""
  if any(type(count) is not int or count < 1 for count in counts.values()):
    said = " and ".join(f"{name}={count}" for name, count in counts.items())
    what = "whole numbers" if len(counts) > 1 else "a whole number"
    raise UserError(f"{said} must be {what} above 0")
