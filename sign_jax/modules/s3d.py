"""S3D: Inception-v1 whose 3 x 3 x 3 convolutions are one over frames and then one over time.

Source: Xie et al., "Rethinking Spatiotemporal Feature Learning" (ECCV 2018), in the form that
NLA-SLR builds on: symmetric padding, and layers numbered as in its flat list `base`.
"""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float

from sign_jax.modules.batch_norm import BatchNormRelu
from sign_jax.ops import convolution, pooling, separable_maps
from sign_jax.ops.separable_maps import SeparableMaps

MOMENTUM, EPSILON = 1e-3, 1e-3  # of BatchNorm, as released
BLOCKS = (1, 2, 3, 4, 5)
# Channels of the branches of each Mixed block by its place in `base`: 0, 1a, 1b, 2a, 2b, 3.
MIXED = {
    5: (64, 96, 128, 16, 32, 32),
    6: (128, 128, 192, 32, 96, 64),
    8: (192, 96, 208, 16, 48, 64),
    9: (160, 112, 224, 24, 64, 64),
    10: (128, 128, 256, 24, 64, 64),
    11: (112, 144, 288, 32, 64, 64),
    12: (256, 160, 320, 32, 128, 128),
    14: (256, 160, 320, 32, 128, 128),
    15: (384, 192, 384, 48, 128, 128),
}
# The Inception blocks of a network of some depth: "small" has one where there are several.
DEPTHS = {"full": tuple(MIXED), "small": (5, 8, 14)}
ENDS = (0, 3, 6, 12, 15)  # the last places in `base` of the blocks
# Places of max-pools: window, strides, padding at both ends, for time, height, width.
_POOLS = {
    1: ((1, 3, 3), (1, 2, 2), (0, 1, 1)),
    4: ((1, 3, 3), (1, 2, 2), (0, 1, 1)),
    7: ((3, 3, 3), (2, 2, 2), (1, 1, 1)),
    13: ((2, 2, 2), (2, 2, 2), (0, 0, 0)),
}


def scaled(channels: int, width: float) -> int:
  """Channels of a layer in a network of another width, at least 1."""
  return max(1, round(channels * width))


def max_pool(
    x: Float[ArrayLike, "B T H W C"],
    window: pooling.Window,
    strides: pooling.Window,
    padding: pooling.Window,
) -> Float[Array, "B _ _ _ C"]:
  """Max-pool with the same padding at both ends."""
  return pooling.max_pool(x, window, strides, [(pad, pad) for pad in padding])


class S3D(nn.Module):
  """The five blocks, to be called one by one: others may change what lies between them.

  Attributes:
    width: multiplies the channels of every layer.
    dtype: of the computation; parameters and BatchNorm statistics stay float32.
    momentum: share of a batch in BatchNorm's running statistics.
    depth: of `DEPTHS`.
  """

  width: float = 1.0
  dtype: DTypeLike = jnp.float32
  momentum: float = MOMENTUM
  depth: str = "full"

  def setup(self) -> None:
    """Layers `base_N`, where N is their place in the original's flat list."""
    how = self.dtype, self.momentum
    base = {
        0: SepConv(self._scaled(64), 7, 2, *how),
        2: BasicConv(self._scaled(64), *how),
        3: SepConv(self._scaled(192), 3, 1, *how),
    }
    for place in DEPTHS[self.depth]:
      base[place] = Mixed(tuple(map(self._scaled, MIXED[place])), *how)
    self.base = {str(place): layer for place, layer in base.items()}

  def _scaled(self, channels):
    return scaled(channels, self.width)

  def block(
      self, number: int, x: Float[ArrayLike, "B T H W C"] | SeparableMaps, train: bool = False
  ) -> Float[Array, "B _ _ _ _"]:
    """What block `number`, 1 to 5, makes of what the one before returned, in `dtype`.

    The first block reads heatmaps as they are or as the profiles that they are made of.

    Raises:
      ValueError: block 5 is left less than 2 frames of 2 x 2 pixels: a clip had less than 5 frames
        or less than 17 pixels.
    """
    if number == BLOCKS[-1] and min(x.shape[1:4]) < 2:
      raise ValueError(f"nothing is left of maps of {x.shape[1:4]}: use larger or longer clips")
    first = ENDS[number - 2] + 1 if number > 1 else 0
    x = x.astype(self.dtype)
    for place in range(first, ENDS[number - 1] + 1):
      if place in _POOLS:
        x = max_pool(x, *_POOLS[place])
      elif str(place) in self.base:
        x = self.base[str(place)](x, train)
    return x

  def __call__(
      self, x: Float[ArrayLike, "B T H W C"], train: bool = False
  ) -> Float[Array, "B _"]:
    """All blocks and `pooled`: (B, T, H, W, C) -> (B, D) float32; of full depth D = 1024 width."""
    for number in BLOCKS:
      x = self.block(number, x, train)
    return pooled(x)


