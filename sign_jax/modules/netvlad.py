"""NetVLAD: a set of vectors as its distances to cluster centres, with ghost clusters.

Source: Arandjelovic et al., "NetVLAD" (CVPR 2016), as SPOT-ALIGN's released text encoder has it.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Bool, Float, Float32

from sign_jax.modules.batch_norm import BatchNorm
from sign_jax.ops.unit_length import unit_length


class NetVLAD(nn.Module):
  """Soft assignment of vectors to clusters, and the sum of their distances to each centre.

  Attributes:
    clusters: K.
    ghost_clusters: G, clusters that vectors may be assigned to and that are then left out.
    mask_padding: whether rows that are not valid are kept out of the statistics of the assignment
      and out of the sums; the released code lets them in.
    dtype: of the matrix products.
  """

  clusters: int
  ghost_clusters: int = 1
  mask_padding: bool = False
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(
    self, x: Float[ArrayLike, "B N D"], valid: Bool[ArrayLike, "B N"], train: bool
  ) -> Float32[Array, "B KD"]:
    """Pools sets of vectors.

    Args:
      x: (B, N, D) float.
      valid: (B, N) bool.
      train: whether assignments are normalised by the statistics of this batch.

    Returns:
      (B, D * K) float32 of length 1, entry d * K + k belongs to channel d and cluster k.
    """
    x = jnp.asarray(x)
    width, draw = x.shape[-1], nn.initializers.normal(x.shape[-1] ** -0.5)
    assign = self.param("clusters", draw, (width, self.clusters + self.ghost_clusters))
    centres = self.param("clusters2", draw, (1, width, self.clusters))
    counts = valid[..., None].astype(jnp.float32) if self.mask_padding else None
    x, product = x.astype(self.dtype), x.astype(self.dtype) @ assign.astype(self.dtype)
    shares = jax.nn.softmax(BatchNorm(name="batch_norm")(product, train, counts))
    shares = shares[..., : self.clusters]
    if counts is not None:
      shares = shares * counts
    sums = jnp.einsum(
      "bnd,bnk->bdk", x, shares.astype(self.dtype), preferred_element_type=jnp.float32
    )
    distances = sums - shares.sum(1)[:, None] * centres
    return unit_length(unit_length(distances, axis=1).reshape(x.shape[0], -1))
