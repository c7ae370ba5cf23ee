"""Fields of optical flow as pictures of three channels."""

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from sign_jax.errors import UserError, did_you_mean

RANGE = 20.0  # pixels of motion that fill the scale of "uvm"
# The Middlebury colour wheel: from one colour to the next in so many entries, while one channel
# (0 red, 1 green, 2 blue) rises or falls.
_SEGMENTS = (
    (15, 1, True), (6, 0, False), (4, 2, True), (11, 1, False), (13, 0, True), (6, 2, False),
)
_RANGES = 1e-3, 1e5  # pixels, of which some can be meant
_SMALLEST = 1e-5  # added to the largest motion


def is_range(value: object) -> bool:
  """Whether a value, of a file perhaps, is a number of pixels that may fill the scale of "uvm"."""
  return type(value) in (int, float) and _RANGES[0] <= value <= _RANGES[1]


def uvm(
    field: Float[np.ndarray, "*N H W 2"], largest: float = RANGE
) -> UInt8[np.ndarray, "*N H W 3"]:
  """Motion along x and y with 127.5 for none, and its length; all in shares of `largest`.

  Args:
    field: (..., H, W, 2) float, in pixels.
    largest: pixels; longer motions are clipped.
  """
  field = np.asarray(field)
  signed = 127.5 + 127.5 * np.clip(field / largest, -1, 1)
  length = 255 * np.clip(np.sqrt(np.square(field).sum(-1, keepdims=True)) / largest, 0, 1)
  return np.floor(np.concatenate([signed, length], axis=-1) + 0.5).astype(np.uint8)


def wheel(field: Float[np.ndarray, "*N H W 2"]) -> UInt8[np.ndarray, "*N H W 3"]:
  """The colour wheel: hue is direction, saturation is length in shares of the frame's largest.

  Args:
    field: (..., H, W, 2) float, in pixels.
  """
  field = np.asarray(field, np.float64)
  longest = np.sqrt(np.square(field).sum(-1)).max((-2, -1))
  field = field / (longest[..., None, None, None] + _SMALLEST)
  radius = np.sqrt(np.square(field).sum(-1))[..., None]
  colours = _wheel_colours()
  turn = (np.arctan2(-field[..., 1], -field[..., 0]) / np.pi + 1) / 2
  place = turn * (len(colours) - 1)
  below = np.floor(place).astype(int)
  share = (place - below)[..., None]
  colour = (1 - share) * colours[below] + share * colours[(below + 1) % len(colours)]
  return np.floor(255 * (1 - radius * (1 - colour))).astype(np.uint8)


def _wheel_colours():
  """(55, 3) float64 in [0, 1], from red over yellow, green, cyan, blue and magenta."""
  rows, colour = [], np.array([255.0, 0.0, 0.0])
  for count, channel, rises in _SEGMENTS:
    for step in range(count):
      moved = np.floor(255 * step / count)
      colour[channel] = moved if rises else 255 - moved
      rows.append(colour.copy())
    colour[channel] = 255 if rises else 0
  return np.stack(rows) / 255


ENCODINGS = {"uvm": uvm, "wheel": wheel}


def encode(
    field: Float[np.ndarray, "*N H W 2"], encoding: str, largest: float = RANGE
) -> UInt8[np.ndarray, "*N H W 3"]:
  """The pictures of fields (..., H, W, 2) by one of ENCODINGS.

  Args:
    largest: pixels of motion that fill the scale of "uvm"; "wheel" has a scale for each frame.

  Raises:
    UserError: another encoding.
  """
  if encoding not in ENCODINGS:
    raise UserError(
        f"flow.encoding={encoding!r} is not one of {', '.join(ENCODINGS)}"
        + did_you_mean(encoding, tuple(ENCODINGS))
    )
  return uvm(field, largest) if encoding == "uvm" else ENCODINGS[encoding](field)


def resized(picture: UInt8[np.ndarray, "H W 3"], size: int) -> UInt8[np.ndarray, "S S 3"]:
  """A picture of `size` x `size` pixels, each the mean of the area that it covers."""
  found = Image.fromarray(np.ascontiguousarray(picture)).resize((size, size), Image.Resampling.BOX)
  return np.asarray(found)
