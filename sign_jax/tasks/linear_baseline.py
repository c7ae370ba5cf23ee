"""What a linear classifier of keypoints reaches: what a network must be better than.

Multinomial logistic regression on the keypoints of eight frames of each sign, standardised over the
training split, trained by L-BFGS until its gradient vanishes. It draws nothing: equal data give
equal numbers.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float, Float32, Int

FRAMES = 8
PENALTY = 1e-3  # of half the sum of squared weights, beside the mean cross-entropy
TOLERANCE = 1e-4  # of the gradient's norm
MOST_STEPS = 2000
# Body, hands and the outline of the mouth, the joints that NLA-SLR reads.
JOINTS = np.r_[91:133, 71:90:2, 0:11]


def inputs_of(clips: Any) -> Float32[np.ndarray, "N D"]:
  """The inputs of all clips: x and y of 63 joints in 8 frames at equal distances, D = 1008.

  Args:
    clips: `data.sign_clips.SignClips` that reads keypoints.
  """
  return np.stack([_resampled(clips.read(i)["keypoints"]) for i in range(len(clips))])


def _resampled(keypoints):
  places = np.linspace(0, len(keypoints) - 1, FRAMES)
  low = places.astype(int)
  high = np.minimum(low + 1, len(keypoints) - 1)
  points, share = keypoints[:, JOINTS, :2], (places - low).astype(np.float32)[:, None, None]
  return (points[low] * (1 - share) + points[high] * share).reshape(-1)


def fit(
    inputs: Float32[np.ndarray, "N D"], labels: Int[np.ndarray, " N"], classes: int
) -> Callable[[Float32[np.ndarray, "M D"]], Float[np.ndarray, "M C"]]:
  """Trains on inputs (N, D) and classes (N,).

  Returns:
    function of inputs (M, D) -> scores (M, C).
  """
  mean, deviation = inputs.mean(0), inputs.std(0)
  scale = np.where(deviation > 1e-6, 1 / np.maximum(deviation, 1e-6), 0).astype(np.float32)
  standardised = lambda x: jnp.asarray((x - mean) * scale)
  weights = _minimise(standardised(inputs), jnp.asarray(labels), classes)
  return lambda x: np.asarray(_scores(weights, standardised(x)))


def _scores(weights, inputs):
  return inputs @ weights["kernel"] + weights["bias"][None]


def _minimise(inputs, labels, classes):
  """{"kernel": (D, C), "bias": (C,)} of least loss."""

  def loss(weights):
    losses = optax.softmax_cross_entropy_with_integer_labels(_scores(weights, inputs), labels)
    return losses.mean() + PENALTY / 2 * jnp.sum(weights["kernel"] ** 2)

  solver = optax.lbfgs()
  value_and_grad = optax.value_and_grad_from_state(loss)

  def step(carry):
    weights, state = carry
    value, grad = value_and_grad(weights, state=state)
    updates, state = solver.update(
        grad, state, weights, value=value, grad=grad, value_fn=loss
    )
    return optax.apply_updates(weights, updates), state

  def is_far(carry):
    count = optax.tree_utils.tree_get(carry[1], "count")
    grad = optax.tree_utils.tree_get(carry[1], "grad")
    return (count == 0) | (count < MOST_STEPS) & (optax.tree_utils.tree_norm(grad) > TOLERANCE)

  start = {
      "kernel": jnp.zeros((inputs.shape[1], classes)), "bias": jnp.zeros((classes,)),
  }
  run = jax.jit(lambda begin: jax.lax.while_loop(is_far, step, begin)[0])
  return run((start, solver.init(start)))
