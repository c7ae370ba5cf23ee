"""Soft targets of classes, uniform or by the likeness of the words that the classes stand for."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Float32, Int

SMOOTHINGS = ("language", "uniform", "none")
_NEGATIVE = -1e30  # finite, so that a softmax over nothing is no NaN


def _with_own(
    others: Float32[ArrayLike, "B N"], labels: Int[ArrayLike, " B"], eps: float
) -> Float32[Array, "B N"]:
  """`eps` times the others' shares, which sum to 1, and 1 - eps on the label."""
  own = jax.nn.one_hot(labels, others.shape[1])
  return (1 - eps) * own + eps * others


def uniform(
    labels: Int[ArrayLike, " B"], classes: int, eps: float = 0.2
) -> Float32[Array, "B {classes}"]:
  """1 - eps on the label and eps / (N - 1) on each other class; NLA-SLR, eq. 1."""
  own = jax.nn.one_hot(labels, classes)
  return _with_own((1 - own) / max(classes - 1, 1), labels, eps)


def language(
    labels: Int[ArrayLike, " B"],
    embeddings: Float[ArrayLike, "N E"],
    eps: float = 0.2,
    temperature: float = 0.5,
) -> Float32[Array, "B N"]:
  """1 - eps on the label; the others share eps by softmax(cosine / temperature); NLA-SLR, eq. 2.

  Args:
    labels: (B,) int in [0, N).
    embeddings: (N, E) of the classes' glosses, of any length; one of zeros is like nothing.
    eps: what the other classes have together.
    temperature: of the softmax over them.
  """
  wide = embeddings.astype(jnp.float32)
  unit = wide / jnp.maximum(jnp.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
  cosine = jnp.matmul(unit[labels], unit.T, precision=jax.lax.Precision.HIGHEST)
  own = jax.nn.one_hot(labels, embeddings.shape[0], dtype=bool)
  others = jax.nn.softmax(jnp.where(own, _NEGATIVE, cosine / temperature), axis=1)
  return _with_own(others, labels, eps)


def targets(
    smoothing: str,
    labels: Int[ArrayLike, " B"],
    classes: int,
    embeddings: Float[ArrayLike, "N E"] | None = None,
    eps: float = 0.2,
    temperature: float = 0.5,
) -> Float32[Array, "B {classes}"]:
  """Targets that sum to 1.

  Args:
    smoothing: "language", "uniform" or "none"; without embeddings "language" is uniform, as the
      paper has it on NMFs-CSL.
    labels, classes, embeddings, eps, temperature: see `language`.

  Raises:
    ValueError: for another smoothing.
  """
  if smoothing not in SMOOTHINGS:
    raise ValueError(f"unknown smoothing {smoothing!r}")
  if smoothing == "none":
    return jax.nn.one_hot(labels, classes)
  if smoothing == "uniform" or embeddings is None:
    return uniform(labels, classes, eps)
  return language(labels, embeddings, eps, temperature)


def cross_entropy(
    logits: Float[ArrayLike, "B N"], targets: Float[ArrayLike, "B N"]
) -> Float32[Array, ""]:
  """Mean over the batch of the cross-entropy with soft targets."""
  chances = jax.nn.log_softmax(logits.astype(jnp.float32), axis=1)
  return -jnp.mean(jnp.sum(targets * chances, axis=1))
