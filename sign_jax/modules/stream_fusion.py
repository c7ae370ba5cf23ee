"""What streams of one clip tell each other: a map computed from all of them, added to each.

Source: SignVTCL, multi-cue fusion; the paper gives the kind "mlp" and only names the others.
"""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from sign_jax.modules.linear import Dense
from sign_jax.modules.transformer import MultiHeadAttention
from sign_jax.ops import convolution_3d

KINDS = ("mlp", "attention", "convolution")
_HEADS = 4  # of the attention
_WINDOW = (3, 3, 3)


class StreamFusion(nn.Module):
  """The part that all streams get; the layers have the numbers of an `nn.Sequential` of PyTorch.

  Attributes:
    kind: "mlp" of the streams' concatenated channels, at every place by itself; "convolution", the
      same with windows of 3 x 3 x 3; "attention" between the streams at every place, and the mean.
    depth: linear maps of an mlp.
  """

  kind: str = "mlp"
  depth: int = 2

  @nn.compact
  def __call__(
      self, maps: list[Float[ArrayLike, "B T H W C"]]
  ) -> list[Float[Array, "B T H W C"]]:
    """Each map, all (B, T, H, W, C) of one dtype, and what is made of all of them.

    Raises:
      ValueError: another kind, or an attention of channels that its 4 heads do not divide.
    """
    if self.kind not in KINDS:
      raise ValueError(f"unknown kind of fusion {self.kind!r}")
    if self.kind == "attention":
      part = self._attention(maps)
    else:
      part = self._layers(jnp.concatenate(maps, axis=-1), maps[0].shape[-1])
    return [x + part for x in maps]

  def _layers(self, x, channels):
    """Linear maps or convolutions with ReLUs between them."""
    count = self.depth if self.kind == "mlp" else 2
    for number in range(count):
      name = f"layer_{2 * number}"
      if self.kind == "mlp":
        x = Dense(channels, dtype=x.dtype, name=name)(x)
      else:
        x = Convolution(channels, name=name)(x)
      x = nn.relu(x) if number < count - 1 else x
    return x

  def _attention(self, maps):
    tokens = jnp.stack(maps, axis=4)
    *place, streams, channels = tokens.shape
    if channels % _HEADS:
      raise ValueError(f"{channels} channels are not divided by the {_HEADS} heads of the fusion")
    layer = MultiHeadAttention(_HEADS, tokens.dtype, name="attention")
    return layer(tokens.reshape(-1, streams, channels)).mean(1).reshape(*place, channels)


class Convolution(nn.Module):
  """A convolution of 3 x 3 x 3 with bias, padded with zeros."""

  features: int

  @nn.compact
  def __call__(self, x: Float[ArrayLike, "B T H W C"]) -> Float[Array, "B T H W {self.features}"]:
    """(B, T, H, W, C) -> (B, T, H, W, features), in the dtype of x."""
    shape = (*_WINDOW, x.shape[-1], self.features)
    kernel = self.param("kernel", nn.initializers.lecun_normal(), shape).astype(x.dtype)
    bias = self.param("bias", nn.initializers.zeros, (self.features,)).astype(x.dtype)
    return convolution_3d.volumetric(x, kernel) + bias[None, None, None, None]
