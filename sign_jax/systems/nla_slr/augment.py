"""What the streams read, made on the device from a batch of the reader: NLA-SLR, section 3.1.

`draw` decides at random and `inputs` computes, so that a test can decide itself.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, Int, PRNGKeyArray
from ml_collections import ConfigDict

from sign_jax.ops import colour, crop, heatmap, mixup
from sign_jax.protocols import Batch
from sign_jax.systems import clip_inputs, options
from sign_jax.systems.nla_slr import streams


class Draws(NamedTuple):
  """All that is drawn for a batch, the same for both modalities and lengths of a clip.

  Attributes:
    jitter: of the colours; None for none.
    boxes: that are cut out of pictures and heatmaps.
    starts: (B,) first frames of the short clips.
    blend: of the examples with others; None for none.
  """

  jitter: colour.Jitter | None
  boxes: crop.Boxes
  starts: Int[Array, " B"]
  blend: mixup.Mixup | None


def short(frames: int) -> int:
  """Frames of a short clip."""
  return frames // 2


def draw(config: ConfigDict, key: PRNGKeyArray, batch: int) -> Draws:
  """The augmentation of a training batch of so many clips."""
  data, blended = config.data, config.model.intra_mixup
  colours, boxes, starts, blend = jax.random.split(key, 4)
  left = data.frames - short(data.frames)
  return Draws(
      colour.draw(colours, batch, data.jitter) if data.jitter else None,
      crop.draw(boxes, batch, data.size_stored, (data.least_area, 1.0)),
      jax.random.randint(starts, (batch,), 0, left + 1),
      mixup.draw(blend, blended, config.model.mixup_alpha) if blended else None,
  )


def still(config: ConfigDict, batch: int) -> Draws:
  """That of evaluation: whole pictures, and the short clip from the middle of the long one."""
  frames = config.data.frames
  start = (frames - short(frames)) // 2
  return Draws(None, crop.whole(batch), jnp.full(batch, start), None)


def inputs(config: ConfigDict, batch: Batch, draws: Draws) -> dict[str, Float[Array, "B _ _ _ _"]]:
  """What `model.VKNet` is called with: {stream: array in [-1, 1]}, in the dtype of its products.

  Args:
    config: the whole configuration.
    batch: `video` (B, T, S, S, 3) uint8 and `keypoints` (B, T, 133, 3) float32, x and y as shares
      of the picture; those that the streams need.
    draws: `Draws`.
  """
  dtype = options.compute_dtype(config.model.dtype)
  names = streams.chosen(config.model.modalities, config.model.lengths)
  makers = {
      "video": lambda cut: clip_inputs.pictures(
          cut(batch["video"]), draws.boxes, config.data.size, dtype, draws.jitter
      ),
      "keypoint": lambda cut: maps(config, cut(batch["keypoints"]), draws.boxes, dtype),
  }
  found = {}
  for modality, make in makers.items():
    members = [name for name in names if name.startswith(modality)]
    if not members:
      continue
    # A short clip that goes beside a long one is cut out of what that has become.
    whole = make(lambda x: x) if f"{modality}_long" in members else None
    cut = lambda x: _cut(x, draws.starts, short(config.data.frames))
    for name in members:
      is_long = name.endswith("_long")
      found[name] = whole if is_long else make(cut) if whole is None else cut(whole)
  blend = draws.blend
  return found if blend is None else {n: mixup.apply(blend, x) for n, x in found.items()}


def _cut(x, starts, frames):
  """(B, frames, ...) of (B, T, ...), from a frame of its own on for each clip."""
  return jax.vmap(lambda clip, start: jax.lax.dynamic_slice_in_dim(clip, start, frames))(x, starts)


def maps(
    config: ConfigDict, keypoints: Float[ArrayLike, "B T 133 3"], boxes: crop.Boxes,
    dtype: DTypeLike,
) -> Float[Array, "B T h h 63"]:
  """Heatmaps of the joints that the network reads, cut as the pictures are, in [-1, 1]."""
  size = config.data.heatmap_size
  canvas, sigma = heatmap.canvas_of(config.model.heatmap or config.model.variant, size)
  sigma = config.model.heatmap_sigma or sigma
  return clip_inputs.maps(keypoints, heatmap.JOINTS, size, boxes, canvas, sigma, dtype)
