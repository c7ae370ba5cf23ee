"""SEDS's pose encoder: graph convolutions over joints, convolutions over time, windows.

Sources: Jiang et al., "SEDS" (ACM MM 2024), section 3.1, and its released code, whose pose encoder
is SignBERT's (Hu et al., ICCV 2021). Modules carry the released names.
"""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Bool, Float, Int, Shaped

from sign_jax.modules.batch_norm import BatchNorm
from sign_jax.modules.linear import Dense
from sign_jax.modules.skeleton import BODY, HAND, SUBSETS, Graph
from sign_jax.ops.maximum import max_over
from sign_jax.ops.windows import gather_valid_windows, gather_windows

DATA_EPSILON = 0.1  # of the BatchNorm over coordinates
WINDOW = 16  # frames

Pose = dict[str, Shaped[ArrayLike, "..."]]  # a batch's arrays, see `PoseEncoder`


class GraphConv(nn.Module):
  """sum_k A_k^T x W_k with a bias for every subset k; SEDS, eq. 1.

  Attributes:
    features: C.
    adjacency: (K, V, V), see `skeleton.adjacency`.
  """

  features: int
  adjacency: np.ndarray
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, x: Float[ArrayLike, "*B V C_in"]) -> Float[Array, "*B V {self.features}"]:
    """(..., V, C_in) -> (..., V, C)."""
    width = SUBSETS * self.features
    kernel = self.param("kernel", nn.initializers.lecun_normal(), (x.shape[-1], width))
    bias = self.param("bias", nn.initializers.zeros, (width,)).reshape(SUBSETS, self.features)
    kernel = kernel.reshape(-1, SUBSETS, self.features).astype(self.dtype)
    # Neighbours first: K times the input's channels are at most as many as K times the output's.
    near = jnp.einsum("kvw,...vc->...wkc", self.adjacency.astype(self.dtype), x.astype(self.dtype))
    shift = jnp.einsum("kvw,kd->wd", self.adjacency, bias)
    out = jnp.einsum("...wkc,ckd->...wd", near, kernel)
    return out + jnp.expand_dims(shift.astype(self.dtype), range(x.ndim - 2))


class GraphBlock(nn.Module):
  """Graph convolution, BN-ReLU-dropout-1x1 conv-BN-dropout, residual, ReLU.

  Attributes:
    residual: False leaves the residual out (the first block). It is projected where widths differ.
  """

  features: int
  adjacency: np.ndarray
  residual: bool = True
  dropout: float = 0.05
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(
    self,
    x: Float[ArrayLike, "B F V C_in"],
    train: bool,
    counts: Float[ArrayLike, "..."] | None = None,
  ) -> Float[Array, "B F V {self.features}"]:
    """x: (B, F, V, C_in), counts as for `BatchNorm` -> (B, F, V, C)."""
    dense = lambda name: Dense(self.features, dtype=self.dtype, name=name)
    drop = nn.Dropout(self.dropout, deterministic=not train)
    y = GraphConv(self.features, self.adjacency, self.dtype, name="gcn_conv")(x)
    y = drop(nn.relu(BatchNorm(name="tcn_0")(y, train, counts)))
    y = drop(BatchNorm(name="tcn_4")(dense("tcn_3")(y), train, counts))
    if self.residual and x.shape[-1] != self.features:
      x = BatchNorm(name="residual_1")(dense("residual_0")(x), train, counts)
    return nn.relu(y + x if self.residual else y).astype(self.dtype)


class TemporalBlock(nn.Module):
  """[conv 5 | conv 3 -> conv 3], each with ReLU, then 1x1 conv, BN, ReLU; widths stay equal."""

  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(
    self,
    x: Float[ArrayLike, "*B F C"],
    train: bool,
    valid: Bool[ArrayLike, "*B F"] | None = None,
    counts: Float[ArrayLike, "..."] | None = None,
  ) -> Float[Array, "*B F C"]:
    """Convolves along the axis before the last, which is padded with zeros.

    Args:
      x: (..., F, C).
      valid: (..., F) bool or None; what is False is as the zeros around x.
      counts: of the BatchNorm.

    Returns:
      (..., F, C).
    """
    keep = lambda x: x if valid is None else jnp.where(valid[..., None], x, 0)

    def conv(size, name, x):
      layer = nn.Conv(x.shape[-1], (size,), padding="SAME", dtype=self.dtype, name=name)
      return nn.relu(layer(keep(x)))

    wide = conv(5, "conv1d_5", x)
    narrow = conv(3, "conv1d_3_2", conv(3, "conv1d_3_1", x))
    both = jnp.concatenate([wide, narrow], axis=-1)
    y = nn.Conv(x.shape[-1], (1,), dtype=self.dtype, name="conv1x1")(both)
    return nn.relu(BatchNorm(name="bn")(y, train, counts)).astype(self.dtype)


