"""What a training run carries from step to step."""

from typing import Any

import flax
import jax


@flax.struct.dataclass
class TrainState:
  """One pytree with everything that changes.

  Attributes:
    step: () int32, number of updates done.
    params: the model's parameters, float32.
    model_state: the model's other collections (batch statistics), {} where it has none.
    opt_state: of the optimiser.
  """

  step: jax.Array
  params: Any
  model_state: Any
  opt_state: Any

  @property
  def variables(self):
    """What `model.apply` takes."""
    return {"params": self.params, **self.model_state}
