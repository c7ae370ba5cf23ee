"""Where in a video each gloss of a sequence is: the likeliest path of CTC that says it."""

import functools

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, Int32

from sign_jax.ops import alignment
from sign_jax.ops.ctc import BLANK, feasible

_NEVER = -jnp.inf
_BLOCK = 256  # steps


@jax.jit
def gloss_spans(
    scores: Float[ArrayLike, "B T V"],
    steps: Int[ArrayLike, " B"],
    glosses: Int[ArrayLike, "B N"],
) -> Int32[Array, "B N 2"]:
  """The first and the last step of each gloss on the likeliest path that says the sequence.

  Args:
    scores: (B, T, V) float logits, or logarithms of probabilities.
    steps: (B,) int, how many of the T there are.
    glosses: (B, N) int in [1, V), 0 behind the end.

  Returns:
    (B, N, 2) int32; -1 at padding, and all along where the steps do not suffice.
  """
  scores, glosses = jax.nn.log_softmax(jnp.asarray(scores)), jnp.asarray(glosses)
  states = jax.vmap(_states)(scores, jnp.asarray(steps), glosses)
  position = jnp.where(states % 2 == 1, states // 2, -1)  # odd ones are glosses
  position = jnp.where(feasible(steps, glosses)[:, None], position, -1)
  return alignment.ends(position, glosses.shape[1])


def _states(scores, steps, glosses):
  """(T,): the path's place among blanks (even) and glosses (odd); -1 at padding."""
  count, width = (glosses != BLANK).sum(), 2 * len(glosses) + 1
  labels = jnp.full(width, BLANK).at[1::2].set(glosses)
  before_last = jnp.pad(labels[:-2], (2, 0), constant_values=BLANK)
  may_skip = (labels != BLANK) & (labels != before_last)

  def forward(best, given):
    number, row = given
    ways = _ways(best, may_skip)
    moved = row[labels] + ways.max(0)
    moves = jnp.where(number > 0, ways.argmax(0), 0)
    return jnp.where((number > 0) & (number < steps), moved, best), moves.astype(jnp.int8)

  def backward(state, given):
    start, block = given
    moves = lax.scan(forward, start, block)[1]
    return lax.scan(functools.partial(_back, steps), state, (block[0], moves), reverse=True)

  # A path begins with the first blank or the first gloss.
  first = jnp.full(width, _NEVER, scores.dtype).at[:2].set(scores[0, labels[:2]])
  blocks = _blocks(scores)
  best, starts = lax.scan(lambda x, block: (lax.scan(forward, x, block)[0], x), first, blocks)
  ends = jnp.stack([2 * count, jnp.maximum(2 * count - 1, 0)])
  last = ends[best[ends].argmax()]
  # The moves of one block at a time: those of all steps of an hour would fill gigabytes.
  states = lax.scan(backward, last, (starts, blocks), reverse=True)[1]
  return states.ravel()[: len(scores)]


def _blocks(scores):
  """The numbers (n, K) and scores (n, K, V) of K steps each, filled up with steps of zeros."""
  size = min(_BLOCK, len(scores))
  count = -(-len(scores) // size)
  padded = jnp.pad(scores, ((0, count * size - len(scores)), (0, 0)))
  return jnp.arange(count * size).reshape(count, size), padded.reshape(count, size, -1)


def _ways(best, may_skip):
  """(3, S): the scores of staying, of going one state on, and of leaving a blank out."""
  moved = lambda by: jnp.pad(best[:-by], (by, 0), constant_values=_NEVER)
  return jnp.stack([best, moved(1), jnp.where(may_skip, moved(2), _NEVER)])


def _back(steps, state, given):
  number, moves = given
  is_there = number < steps
  return jnp.where(is_there, state - moves[state], state), jnp.where(is_there, state, -1)