class GroupEncoder(nn.Module):
  """Joints of one group (a hand, the body) -> one feature a frame.

  Attributes:
    graph: the group's `skeleton.Graph`.
    width: channels of the first blocks; a frame's feature has 4 times as many.
    dropout: inside the graph blocks; head_dropout: of the pooled feature.
  """

  graph: Graph
  width: int = 128
  dropout: float = 0.05
  head_dropout: float = 0.25
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(
    self, joints: Float[ArrayLike, "B F V 2"], valid: Bool[ArrayLike, "B F"], train: bool
  ) -> Float[Array, "B F 4*{self.width}"]:
    """Encodes every frame, with its neighbours in time.

    Args:
      joints: (B, F, V, 2) float, coordinates.
      valid: (B, F) bool, False = padding, which reaches neither statistics nor valid frames.

    Returns:
      (B, F, 4 * width).
    """
    counts = valid.astype(jnp.float32)[..., None]
    coordinates = joints.reshape(*joints.shape[:2], -1)
    data_bn = BatchNorm(epsilon=DATA_EPSILON, name="data_bn")
    x = data_bn(coordinates, train, counts).reshape(joints.shape)

    def block(features, adjacency, name, x, residual=True):
      layer = GraphBlock(features, adjacency, residual, self.dropout, self.dtype, name=name)
      return layer(x, train, counts[..., None])

    for i, factor in enumerate((1, 1, 2)):
      x = block(factor * self.width, self.graph.joints, f"st_gcn_networks_{i}", x, residual=i > 0)
    x = jnp.stack([max_over(x[:, :, np.array(part)], 2) for part in self.graph.parts], axis=2)
    for i in range(2):
      x = block(4 * self.width, self.graph.part_graph, f"st_gcn_pool_{i}", x)
    x = Dense(4 * self.width, dtype=self.dtype, name="conv4_0")(max_over(x, 2))
    x = nn.relu(BatchNorm(name="conv4_1")(x, train, counts)).astype(self.dtype)
    x = nn.Dropout(self.head_dropout, deterministic=not train)(x)
    for name in ("tcn_full_b1", "tcn_full_b2"):
      x = TemporalBlock(self.dtype, name=name)(x, train, valid, counts)
    return x


class PoseEncoder(nn.Module):
  """Poses -> one feature a window.

  Attributes:
    width, dropout, head_dropout: see `GroupEncoder`.
    max_windows: places for windows that are no padding, of all videos of a batch together; None
      takes the batch as it is. With it, padding costs no memory, and a batch that has more windows
      gets NaN. It puts the batch's windows into one row: leave it None on several devices.
  """

  width: int = 128
  dropout: float = 0.05
  head_dropout: float = 0.25
  max_windows: int | None = None
  dtype: DTypeLike = jnp.float32

  def setup(self) -> None:
    """One encoder for both hands, one for the body, one for windows."""
    group = lambda graph: GroupEncoder(
      graph, self.width, self.dropout, self.head_dropout, self.dtype
    )
    self.st_gcn_hand, self.st_gcn_body = group(HAND), group(BODY)
    self.GCN_Conv = TemporalBlock(self.dtype)

  def __call__(
    self, pose: Pose, windows_valid: Bool[ArrayLike, "B W"], train: bool = False
  ) -> Float[Array, "B W 12*{self.width}"]:
    """Encodes the windows of a batch of videos.

    Args:
      pose: right, left (B, F, 21, 2) and body (B, F, 7, 2) float; frames_valid (B, F) bool;
        clips_start (B, W) int32, the first frame of every window, -1 for padding.
      windows_valid: (B, W) bool, False = padding.
      train: batch statistics and dropout; updates "batch_stats".

    Returns:
      (B, W, 12 * width); padding has the feature of a window of zeros.
    """
    frames = self.encode_frames(pose, train)
    return self.encode_windows(frames, pose["clips_start"], windows_valid, train)

  def encode_frames(self, pose: Pose, train: bool = False) -> Float[Array, "B F 12*{self.width}"]:
    """(B, F, 12 * width): left hand, right hand, body; zeros where frames are padding."""
    valid = pose["frames_valid"]
    # The hands share weights and running statistics. Released: two calls, the right hand first.
    right = self.st_gcn_hand(pose["right"], valid, train)
    left = self.st_gcn_hand(pose["left"], valid, train)
    body = self.st_gcn_body(pose["body"], valid, train)
    return jnp.where(valid[..., None], jnp.concatenate([left, right, body], axis=-1), 0)

  def encode_windows(
    self,
    frames: Float[ArrayLike, "B F C"],
    starts: Int[ArrayLike, "B W"],
    valid: Bool[ArrayLike, "B W"],
    train: bool = False,
  ) -> Float[Array, "B W C"]:
    """(B, F, C) frames -> (B, W, C), the mean over each window's frames after a convolution."""
    if self.max_windows is None:
      windows = gather_windows(frames, starts, WINDOW)
      means, empty = self._convolve(windows, valid, (~valid).sum(1), train)
      return jnp.where(valid[..., None], means, empty)
    windows, taken, slots = gather_valid_windows(frames, starts, valid, WINDOW, self.max_windows)
    means, empty = self._convolve(windows[None], taken[None], (~valid).sum()[None], train)
    means = jnp.concatenate([means[0], empty[0]])
    return jnp.take(means, slots, axis=0, mode="fill", fill_value=jnp.nan)

  def _convolve(
    self,
    windows: Float[ArrayLike, "R W 16 C"],
    counted: Bool[ArrayLike, "R W"],
    empty: Int[ArrayLike, " R"],
    train: bool,
  ) -> tuple[Float[Array, "R W C"], Float[Array, "R 1 C"]]:
    # windows (R, W, 16, C), of which those `counted` (R, W) count once in the statistics. Released:
    # padding counts too, as windows of zeros, which are all equal. One a row stands for the
    # row's `empty` (R,) many. -> means (R, W, C), mean of a window of zeros (R, 1, C).
    windows = jnp.pad(windows, ((0, 0), (0, 1), (0, 0), (0, 0)))
    counts = jnp.concatenate([counted, empty[:, None]], axis=1).astype(jnp.float32)
    out = self.GCN_Conv(windows, train, counts=counts[..., None, None]).mean(2)
    return out[:, :-1], out[:, -1:]
