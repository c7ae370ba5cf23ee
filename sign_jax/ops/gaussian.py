"""Samples of diagonal Gaussians."""

import jax.numpy as jnp


def draw(mu, log_sigma, noise):
  """mu and K - 1 reparameterised draws around it (UPRet, released code).

  Args:
    mu, log_sigma: (B, N, D) float.
    noise: (K - 1, B, N, D) standard normal float.

  Returns:
    (K, B, N, D); the first sample is `mu` itself.
  """
  return jnp.concatenate([mu[None], mu[None] + jnp.exp(log_sigma)[None] * noise])


def refine(x, samples):
  """The mean of a feature and its K samples; UPRet, eq. 11 and 12.

  Args:
    x: (B, N, D) float.
    samples: (K, B, N, D) float.

  Returns:
    (B, N, D).
  """
  return (x + samples.sum(0)) / (samples.shape[0] + 1)
