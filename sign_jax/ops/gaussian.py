"""Samples of diagonal Gaussians."""

import jax.numpy as jnp


def draw(mu, log_sigma, noise, with_mean=True):
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


def refine(x, samples):
  """The mean of a feature and its K samples; UPRet, eq. 11 and 12.

  Args:
    x: (B, N, D) float.
    samples: (K, B, N, D) float.

  Returns:
    (B, N, D).
  """
  return (x + samples.sum(0)) / (samples.shape[0] + 1)
