"""Random resized crops of whole clips, as two small matrices: one for rows, one for columns."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Float32, PRNGKeyArray, Shaped

TRIES = 10  # boxes that are drawn until one fits into the picture
AREA, ASPECT = (0.7, 1.0), (0.75, 1.3)  # NLA-SLR: share of the picture, width by height


class Boxes(NamedTuple):
  """A box of every clip's pictures, in shares of their height and width."""

  top: Float32[Array, " B"]
  left: Float32[Array, " B"]
  height: Float32[Array, " B"]
  width: Float32[Array, " B"]


def whole(batch: int) -> Boxes:
  """Boxes that cut nothing off."""
  zeros, ones = jnp.zeros(batch), jnp.ones(batch)
  return Boxes(zeros, zeros, ones, ones)


def inside(outer: Boxes, inner: Boxes) -> Boxes:
  """Boxes whose shares are of other boxes, as shares of the pictures."""
  return Boxes(
      outer.top + outer.height * inner.top, outer.left + outer.width * inner.left,
      outer.height * inner.height, outer.width * inner.width,
  )


def central(batch: int, share: float) -> Boxes:
  """Boxes in the middle of the pictures, with a share of their sides."""
  margin, side = jnp.full(batch, (1 - share) / 2), jnp.full(batch, share)
  return Boxes(margin, margin, side, side)


def draw(
    key: PRNGKeyArray, batch: int, size: int, area: tuple[float, float] = AREA,
    aspect: tuple[float, float] = ASPECT,
) -> Boxes:
  """Boxes at random, as torchvision's RandomResizedCrop draws them.

  The area is uniform in `area`, the aspect log-uniform in `aspect`; sides and corners are whole
  pixels. Where none of `TRIES` boxes fits, it is the whole picture.

  Args:
    key: PRNG key.
    batch: clips.
    size: pixels of the square pictures' sides.
    area: least and largest share of the picture's area.
    aspect: least and largest width by height.
  """
  keys = jax.random.split(key, 4)
  uniform = lambda key, low, high: jax.random.uniform(
      key, (batch, TRIES), minval=low, maxval=high
  )
  areas = size**2 * uniform(keys[0], *area)
  aspects = jnp.exp(uniform(keys[1], *jnp.log(jnp.array(aspect))))
  widths = jnp.round(jnp.sqrt(areas * aspects))
  heights = jnp.round(jnp.sqrt(areas / aspects))
  fits = (widths > 0) & (widths <= size) & (heights > 0) & (heights <= size)
  first = jnp.argmax(fits, axis=1)[:, None]
  take = lambda x: jnp.where(fits.any(1), jnp.take_along_axis(x, first, axis=1)[:, 0], size)
  width, height = take(widths), take(heights)
  corner = lambda key, side: jnp.floor(jax.random.uniform(key, (batch,)) * (size - side + 1))
  top, left = corner(keys[2], height), corner(keys[3], width)
  return Boxes(*(x / size for x in (top, left, height, width)))


def matrix(
    start: Float[ArrayLike, " B"], length: Float[ArrayLike, " B"], source: int, target: int
) -> Float32[Array, "B {target} {source}"]:
  """Bilinear resizing of part of an axis, as a matrix; rows sum to 1.

  Equals cutting the part out and PyTorch's `interpolate(mode="bilinear", align_corners=False)`
  without anti-aliasing, where the part is whole pixels.

  Args:
    start, length: (B,) of the part, in shares of the axis.
    source: pixels of the axis.
    target: pixels that the part becomes.
  """
  start, length = start[:, None] * source, length[:, None] * source
  at = (jnp.arange(target) + 0.5)[None] * (length / target) - 0.5
  at = jnp.clip(start + jnp.clip(at, 0.0, jnp.maximum(length - 1.0, 0.0)), 0.0, source - 1.0)
  # Of two neighbours each has 1 minus its distance.
  distance = jnp.abs(at[:, :, None] - jnp.arange(source)[None, None])
  return jnp.maximum(1.0 - distance, 0.0)


def matrices(
    boxes: Boxes, source: int, target: int
) -> tuple[Float32[Array, "B {target} {source}"], Float32[Array, "B {target} {source}"]]:
  """`matrix` of the rows and of the columns of square pictures."""
  return (
      matrix(boxes.top, boxes.height, source, target),
      matrix(boxes.left, boxes.width, source, target),
  )


def apply(
    boxes: Boxes, video: Shaped[ArrayLike, "B T S S C"], target: int
) -> Float[Array, "B T {target} {target} C"]:
  """Cuts the box out of every frame of a clip and resizes it to `target` x `target`.

  Args:
    boxes: of the clips.
    video: (B, T, S, S, C) float; also the dtype of the products.
    target: pixels of the result's sides.
  """
  rows, columns = (x.astype(video.dtype) for x in matrices(boxes, video.shape[2], target))
  exact = jax.lax.Precision.HIGHEST if video.dtype == jnp.float32 else None
  cut = jnp.einsum("byr,btrxc->btyxc", rows, video, precision=exact)
  return jnp.einsum("bxr,btyrc->btyxc", columns, cut, precision=exact)
