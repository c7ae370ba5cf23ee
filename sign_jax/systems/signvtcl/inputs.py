"""What the streams read, made on the device from a batch of the reader.

`draw` decides at random and `inputs` computes, so that a test can decide itself.
"""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from ml_collections import ConfigDict

from sign_jax.ops import colour, crop, heatmap
from sign_jax.ops.separable_maps import SeparableMaps
from sign_jax.protocols import Batch
from sign_jax.systems import clip_inputs, options
from sign_jax.systems.signvtcl import settings

# Of COCO-WholeBody's 133: every third point of the face, both hands, every second point of the
# mouth, upper body.
JOINTS = np.r_[23:69:3, 91:133, 71:90:2, 0:11]
FIELDS = {"video": "video", "keypoint": "keypoints", "flow": "flow"}  # of a batch


class Draws(NamedTuple):
  """All that is drawn for a batch, the same for every stream of a clip.

  Attributes:
    jitter: of the videos' colours; None for none.
    boxes: that are cut out of pictures and heatmaps.
  """

  jitter: colour.Jitter | None
  boxes: crop.Boxes


def draw(config: ConfigDict, key: PRNGKeyArray, batch: int) -> Draws:
  """The augmentation of a training batch of so many clips."""
  data = config.data
  colours, boxes = jax.random.split(key)
  jitter = colour.draw(colours, batch, data.jitter) if data.jitter else None
  side = round(data.size_stored * data.centre)
  drawn = crop.draw(boxes, batch, side, (data.least_area, 1.0))
  return Draws(jitter, crop.inside(crop.central(batch, data.centre), drawn))


def still(config: ConfigDict, batch: int) -> Draws:
  """That of evaluation: the middle of the pictures, all of it."""
  return Draws(None, crop.central(batch, config.data.centre))


def inputs(
    config: ConfigDict, batch: Batch, draws: Draws
) -> dict[str, Float[Array, "B T _ _ _"] | SeparableMaps]:
  """What `model.SignVTCL` is called with: {stream: array in [-1, 1]}, in the dtype of its products.

  Args:
    config: the whole configuration.
    batch: `video` and `flow` (B, T, S, S, 3) uint8 and `keypoints` (B, T, 133, 3) float32, x and y
      as shares of the picture; those that the streams need.
    draws: `Draws`.
  """
  data, section = config.data, settings.decided(config.model)
  dtype = options.compute_dtype(section.dtype)
  canvas, sigma = tuple(section.heatmap_canvas), section.heatmap_sigma
  makers = {
      "video": lambda x: clip_inputs.pictures(x, draws.boxes, data.size, dtype, draws.jitter),
      "flow": lambda x: clip_inputs.pictures(x, draws.boxes, data.size, dtype, reverse=False),
      "keypoint": lambda x: SeparableMaps(*heatmap.profiles(
          x[:, :, JOINTS], settings.map_size(config), draws.boxes, canvas=canvas, sigma=sigma
      )).astype(dtype),
  }
  return {name: makers[name](batch[FIELDS[name]]) for name in settings.streams_of(section)}
