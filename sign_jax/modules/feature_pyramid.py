"""A pyramid on the maps of an S3D's blocks: TwoStream-SLR's sign pyramid network (SPN)."""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from sign_jax.modules import s3d
from sign_jax.modules.batch_norm import BatchNormRelu
from sign_jax.modules.s3d import Kernel
from sign_jax.ops import convolution


class Upsampled(nn.Module):
  """A deep map in the size and channels of a shallower one, by transposed convolutions.

  Attributes:
    momentum: share of a batch in BatchNorm's running statistics.
  """

  momentum: float = s3d.MOMENTUM

  @nn.compact
  def __call__(
      self, deep: Float[ArrayLike, "B t h w c"], shallow: Float[ArrayLike, "B T H W C"],
      train: bool,
  ) -> Float[Array, "B T H W C"]:
    """The sum of the shallow map and what is made of the deep one.

    Args:
      deep: (B, t, h, w, c); H is 2 h or 2 h - 1, and so is W; T is t, 2 t or 2 t - 1.
      shallow: (B, T, H, W, C) of the same dtype.
      train: uses batch statistics.
    """
    length, *size, features = shallow.shape[1:]
    kernel = Kernel((1, 3, 3), features, name="conv_s")(deep)
    x = convolution.spatial_transposed(deep, kernel, tuple(size))
    x = BatchNormRelu(self.momentum, s3d.EPSILON, name="bn_s")(x, train)
    kernel = Kernel((3, 1, 1), features, name="conv_t")(x)
    if length == x.shape[1]:
      # The transpose of a convolution without a stride is one with the kernel turned round.
      x = convolution.temporal(x, kernel[::-1])
    else:
      x = convolution.temporal_transposed(x, kernel, length)
    return shallow + BatchNormRelu(self.momentum, s3d.EPSILON, name="bn_t")(x, train)


class FeaturePyramid(nn.Module):
  """Adds the deep maps to the shallow ones, from the deepest on.

  Attributes:
    momentum: as in `Upsampled`.
  """

  momentum: float = s3d.MOMENTUM

  @nn.compact
  def __call__(
      self, maps: list[Float[ArrayLike, "B _ _ _ _"]], train: bool
  ) -> list[Float[Array, "B _ _ _ _"]]:
    """The maps but the last, each with all deeper ones in it.

    Args:
      maps: of successive blocks, shallow ones first, at least two.
      train: uses batch statistics.
    """
    found, deep = [], maps[-1]
    for number, shallow in enumerate(reversed(maps[:-1])):
      deep = Upsampled(self.momentum, name=f"up_{number}")(deep, jnp.asarray(shallow), train)
      found.append(deep)
    return found[::-1]
