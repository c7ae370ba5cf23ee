"""Connectionist temporal classification: sequences of glosses without times; 0 is the blank.

Source: Graves et al., "Connectionist Temporal Classification" (ICML 2006).
"""

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int

BLANK = 0


def feasible(steps: Int[ArrayLike, " B"], glosses: Int[ArrayLike, "B N"]) -> Bool[Array, " B"]:
  """Whether the steps suffice: one a gloss, and a blank between equal neighbours.

  Args:
    steps: (B,) int, how many there are.
    glosses: (B, N) int, 0 behind the end.
  """
  glosses = jnp.asarray(glosses)
  there = glosses != BLANK
  equal = there[:, 1:] & (glosses[:, 1:] == glosses[:, :-1])
  return jnp.asarray(steps) >= there.sum(1) + equal.sum(1)


def ctc_loss(
    logits: Float[ArrayLike, "B T V"],
    steps: Int[ArrayLike, " B"],
    glosses: Int[ArrayLike, "B N"],
) -> Float[Array, " B"]:
  """-log p(glosses) of each example; 0, with a gradient of 0, where there are too few steps.

  Args:
    logits: (B, T, V) float.
    steps: (B,) int, how many of the T there are; what lies behind them is not read.
    glosses: (B, N) int in [1, V), 0 behind the end; none at all are the path of blanks alone.

  Returns:
    (B,) in the dtype of the logits, float32 at least.
  """
  logits, glosses = jnp.asarray(logits), jnp.asarray(glosses)
  logits = logits.astype(jnp.promote_types(logits.dtype, jnp.float32))
  is_there = jnp.arange(logits.shape[1])[None] < jnp.asarray(steps)[:, None]
  # Whatever stands at padding meets a factor of 0, which not every number survives.
  logits = jnp.where(is_there[:, :, None], logits, 0)
  # Optax picks the glosses' columns by a product, which accelerators would round.
  with jax.default_matmul_precision("highest"):
    losses = optax.ctc_loss(
        logits, (~is_there).astype(logits.dtype), glosses,
        (glosses == BLANK).astype(logits.dtype), blank_id=BLANK,
    )
  return jnp.where(feasible(steps, glosses), losses, 0)
