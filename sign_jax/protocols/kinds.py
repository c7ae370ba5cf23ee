"""What goes between the rooms: batches, variables, what selects a checkpoint."""

from collections.abc import Callable
from typing import Any, NamedTuple

from jaxtyping import Array, Float, PyTree

Batch = dict[str, Any]  # host arrays (B, ...) of one step
Variables = dict[str, Any]  # {"params": ..., further collections}
# Of a loss: it, scalars to log (or what a golden case compares), and the updated collections beside
# "params".
Outcome = tuple[Float[Array, ""], tuple[dict[str, PyTree], Variables]]
Place = Callable[[Batch], Batch]  # host arrays -> device arrays, batches sharded over the mesh
# What a model is built for: {field: [shape without the batch's axis, name of the dtype]}, nested as
# the batch is, and whole numbers such as "classes". JSON values, which a run notes.
Inputs = dict[str, Any]


class Selection(NamedTuple):
  """The number that chooses the best checkpoint: its name, and which of two is the better one."""

  name: str
  higher_is_better: bool = True

  def is_better(self, new: float, old: float) -> bool:
    """Whether `new` is better than `old`; an equal number is not."""
    return new > old if self.higher_is_better else new < old


class ParameterKinds(NamedTuple):
  """How the authors' program treats parameters: regular expressions found in their paths.

  Attributes:
    float16: those that it keeps in float16 ("visual/proj").
    after_gathering: those that several GPUs use after they have gathered all features; None where
      that is not known.
    frozen: those that training leaves as they are.
  """

  float16: tuple[str, ...] = ()
  after_gathering: tuple[str, ...] | None = None
  frozen: tuple[str, ...] = ()


NO_KINDS = ParameterKinds()
