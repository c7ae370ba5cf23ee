"""From features of steps in time to glosses: the head of TwoStream-SLR and SignVTCL.

Source: Chen et al., "Two-Stream Network for Sign Language Recognition and Translation" (2022).
"""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Float64

from sign_jax.modules.batch_norm import BatchNorm
from sign_jax.modules.linear import Dense

_NORM_EPS = 1e-6  # of LayerNorm
_BASE = 10000.0  # of the positions' wavelengths


def positions(length: int, width: int) -> Float64[np.ndarray, "{length} {width}"]:
  """Sinusoidal positions from 0: sine and cosine of one wavelength after the other.

  Args:
    length: steps.
    width: channels, even.
  """
  rates = _BASE ** (-np.arange(0, width, 2) / width)
  angles = np.arange(length)[:, None] * rates
  return np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(length, width)


class GlossHead(nn.Module):
  """A linear map, a BatchNorm that padding has no part in, positions, convolutions, a classifier.

  Computed in float32 at least.

  Attributes:
    classes: V, glosses and the blank.
    hidden: channels, even.
    feedforward: channels between the two convolutions.
    dropout: rate.
  """

  classes: int
  hidden: int = 512
  feedforward: int = 2048
  dropout: float = 0.1

  @nn.compact
  def __call__(
      self, x: Float[ArrayLike, "B T C"], valid: Bool[ArrayLike, "B T"], train: bool = False
  ) -> Float[Array, "B T {self.classes}"]:
    """Classifies every step.

    Args:
      x: (B, T, C) float.
      valid: (B, T) bool, which steps are real. In training only these have a part in the batch's
        statistics and are normalised by them, as released; in evaluation all are normalised.
        Padding reaches its neighbours through the convolutions.
      train: uses batch statistics, and drops values.

    Returns:
      (B, T, V) float32, or float64 of such an x: logits.
    """
    x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    x = Dense(self.hidden, name="fc1")(x)
    real = jnp.asarray(valid)[:, :, None]
    normed = BatchNorm(name="bn1")(x, train, real.astype(x.dtype))
    x = nn.relu(jnp.where(real, normed, x) if train else normed)
    x = x + jnp.asarray(positions(x.shape[1], self.hidden)[None], x.dtype)
    x = self._dropped(x, train)
    y = nn.relu(self._convolution("conv1", self.feedforward)(self._normed("norm1", x)))
    y = self._convolution("conv2", self.hidden)(self._dropped(y, train))
    x = self._normed("norm2", x + self._dropped(y, train))
    return Dense(self.classes, name="output")(x)

  def _dropped(self, x, train):
    return nn.Dropout(self.dropout, deterministic=not train)(x)

  def _normed(self, name, x):
    return nn.LayerNorm(epsilon=_NORM_EPS, name=name)(x)

  def _convolution(self, name, features):
    return nn.Conv(features, (3,), padding=1, name=name)
