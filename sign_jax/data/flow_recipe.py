"""How pictures of optical flow are made of a video's frames, as a data set notes it."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8

from sign_jax.data import flow_encoding
from sign_jax.errors import UserError
from sign_jax.video import containers, flow

_LARGEST_SIDE = 8192


class Recipe(NamedTuple):
  """The settings.

  Attributes:
    encoding: of `flow_encoding.ENCODINGS`.
    range: pixels of motion that fill the scale of "uvm".
    frames: height and width of the frames that motion is estimated in; 0 leaves them as they are.
    pictures: height and width of the pictures, each pixel a mean of areas; 0: as the frames.
  """

  encoding: str = "uvm"
  range: float = flow_encoding.RANGE
  frames: int = 0
  pictures: int = 0


def of_note(note: Any, side: int, where: Any) -> Recipe:
  """What a data set's metadata says under "flow"; the defaults where it says nothing.

  Args:
    note: {"encoding", "range", "size"}, where "size" is that of the pictures, as
      `data_builders.flow` writes it; with "method" it is that of the frames, as of signing_sim,
      which keeps the pictures in the size that they are read in.
    side: height and width of the pictures that a model reads, pixels.
    where: of which file, for messages.

  Raises:
    UserError: it says what cannot be.
  """
  if not note:
    return Recipe()
  found = dict(note) if isinstance(note, dict) else {"encoding": note}
  encoding, size = found.get("encoding", "uvm"), found.get("size") or 0
  largest = found.get("range") or flow_encoding.RANGE
  if (
      not isinstance(encoding, str) or encoding not in flow_encoding.ENCODINGS
      or not flow_encoding.is_range(largest)
      or type(size) is not int or not 0 <= size <= _LARGEST_SIDE
  ):
    raise UserError(f"{where} does not say how its pictures of flow were made: get it anew")
  sizes = (size, side) if "method" in found else (0, size)
  return Recipe(encoding, float(largest), *sizes)


def pictures(
    recipe: Recipe, frames: Iterable[UInt8[np.ndarray, "H W 3"]], side: int
) -> Iterator[UInt8[np.ndarray, "S S 3"]]:
  """A picture for each frame, two frames in memory at a time.

  Args:
    recipe: `Recipe`.
    frames: (H, W, 3) uint8 RGB, all of one size.
    side: S, the height and width that a model reads.

  Raises:
    UserError: as `video.flow.stream`.
  """
  if recipe.frames:
    frames = (containers.resized_rgb(x, (recipe.frames,) * 2) for x in frames)
  for field in flow.stream(frames):
    picture = flow_encoding.encode(field, recipe.encoding, recipe.range)
    if recipe.pictures:
      picture = flow_encoding.resized(picture, recipe.pictures)
    if picture.shape[:2] != (side, side):
      picture = containers.resized_rgb(np.ascontiguousarray(picture), (side, side))
    yield picture
