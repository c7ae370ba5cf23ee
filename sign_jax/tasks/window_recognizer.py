"""How windows of 16 frames are recognised: normalised, scored by the model, cross-entropy."""

from collections.abc import Mapping
from typing import Any

import optax
from jaxtyping import Array, Float, Int, Num, PRNGKeyArray, PyTree
from ml_collections import ConfigDict

from sign_jax.protocols import Batch, Inputs, Recognizer
from sign_jax.video import frames


class WindowRecognizer(Recognizer):
  """The `protocols.Recognizer` of cards that have none."""

  reads = "windows"

  def fields(self, config: ConfigDict) -> tuple[str, ...]:
    """The frames alone."""
    return ("video",)

  def resident(self, config: ConfigDict, facts: Mapping[str, Any]) -> Batch:
    """None."""
    return {}

  def inputs(self, config: ConfigDict, classes: int, resident: Batch) -> Inputs:
    """`video` (16, S, S, 3) uint8, and the number of classes."""
    size = config.data.size
    return {"video": [[frames.WINDOW, size, size, 3], "uint8"], "classes": classes}

  def train_inputs(
      self, config: ConfigDict, batch: Batch, key: PRNGKeyArray
  ) -> tuple[Float[Array, "B 16 S S 3"], dict[str, Int[Array, " B"]]]:
    """Windows in [-0.5, 0.5], which `data.segment_windows` has augmented, and their labels."""
    return frames.normalize(batch["video"]), {"label": batch["label"]}

  def eval_inputs(self, config: ConfigDict, batch: Batch) -> Float[Array, "B 16 S S 3"]:
    """Windows in [-0.5, 0.5]."""
    return frames.normalize(batch["video"])

  def loss(
      self, config: ConfigDict, out: Mapping[str, Any], targets: Mapping[str, Int[Array, " B"]],
      resident: Batch, progress: Num[Array, ""],
  ) -> tuple[Float[Array, ""], dict[str, Array]]:
    """The cross-entropy of the outputs' "logits"."""
    losses = optax.softmax_cross_entropy_with_integer_labels(out["logits"], targets["label"])
    return losses.mean(), {}

  def scores(
      self, config: ConfigDict, out: Mapping[str, Any]
  ) -> dict[str, Float[Array, "B classes"]]:
    """The outputs' "logits"."""
    return {"": out["logits"]}

  def constrain(self, params: PyTree, progress: Num[Array, ""], config: ConfigDict) -> PyTree:
    """They may be anywhere."""
    return params
