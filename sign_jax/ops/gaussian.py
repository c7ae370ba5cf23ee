"""Samples of diagonal Gaussians."""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float


def draw(
  mu: Float[ArrayLike, "B N D"],
  log_sigma: Float[ArrayLike, "B N D"],
  noise: Float[ArrayLike, "n B N D"],
  with_mean: bool = True,
) -> Float[Array, "K B N D"]:
  """Reparameterised draws mu + sigma * noise.

  Args:
    mu, log_sigma: (B, N, D) float.
    noise: (n, B, N, D) standard normal float.
    with_mean: puts mu itself first (UPRet, released code); without it there are only draws (eq.
      11 and 12).

  Returns:
    (K, B, N, D), K = n + 1 with the mean and n without.
  """
  draws = mu[None] + jnp.exp(log_sigma)[None] * noise
  return jnp.concatenate([mu[None], draws]) if with_mean else draws


def refine(
  x: Float[ArrayLike, "B N D"], samples: Float[ArrayLike, "K B N D"]
) -> Float[Array, "B N D"]:
  """The mean of a feature and its K samples; UPRet, eq. 11 and 12.

  Args:
    x: (B, N, D) float.
    samples: (K, B, N, D) float.

  Returns:
    (B, N, D).
  """
  return (x + samples.sum(0)) / (samples.shape[0] + 1)
