"""What the `data` section of a configuration says: poses, augmentation, the form of a batch."""

import jax
import ml_collections

from sign_jax.data import hand_boxes, pose, synonyms
from sign_jax.data.augment import Augmentation
from sign_jax.errors import UserError
from sign_jax.protocols import Inputs, System


def pose_settings(config: ml_collections.ConfigDict, system: System) -> pose.Settings | None:
  """How poses are read, or None where the system reads none.

  Args:
    config: the whole configuration.
    system: `protocols.System`.

  Raises:
    UserError: on settings that do not go with poses.
  """
  data = config.data
  if not system.reads_poses:
    return None
  if data.placement == "device":
    raise UserError(
        f"data.placement=device holds no poses, which {system.name} reads: use "
        "--config.data.placement=host"
    )
  most = config.model.get("pose", {}).get("max_windows", 0)
  if most and jax.device_count() > 1:
    raise UserError("model.pose.max_windows is for one device alone: set it to 0")
  return settings_of(data)._replace(no_hands=data.no_hands, max_batch_windows=most)


def settings_of(data: ml_collections.ConfigDict) -> pose.Settings:
  """What the section says of how a video's poses are read."""
  # Runs made before these two were settings lack them.
  bottom = data.get("bottom_margin", hand_boxes.BOTTOM)
  rule = data.get("hand_boxes", "exact")
  return pose.Settings(
      tuple(data.image_size), data.video_length, data.max_frames, bottom=bottom, hand_boxes=rule
  )


def augmentation(data: ml_collections.ConfigDict) -> Augmentation:
  """How the texts of training are changed; `data`: the section.

  Raises:
    UserError: the file of synonyms cannot be read.
  """
  used = data.synonym_probability > 0
  return Augmentation(
      data.swap_probability, data.synonym_probability, data.deletion_probability,
      synonyms.read(data.synonyms or None) if used or data.synonyms else None,
  )


def inputs(
    data: ml_collections.ConfigDict, width: int, with_poses: bool, text: Inputs | None = None
) -> Inputs:
  """`protocols.Inputs` of batches whose sign features have so many channels.

  Args:
    data: the section.
    width: D of a sign feature.
    with_poses: whether batches hold poses.
    text: of a `protocols.TextReader`; None for CLIP's token ids.
  """
  ids = {name: [[data.text_length], "int32"] for name in ("text", "text_aug")}
  found = {
      "video": [[data.video_length, width], "float32"],
      "video_valid": [[data.video_length], "bool"],
      **(text or ids),
  }
  if not with_poses:
    return found
  return {**found, "pose": pose.padded_specs(data.max_frames, data.video_length)}
