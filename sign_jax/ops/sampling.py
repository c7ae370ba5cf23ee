"""Reading sequences at positions between their elements."""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

SAMPLINGS = ("released", "exact")


def sample_linear(
  x: Float[ArrayLike, "B H L D"], positions: Float[ArrayLike, "B H P"], sampling: str = "exact"
) -> Float[Array, "B H P D"]:
  """Interpolates linearly between the two elements next to every position.

  Args:
    x: (B, H, L, D) float.
    positions: (B, H, P) float32; 0 is the first element, L - 1 the last.
    sampling: "exact", or "released": as SEDS's code calls PyTorch's `grid_sample`, whose pixels
      have their edges where the positions take their centres to be, and whose other axis lies half
      outside. It reads 1/2 of what is at p L / (L - 1) - 1/2.

  Returns:
    (B, H, P, D) in the dtype of x; beyond the ends there are zeros.

  Raises:
    ValueError: for another sampling.
  """
  if sampling not in SAMPLINGS:
    raise ValueError(f"unknown sampling {sampling!r}")
  length = x.shape[2]
  if sampling == "released":
    positions = positions * (length / (length - 1)) - 0.5
  below = jnp.floor(positions)
  share = positions - below
  if sampling == "released":
    weights = 0.5 * (1.0 - share), 0.5 * share
  else:
    weights = 1.0 - share, share
  index = below.astype(jnp.int32)
  return sum(_read(x, index + i, weight) for i, weight in enumerate(weights))


def _read(
  x: Float[ArrayLike, "B H L D"], index: Int[ArrayLike, "B H P"], weight: Float[ArrayLike, "B H P"]
) -> Float[Array, "B H P D"]:
  # weight * x[index], with zeros beyond the ends.
  inside = (index >= 0) & (index < x.shape[2])
  at = jnp.clip(index, 0, x.shape[2] - 1)[..., None]
  values = jnp.take_along_axis(x, at, axis=2)
  return values * jnp.where(inside, weight, 0.0)[..., None].astype(x.dtype)