def pooled(x: Float[ArrayLike, "B T H W C"]) -> Float[Array, "B C"]:
  """Block 5's mean over (2, H, W) at all places in time, and then over these; float32.

  So the first and the last frame count half. One frame alone counts once.
  """
  frames = jnp.mean(x, axis=(2, 3), dtype=jnp.promote_types(x.dtype, jnp.float32))
  if frames.shape[1] > 1:
    frames = (frames[:, :-1] + frames[:, 1:]) / 2
  return jnp.mean(frames, axis=1)


class BasicConv(nn.Module):
  """1 x 1 x 1 convolution without bias, BatchNorm, ReLU."""

  features: int
  dtype: DTypeLike
  momentum: float

  def setup(self) -> None:
    """Layers."""
    self.conv = Kernel((1, 1, 1), self.features)
    self.bn = BatchNormRelu(self.momentum, EPSILON)

  def __call__(
      self, x: Float[ArrayLike, "B T H W C"], train: bool
  ) -> Float[Array, "B T H W {self.features}"]:
    """(B, T, H, W, C) -> (B, T, H, W, features)."""
    return self.activated(convolution.pointwise(x, self.conv(x)), train)

  def kernel(self, x: Float[ArrayLike, "B T H W C"]) -> Float[Array, "1 1 1 C {self.features}"]:
    """Of the convolution of x."""
    return self.conv(x)

  def activated(
      self, x: Float[ArrayLike, "B T H W {self.features}"], train: bool
  ) -> Float[Array, "B T H W {self.features}"]:
    """What comes behind the convolution."""
    return self.bn(x, train)


class SepConv(nn.Module):
  """A convolution over frames, BatchNorm, ReLU; the same over time.

  Attributes:
    kernel: k, of time and of both axes of frames.
    stride: of all three.
  """

  features: int
  kernel: int
  stride: int
  dtype: DTypeLike
  momentum: float

  @nn.compact
  def __call__(
      self, x: Float[ArrayLike, "B T H W C"] | SeparableMaps, train: bool
  ) -> Float[Array, "B _ _ _ {self.features}"]:
    """(B, T, H, W, C) -> (B, T / stride, H / stride, W / stride, features), rounded up."""
    k = self.kernel
    kernel = Kernel((1, k, k), self.features, name="conv_s")(x)
    spatial = (separable_maps if isinstance(x, SeparableMaps) else convolution).spatial
    x = _activated(spatial(x, kernel, self.stride), train, self, "bn_s")
    kernel = Kernel((k, 1, 1), self.features, name="conv_t")(x)
    return _activated(convolution.temporal(x, kernel, self.stride), train, self, "bn_t")


def _activated(x, train, layer, name):
  return BatchNormRelu(layer.momentum, EPSILON, name=name)(x, train)


class Kernel(nn.Module):
  """The kernel of a convolution without bias, in the dtype of what it is applied to."""

  window: tuple[int, int, int]
  features: int

  @nn.compact
  def __call__(
      self, x: Float[ArrayLike, "B T H W C"] | SeparableMaps
  ) -> Float[Array, "kt kh kw C {self.features}"]:
    """(kt, kh, kw, C, features) for an x of C channels."""
    shape = (*self.window, x.shape[-1], self.features)
    return self.param("kernel", nn.initializers.he_normal(), shape).astype(x.dtype)


class Mixed(nn.Module):
  """Inception block: four branches, concatenated over channels.

  Attributes:
    channels: of the layers of the branches 0, 1, 1, 2, 2, 3.
  """

  channels: tuple[int, ...]
  dtype: DTypeLike
  momentum: float

  @nn.compact
  def __call__(self, x: Float[ArrayLike, "B T H W C"], train: bool) -> Float[Array, "B T H W _"]:
    """(B, T, H, W, C) -> (B, T, H, W, sum of what the branches end with)."""
    c0, c1a, c1b, c2a, c2b, c3 = self.channels
    how = self.dtype, self.momentum
    point = lambda name, features: BasicConv(features, *how, name=name)
    both = lambda name, features, x: SepConv(features, 3, 1, *how, name=name)(x, train)
    # Three convolutions of one input are one product.
    layers = point("branch0_0", c0), point("branch1_0", c1a), point("branch2_0", c2a)
    kernels = jnp.concatenate([layer.kernel(x) for layer in layers], axis=-1)
    parts = jnp.split(convolution.pointwise(x, kernels), (c0, c0 + c1a), axis=-1)
    x0, x1, x2 = (layer.activated(y, train) for layer, y in zip(layers, parts, strict=True))
    x3 = point("branch3_1", c3)(max_pool(x, (3, 3, 3), (1, 1, 1), (1, 1, 1)), train)
    return jnp.concatenate(
        [x0, both("branch1_1", c1b, x1), both("branch2_1", c2b, x2), x3], axis=-1
    )
