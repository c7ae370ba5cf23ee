"""Connections between networks whose maps differ by a factor of 2, in frames or in time.

Source: NLA-SLR, section 3.2, after Feichtenhofer et al., "SlowFast Networks" (ICCV 2019).
"""

import flax.linen as nn
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from sign_jax.modules.s3d import Kernel
from sign_jax.ops import convolution, convolution_3d

_TIME = (3, 1, 1)


class Lateral(nn.Module):
  """What one network adds to another: a convolution without bias, as many channels as it reads.

  Attributes:
    kind: "smaller" or "larger" frames, "shorter" or "longer" clips, as the target has them.
    span: frames in time that connections of other frames read, odd: 1 in NLA-SLR, 7 in TwoStream.
  """

  kind: str
  span: int = 1

  @nn.compact
  def __call__(
      self, source: Float[ArrayLike, "B t h w C"], target: Float[ArrayLike, "B T H W C"]
  ) -> Float[Array, "B T H W C"]:
    """The sum of the target and the source's part.

    Raises:
      ValueError: the two maps do not differ by a factor of 2.
    """
    window = (self.span, 3, 3) if self.kind in ("smaller", "larger") else _TIME
    kernel = Kernel(window, source.shape[-1], name="conv")(source)
    _check(self.kind, source.shape, target.shape)
    match self.kind:
      case "smaller":
        part = convolution_3d.volumetric(source, kernel, stride=2)
      case "larger":
        part = convolution_3d.volumetric_transposed(source, kernel, target.shape[2:4])
      case "shorter":
        part = convolution.temporal(source, kernel, stride=2)
      case "longer":
        part = convolution.temporal_transposed(source, kernel, target.shape[1])
    return target + part


def _check(kind, source, target):
  """Raises ValueError unless the smaller one's sizes are half of the larger one's, rounded up."""
  large, small = (target, source) if kind in ("larger", "longer") else (source, target)
  halves = {1: 2, 2: 1, 3: 1} if kind in ("shorter", "longer") else {1: 1, 2: 2, 3: 2}
  if any(-(-large[axis] // by) != small[axis] for axis, by in halves.items()):
    raise ValueError(
        f"maps of {tuple(source[1:4])} cannot be added to {tuple(target[1:4])}: heatmaps must have "
        "half the size of the video, and short clips half the frames of long ones"
    )
