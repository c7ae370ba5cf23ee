"""How a window's features are recognised: as they are, with the cross-entropy."""

from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, PRNGKeyArray
from ml_collections import ConfigDict

from sign_jax.protocols import Batch, Inputs
from sign_jax.tasks.window_recognizer import WindowRecognizer


class FeatureRecognizer(WindowRecognizer):
  """`protocols.Recognizer` of systems that read the features of windows."""

  reads = "features"

  def inputs(self, config: ConfigDict, classes: int, resident: Batch) -> Inputs:
    """`video` (D,) float32, and the number of classes."""
    return {"video": [[config.data.dim], "float32"], "classes": classes}

  def train_inputs(
      self, config: ConfigDict, batch: Batch, key: PRNGKeyArray
  ) -> tuple[Float[Array, "B D"], dict[str, Int[Array, " B"]]]:
    """Features and labels."""
    return batch["video"], {"label": batch["label"]}

  def eval_inputs(self, config: ConfigDict, batch: Batch) -> Float[ArrayLike, "B D"]:
    """Features."""
    return batch["video"]
