"""What a training run carries from step to step."""

import flax
from jaxtyping import PyTree

from sign_jax.protocols import Variables


@flax.struct.dataclass
class TrainState:
  """One pytree with everything that changes; its leaves may be shapes or shardings instead.

  Attributes:
    step: () int32, number of updates done.
    params: the model's parameters, float32.
    model_state: the model's other collections (batch statistics), {} where it has none.
    opt_state: of the optimiser.
  """

  step: PyTree
  params: PyTree
  model_state: PyTree
  opt_state: PyTree

  @property
  def variables(self) -> Variables:
    """What `model.apply` takes."""
    return {"params": self.params, **self.model_state}
