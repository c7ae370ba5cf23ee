"""What systems that read clips make of a batch on the device: pictures and heatmaps in [-1, 1]."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, Int, UInt8

from sign_jax.ops import colour, crop, heatmap, placement


def pictures(
    video: UInt8[ArrayLike, "B T S S 3"], boxes: crop.Boxes, size: int, dtype: DTypeLike,
    jitter: colour.Jitter | None = None, reverse: bool = True,
) -> Float[Array, "B T {size} {size} 3"]:
  """Jittered, cut, resized, in [-1, 1]; one clip at a time, to save memory.

  Args:
    video: RGB, or pictures of flow.
    boxes: that are cut out, one for each clip.
    size: pixels of the result's sides.
    dtype: of the result and of the products that resize.
    jitter: of the colours; None for none.
    reverse: whether the order of the channels becomes BGR.
  """

  def clip(x):
    video, jitter, boxes = x
    wide = video.astype(jnp.float32) / 255
    wide = wide if jitter is None else colour.apply_to_clip(jitter, wide)
    one = crop.Boxes(*(side[None] for side in boxes))
    cut = crop.apply(one, wide.astype(dtype)[None], size)[0]
    return heatmap.normalize(cut[..., ::-1] if reverse else cut)

  axes, _ = placement.dividing_axes(video.shape[0])
  clips = placement.by_rows(lambda *rows: jax.lax.map(clip, rows), axes)
  return clips(video, jitter, boxes)


def maps(
    keypoints: Float[ArrayLike, "B T 133 3"], joints: Int[ArrayLike, " K"] | Sequence[int],
    size: int, boxes: crop.Boxes, canvas: int | tuple[int, int], sigma: float, dtype: DTypeLike,
) -> Float[Array, "B T {size} {size} K"]:
  """Heatmaps of some joints, cut as the pictures are, in [-1, 1].

  Args:
    keypoints: x and y as shares of the picture.
    joints: of COCO-WholeBody's 133, in the order of the channels.
    size: pixels of the maps' sides.
    boxes: that are cut out, one for each clip.
    canvas, sigma: see `ops.heatmap.heatmaps`.
    dtype: of the result.
  """
  found = heatmap.heatmaps(
      keypoints[:, :, joints], size, boxes, canvas=canvas, sigma=sigma, dtype=dtype
  )
  return heatmap.normalize(found)
