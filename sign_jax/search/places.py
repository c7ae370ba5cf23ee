"""Where in a clip a sentence is signed: the share of its score that each window carries.

Of the late interaction without padding, S_ij for the windows i and the words j that there are,

    score = sum_i c_i,   c_i = 1/2 (w_i sum_j p_j|i S_ij + sum_j u_j p_i|j S_ij),

with p the pooling's weights. The place is the run of windows that carries most beyond what each
would if all carried the same.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Float32

from sign_jax.ops.late_interaction import normalize

_NEGATIVE = -1e30


@functools.partial(jax.jit, static_argnames="pooling")
def shares(
    video: Float[ArrayLike, "H N D"], video_weights: Float[ArrayLike, "H N"],
    video_valid: Bool[ArrayLike, "H N"], text: Float[ArrayLike, "M D"],
    text_weights: Float[ArrayLike, " M"], text_valid: Bool[ArrayLike, " M"],
    pooling: str, temperature: float,
) -> Float32[Array, "H N"]:
  """c_i of H clips and one sentence; 0 where there is no window.

  Args:
    video, text: tokens, not normalised.
    video_weights, text_weights: the share of each token; on those that are valid they are made to
      sum to 1.
    video_valid, text_valid: False for padding and for tokens that are no window.
    pooling: "softmax" or "max".
    temperature: of the softmax.
  """
  exact = jax.lax.Precision.HIGHEST
  unit = lambda x: normalize(x).astype(jnp.float32)
  similarity = jnp.einsum("hnd,md->hnm", unit(video), unit(text), precision=exact)
  valid = video_valid[:, :, None] & text_valid[None, None, :]
  logits = jnp.where(valid, similarity / (temperature if pooling == "softmax" else 1e-6), _NEGATIVE)
  of_words, of_windows = jax.nn.softmax(logits, axis=2), jax.nn.softmax(logits, axis=1)
  w = _shared(video_weights, video_valid)[:, :, None]
  u = _shared(text_weights, text_valid)[None, None, :]
  found = 0.5 * (w * of_words + u * of_windows) * similarity
  return jnp.where(valid, found, 0.0).sum(2)


def _shared(weights, valid):
  weights = jnp.where(valid, weights.astype(jnp.float32), 0.0)
  return weights / jnp.maximum(weights.sum(-1, keepdims=True), 1e-12)


def best_run(curve: Float[np.ndarray, " n"]) -> tuple[int, int]:
  """(first, last) of the run of windows whose shares exceed the mean by most together.

  Args:
    curve: c_i of the windows that there are, at least one. Where all are alike it is all of them.
  """
  excess = np.asarray(curve, np.float64) - np.mean(curve, dtype=np.float64)
  if np.abs(excess).max() < 1e-9:
    return 0, len(excess) - 1
  total = np.concatenate([[0.0], np.cumsum(excess)])
  low = np.minimum.accumulate(total[:-1])
  last = int(np.argmax(total[1:] - low))
  return int(np.argmin(total[: last + 1])), last


def overlap(one: tuple[float, float], other: tuple[float, float]) -> float:
  """The share of the shorter of two spans of seconds that lies in the other one."""
  common = min(one[1], other[1]) - max(one[0], other[0])
  shorter = min(one[1] - one[0], other[1] - other[0])
  return max(common, 0.0) / shorter if shorter > 0 else float(common >= 0)
