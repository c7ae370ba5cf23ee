"""sign_jax: sign-language retrieval and recognition in JAX."""

__version__ = "0.1.0"
