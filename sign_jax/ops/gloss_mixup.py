"""Inter-modality mixup: every feature with the embedding of every gloss; NLA-SLR, section 3.3.2.

A linear layer of a sum is the sum of its values: (f_b + e_n) W + c = f_b W + (e_n W + c). So the
(B, N, D) features are never made, of (B, N, N) logits only tiles, and these are computed again on
the way back.
"""

import functools

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Float32, Int

# Of the logits that exist at a time. On accelerators a tile must be worth starting programs for.
TILE_ELEMENTS, TILE_ELEMENTS_ON_CPU = 2**24, 2**20


def _parts(
    features: Float[ArrayLike, "B D"], mapped: Float[ArrayLike, "N D"],
    kernel: Float[ArrayLike, "D N"], bias: Float[ArrayLike, " N"],
) -> tuple[Float32[Array, "B N"], Float32[Array, "N N"]]:
  """What features and glosses add to the logits, in products of the features' dtype."""
  exact = jax.lax.Precision.HIGHEST if features.dtype == jnp.float32 else None
  product = lambda x: jnp.matmul(
      x.astype(features.dtype), kernel.astype(features.dtype), precision=exact,
      preferred_element_type=jnp.float32,
  )
  return product(features), product(mapped) + bias.astype(jnp.float32)[None]


def inter_modality_logits(
    features: Float[ArrayLike, "B D"], mapped: Float[ArrayLike, "N D"],
    kernel: Float[ArrayLike, "D N"], bias: Float[ArrayLike, " N"],
) -> Float32[Array, "B N N"]:
  """All logits at once, [b, n] those of feature b with gloss n: for small N, such as in tests."""
  own, added = _parts(features, mapped, kernel, bias)
  return own[:, None] + added[None]


def _tiles(added: Float32[ArrayLike, "N C"], batch: int) -> Float32[Array, "tiles R C"]:
  """Rows in tiles of no more logits than suit the device; the last is filled up with zeros."""
  rows, classes = added.shape
  most = TILE_ELEMENTS_ON_CPU if jax.default_backend() == "cpu" else TILE_ELEMENTS
  size = min(rows, max(1, most // (batch * classes)))
  size = -(-rows // -(-rows // size))  # the same number of tiles, as even as can be
  return jnp.pad(added, ((0, -rows % size), (0, 0))).reshape(-1, size, classes)


def _log_sum(
    own: Float32[ArrayLike, "B C"], added: Float32[ArrayLike, "R C"]
) -> Float32[Array, "B R"]:
  return jax.nn.logsumexp(own[:, None] + added[None], axis=2)


@jax.custom_vjp
def log_sums(
    own: Float32[ArrayLike, "B C"], added: Float32[ArrayLike, "N C"]
) -> Float32[Array, "B N"]:
  """log sum_c exp(own[b, c] + added[n, c]) of all pairs, in tiles of n."""
  sums = jax.lax.map(functools.partial(_log_sum, own), _tiles(added, own.shape[0]))
  return sums.transpose(1, 0, 2).reshape(own.shape[0], -1)[:, : added.shape[0]]


def _forward(own, added):
  found = log_sums(own, added)
  return found, (own, added, found)


def _backward(saved, grads):
  own, added, sums = saved
  tiles = _tiles(added, own.shape[0])
  filled_up = tiles.shape[0] * tiles.shape[1] - added.shape[0]

  def split(x, fill):
    x = jnp.pad(x, ((0, 0), (0, filled_up)), constant_values=fill)
    return x.reshape(own.shape[0], *tiles.shape[:2]).transpose(1, 0, 2)

  def tile(total, x):
    added, sums, grads = x
    shares = jnp.exp(own[:, None] + added[None] - sums[:, :, None]) * grads[:, :, None]
    return total + shares.sum(1), shares.sum(0)

  # What fills up the last tile has shares of 0.
  pieces = tiles, split(sums, jnp.inf), split(grads, 0.0)
  of_own, of_added = jax.lax.scan(tile, jnp.zeros_like(own), pieces)
  return of_own, of_added.reshape(-1, added.shape[1])[: added.shape[0]]


log_sums.defvjp(_forward, _backward)


def inter_modality_mixup(
    features: Float[ArrayLike, "B D"],
    mapped: Float[ArrayLike, "N D"],
    kernel: Float[ArrayLike, "D N"],
    bias: Float[ArrayLike, " N"],
    labels: Int[ArrayLike, " B"],
    others: Int[ArrayLike, " B"] | None = None,
    share: Float[ArrayLike, ""] | float = 1.0,
) -> Float32[Array, ""]:
  """Mean over b and n of the cross-entropy of feature b with gloss n; NLA-SLR, eq. 3 to 5.

  Half of the target is on the label of b and half on n. The released code takes the glosses in the
  order of their scores, all of them, and the mean is the same.

  Args:
    features: (B, D) of a head; also the dtype of the products.
    mapped: (N, D), the glosses' embeddings, mapped to the head's width.
    kernel, bias: (D, N) and (N,) of the auxiliary classifier.
    labels: (B,) int in [0, N).
    others: (B,) int, the labels of what intra-modality mixup has added; None for nothing.
    share: () in [0, 1] of `labels` in the half on the label, the rest of it is of `others`.
  """
  own, added = _parts(features, mapped, kernel, bias)
  # The target is the same for all n but for n itself, so that means over n are enough.
  average = added.mean(0)
  of = lambda labels: jnp.take_along_axis(own, labels[:, None], 1)[:, 0] + average[labels]
  of_label = of(labels) if others is None else share * of(labels) + (1 - share) * of(others)
  of_gloss = own.mean() + jnp.diagonal(added).mean()
  return log_sums(own, added).mean() - 0.5 * of_label.mean() - 0.5 * of_gloss


def weight(progress: Float[ArrayLike, ""] | float, decays: bool = True) -> Float[Array, ""]:
  """Of this loss: 0.5 (1 + cos(pi progress)), `progress` in [0, 1]; 1 where it does not decay."""
  return 0.5 * (1 + jnp.cos(jnp.pi * progress)) if decays else jnp.float32(1)
