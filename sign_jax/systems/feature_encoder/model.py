"""Two layers and a classifier over the features of one window."""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float

from sign_jax.modules.batch_norm import BatchNormRelu


class FeatureEncoder(nn.Module):
  """Linear, BatchNorm and ReLU twice, then a classifier.

  Attributes:
    classes: N.
    widths: channels of the layers; the last one's output is the embedding.
    dtype: of matrix products; parameters are float32.
  """

  classes: int
  widths: tuple[int, ...] = (512, 256)
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(
      self, features: Float[ArrayLike, "B D"], train: bool = False
  ) -> dict[str, Float[Array, "B _"]]:
    """(B, D) float -> {"logits": (B, N), "embedding": (B, widths[-1])} float32."""
    x = features
    for number, width in enumerate(self.widths):
      x = nn.Dense(width, use_bias=False, dtype=self.dtype, name=f"layer_{number}")(x)
      x = BatchNormRelu(name=f"norm_{number}")(x, train)
    logits = nn.Dense(self.classes, dtype=self.dtype, name="classifier")(x)
    return {"logits": logits.astype(jnp.float32), "embedding": x.astype(jnp.float32)}
