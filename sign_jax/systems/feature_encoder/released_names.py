"""Names of the encoder's parameters in files, as PyTorch would call them, and sizes they tell."""

from collections.abc import Mapping, Sequence
from typing import Any

from sign_jax.weights.convert import LINEAR, Rule

NAMES = (
    Rule("layer_{n}.weight", "params/layer_{n}/kernel", LINEAR),
    Rule("norm_{n}.weight", "params/norm_{n}/scale"),
    Rule("norm_{n}.bias", "params/norm_{n}/bias"),
    Rule("norm_{n}.running_mean", "batch_stats/norm_{n}/mean"),
    Rule("norm_{n}.running_var", "batch_stats/norm_{n}/var"),
    Rule("classifier.weight", "params/classifier/kernel", LINEAR),
    Rule("classifier.bias", "params/classifier/bias"),
)
IGNORE = (r"norm_\d+\.num_batches_tracked",)


def sizes(shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
  """{dotted name: value}, the settings that give a model of these sizes.

  Args:
    shapes: {released name: shape}.

  Raises:
    KeyError: a name that every file has is missing.
  """
  layers = sum(name.startswith("layer_") for name in shapes)
  return {
      "model.num_classes": shapes["classifier.weight"][0],
      "model.widths": tuple(shapes[f"layer_{number}.weight"][0] for number in range(layers)),
      "data.dim": shapes["layer_0.weight"][1],
  }
