"""I3D: Inception-v1 inflated to three dimensions, the sign encoder of the retrieval systems.

Source: Carreira and Zisserman, "Quo Vadis, Action Recognition?" (CVPR 2017). Modules carry the
names of the widespread PyTorch port (`Mixed_3b.b1a.conv3d`), so weights are renamed by a table.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from sign_jax.modules import fresh
from sign_jax.modules.batch_norm import BatchNorm
from sign_jax.ops import pooling

EMBEDDING = 1024
EPSILON = 1e-3  # of BatchNorm
FEW_CHANNELS = 8  # on CPU, stack the temporal taps of a convolution with fewer

# Channels of the branches of each Mixed block: b0, b1a, b1b, b2a, b2b, b3b.
MIXED = {
  "Mixed_3b": (64, 96, 128, 16, 32, 32),
  "Mixed_3c": (128, 128, 192, 32, 96, 64),
  "Mixed_4b": (192, 96, 208, 16, 48, 64),
  "Mixed_4c": (160, 112, 224, 24, 64, 64),
  "Mixed_4d": (128, 128, 256, 24, 64, 64),
  "Mixed_4e": (112, 144, 288, 32, 64, 64),
  "Mixed_4f": (256, 160, 320, 32, 128, 128),
  "Mixed_5b": (256, 160, 320, 32, 128, 128),
  "Mixed_5c": (384, 192, 384, 48, 128, 128),
}


class I3D(nn.Module):
  """Inception-v1 I3D.

  Attributes:
    num_classes: outputs of the classifier.
    dropout_rate: of the embedding, before the classifier, in training.
    width: multiplies the channels of every layer (small networks for tests).
    dtype: of the computation; parameters and BatchNorm statistics stay float32.
  """

  num_classes: int
  dropout_rate: float = 0.5
  width: float = 1.0
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(
    self, video: Float[ArrayLike, "B T H W 3"], train: bool = False
  ) -> dict[str, Float[Array, "B _"]]:
    """Classifies clips.

    Args:
      video: (B, T, H, W, 3) float32, normally (B, 16, 224, 224, 3), RGB in [0, 1] minus 0.5.
      train: batch statistics and dropout (rng "dropout"), and updates "batch_stats".

    Returns:
      {"logits": (B, num_classes), "embedding": (B, 1024 * width)}, float32. The embedding is the
      mean over what Mixed_5c leaves of time and space; for 16 x 224 x 224 that is the average
      pool (2, 7, 7) of the original.
    """

    def conv(name, features, kernel, stride, x):
      unit = ConvUnit(_scaled(features, self.width), kernel, stride, self.dtype, name=name)
      return unit(x, train)

    def mixed(name, x):
      return Mixed(MIXED[name], self.width, self.dtype, name=name)(x, train)

    x = video.astype(self.dtype)
    x = conv("Conv3d_1a_7x7", 64, 7, 2, x)
    x = max_pool(x, (1, 3, 3), (1, 2, 2))
    x = conv("Conv3d_2b_1x1", 64, 1, 1, x)
    x = conv("Conv3d_2c_3x3", 192, 3, 1, x)
    x = max_pool(x, (1, 3, 3), (1, 2, 2))
    x = mixed("Mixed_3c", mixed("Mixed_3b", x))
    x = max_pool(x, (3, 3, 3), (2, 2, 2))
    for name in ("Mixed_4b", "Mixed_4c", "Mixed_4d", "Mixed_4e", "Mixed_4f"):
      x = mixed(name, x)
    x = max_pool(x, (2, 2, 2), (2, 2, 2))
    x = mixed("Mixed_5c", mixed("Mixed_5b", x))
    embedding = jnp.mean(x, axis=(1, 2, 3), dtype=jnp.float32)
    x = nn.Dropout(self.dropout_rate, deterministic=not train)(embedding)
    return {"logits": Logits(self.num_classes, name="logits")(x), "embedding": embedding}


class Mixed(nn.Module):
  """Inception block: four branches, concatenated over channels."""

  channels: tuple[int, ...]
  width: float
  dtype: DTypeLike

  @nn.compact
  def __call__(self, x: Float[ArrayLike, "B T H W C"], train: bool) -> Float[Array, "B T H W _"]:
    """(B, T, H, W, C) -> (B, T, H, W, sum of b0, b1b, b2b and b3b)."""
    b0, b1a, b1b, b2a, b2b, b3b = (_scaled(c, self.width) for c in self.channels)

    def conv(name, features, kernel, x):
      return ConvUnit(features, kernel, 1, self.dtype, name=name)(x, train)

    branches = [
      conv("b0", b0, 1, x),
      conv("b1b", b1b, 3, conv("b1a", b1a, 1, x)),
      conv("b2b", b2b, 3, conv("b2a", b2a, 1, x)),
      conv("b3b", b3b, 1, max_pool(x, (3, 3, 3), (1, 1, 1))),
    ]
    return jnp.concatenate(branches, axis=-1)


class ConvUnit(nn.Module):
  """Convolution without bias, BatchNorm, ReLU."""

  features: int
  kernel: int
  stride: int
  dtype: DTypeLike

  @nn.compact
  def __call__(
    self, x: Float[ArrayLike, "B T H W C"], train: bool
  ) -> Float[Array, "B _ _ _ {self.features}"]:
    """(B, T, H, W, C) -> (B, T / stride, H / stride, W / stride, features), rounded up."""
    x = Conv3d(self.features, self.kernel, self.stride, name="conv3d")(x)
    return nn.relu(BatchNorm(epsilon=EPSILON, name="bn")(x, train)).astype(self.dtype)


class Conv3d(nn.Module):
  """Convolution with one cubic kernel and padding SAME, as TensorFlow and XLA define it."""

  features: int
  kernel: int
  stride: int

  @nn.compact
  def __call__(self, x: Float[ArrayLike, "B T H W C"]) -> Float[Array, "B _ _ _ {self.features}"]:
    """(B, T, H, W, C) -> (B, T', H', W', features); parameter `kernel` (k, k, k, C, features)."""
    shape = (self.kernel,) * 3 + (x.shape[-1], self.features)
    kernel = self.param("kernel", nn.initializers.he_normal(), shape).astype(x.dtype)
    return conv3d(x, kernel, self.stride)


class Logits(nn.Module):
  """The classifier: a 1x1x1 convolution of the pooled embedding, hence a matrix product."""

  num_classes: int

  @nn.compact
  def __call__(self, x: Float[ArrayLike, "B C"]) -> Float[Array, "B {self.num_classes}"]:
    """(B, C) -> (B, num_classes)."""
    return nn.Dense(self.num_classes, name="conv3d")(x)


def init_shapes(model: I3D) -> dict[str, PyTree[jax.ShapeDtypeStruct]]:
  """Shapes and dtypes of an `I3D`'s variables, computed without running it."""
  return fresh.shapes(model, (1, 16, 32, 32, 3))  # the size of clips changes no variable


def init(model: I3D, key: PRNGKeyArray) -> dict[str, PyTree[Array]]:
  """Fresh variables of an `I3D`: He's kernels, scales and variances 1, the rest 0.

  Args:
    model: `I3D`.
    key: PRNG key.

  Returns:
    {"params": ..., "batch_stats": ...}.
  """
  return fresh.draw(init_shapes(model), key)


def conv3d(
  x: Float[ArrayLike, "B T H W C"], kernel: Float[ArrayLike, "kt kh kw C features"], stride: int
) -> Float[Array, "B _ _ _ features"]:
  """Convolution with padding SAME, in the form that is fastest on the default backend.

  Args:
    x: (B, T, H, W, C).
    kernel: (kt, kh, kw, C, features).
    stride: the same for time, height and width.

  Returns:
    (B, T', H', W', features).
  """
  if jax.default_backend() == "cpu" and kernel.shape[0] > 1:
    return _conv3d_as_2d(x, kernel, stride)
  return lax.conv_general_dilated(
    x, kernel, (stride,) * 3, "SAME", dimension_numbers=("NDHWC", "DHWIO", "NDHWC")
  )


def _conv3d_as_2d(
  x: Float[ArrayLike, "B T H W C"], kernel: Float[ArrayLike, "kt kh kw C features"], stride: int
) -> Float[Array, "B _ _ _ features"]:
  # XLA's 3-D convolution on CPU is 2 to 6 times slower than its 2-D one over (B * T') frames: one
  # per temporal tap, summed, or a single one over stacked taps where channels are few.
  batch, time, height, width, channels = x.shape
  out_time = -(-time // stride)
  span = (out_time - 1) * stride + 1
  padding = max(span - 1 + len(kernel) - time, 0)
  x = jnp.pad(x, ((0, 0), (padding // 2, padding - padding // 2), (0, 0), (0, 0), (0, 0)))
  taps = [x[:, tap : tap + span : stride] for tap in range(len(kernel))]
  if channels < FEW_CHANNELS:
    taps, kernel = [jnp.concatenate(taps, axis=-1)], jnp.concatenate(kernel, axis=2)[None]
  x = sum(
    lax.conv_general_dilated(
      tap.reshape(batch * out_time, height, width, -1), kernel_2d, (stride, stride), "SAME",
      dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    for tap, kernel_2d in zip(taps, kernel, strict=True)
  )  # fmt: skip
  return x.reshape(batch, out_time, *x.shape[1:])


def max_pool(
  x: Float[ArrayLike, "B T H W C"], window: tuple[int, int, int], strides: tuple[int, int, int]
) -> Float[Array, "B _ _ _ C"]:
  """Max-pool with padding SAME, (B, T, H, W, C) -> (B, T', H', W', C).

  The original pads with zeros; this pads with -inf, which is the same after a ReLU.
  """
  lengths = zip(x.shape[1:4], window, strides, strict=True)
  totals = [max((-(-n // stride) - 1) * stride + size - n, 0) for n, size, stride in lengths]
  return pooling.max_pool(x, window, strides, [(n // 2, n - n // 2) for n in totals])


def _scaled(channels: int, width: float) -> int:
  return max(1, round(channels * width))
