"""The ways in which videos become what the sign encoder reads, by name."""

from collections.abc import Callable
from typing import NamedTuple

from sign_jax.video import frames, released


class Preparation(NamedTuple):
  """One way."""

  name: str  # on the command line and in files of features
  read: Callable  # (path, start, end, crop, notes, box) -> (seconds, (side, side, 3) uint8), ...
  side: Callable  # crop -> height and width of what `read` gives
  # (n, 16, side, side, 3) uint8, crop -> (n, 16, crop, crop, 3) float32 in [-0.5, 0.5], by JAX
  finish: Callable


EXACT = Preparation(
  frames.EXACT, frames.cropped_frames, lambda crop: crop, lambda x, crop: frames.normalize(x)
)
RELEASED = Preparation(
  frames.RELEASED, released.whole_frames, frames.resize_of,
  lambda x, crop: frames.normalize(released.sampled(x, crop)),
)  # fmt: skip
ALL = {way.name: way for way in (EXACT, RELEASED)}
