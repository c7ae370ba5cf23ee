"""Glosses of a sentence and the steps of its video: which belong together, and losses of that.

Source: SignVTCL, "Improving Continuous Sign Language Recognition by Visual-Textual Contrastive
Learning"; what the paper leaves open is decided by the arguments.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, Int32

from sign_jax.ops.ctc import BLANK
from sign_jax.ops.unit_length import unit_length

ROWS = ("sum", "mean")
_TEMPERATURE = 0.07  # of whole sentences
_NEVER = -jnp.inf
_FAR = -1e30  # a logit without a share whose gradient is finite


class Path(NamedTuple):
  """Which gloss each step belongs to.

  Attributes:
    position: (B, T) int32 of the gloss in its sentence; -1 at padding, and all along where there
      is no path.
    exists: (B,) bool: there are glosses, and not more than steps.
    log_probability: (B,) of the path, 0 where there is none.
  """

  position: Int32[Array, "B T"]
  exists: Bool[Array, " B"]
  log_probability: Float[Array, " B"]


@jax.jit
def monotone_path(
    log_probabilities: Float[ArrayLike, "B T V"],
    steps: Int[ArrayLike, " B"],
    glosses: Int[ArrayLike, "B N"],
) -> Path:
  """The likeliest path from the first gloss at the first step to the last one at the last.

  Every step stays at its gloss or goes on to the next; of equal ones it stays. Blanks are not read.

  Args:
    log_probabilities: (B, T, V) float of the classes.
    steps: (B,) int, how many of the T there are.
    glosses: (B, N) int in [1, V), 0 behind the end.
  """
  glosses = jnp.asarray(glosses)
  counts = (glosses != BLANK).sum(1)
  columns = jnp.take_along_axis(jnp.asarray(log_probabilities), glosses[:, None], axis=2)
  return Path(*jax.vmap(_path)(columns, jnp.asarray(steps), counts))


def _path(scores, steps, count):
  """The path through (T, N) scores: (T,) int32, bool, float."""
  length, width = scores.shape

  def forward(best, row):
    before = jnp.pad(best[:-1], (1, 0), constant_values=_NEVER)
    moved = before > best
    best = row + jnp.where(moved, before, best)
    return best, (best, moved)

  def backward(place, given):
    number, moved = given
    is_there = number < steps
    return place - (is_there & moved[place]), jnp.where(is_there, place, -1)

  # Before the first step there is a place before the first gloss, from which one moves to it.
  start = jnp.full(width + 1, _NEVER, scores.dtype).at[0].set(0)
  scores = jnp.pad(scores, ((0, 0), (1, 0)), constant_values=_NEVER)
  _, (best, moved) = lax.scan(forward, start, scores)
  _, position = lax.scan(backward, count, (jnp.arange(length), moved), reverse=True)
  position = position - (jnp.arange(length) < steps)
  exists = (count > 0) & (count <= steps)
  total = best[jnp.maximum(steps - 1, 0), count]
  return (
      jnp.where(exists, position, -1).astype(jnp.int32), exists, jnp.where(exists, total, 0)
  )


def ends(
    position: Int[ArrayLike, "B T"], count: int
) -> Int32[Array, "B {count} 2"]:
  """The first and the last step of each of `count` segments; -1 for one that has none.

  Args:
    position: (B, T) int of the segment that each step belongs to; -1 for none.
    count: N, segments.
  """
  at = jnp.asarray(position)[:, :, None] == jnp.arange(count)[None, None]
  found = jnp.stack([at.argmax(1), at.shape[1] - 1 - at[:, ::-1].argmax(1)], axis=2)
  return jnp.where(at.any(1)[:, :, None], found, -1).astype(jnp.int32)


def segment_means(
    features: Float[ArrayLike, "B T D"], position: Int[ArrayLike, "B T"], count: int
) -> Float[Array, "B {count} D"]:
  """Means of the features of each gloss; 0 of one without any.

  Args:
    features: (B, T, D) float, of steps or of tokens.
    position: (B, T) int in [0, count), the gloss that each belongs to; -1 is none.
    count: N.
  """
  features = jnp.asarray(features)
  member = jnp.asarray(position)[:, :, None] == jnp.arange(count)[None, None]
  share = member / jnp.maximum(member.sum(1, keepdims=True), 1)
  # Not a product with 0, which not every number at padding survives.
  features = jnp.where(member.any(2, keepdims=True), features, 0)
  exact = lax.Precision.HIGHEST
  return jnp.einsum("btn,btd->bnd", share.astype(features.dtype), features, precision=exact)


class GlossLoss(NamedTuple):
  """The loss at the level of glosses: mean of both directions, and each; float scalars."""

  loss: Float[Array, ""]
  to_text: Float[Array, ""]
  to_video: Float[Array, ""]


def gloss_loss(
    visual: Float[ArrayLike, "B N D"],
    text: Float[ArrayLike, "B N D"],
    glosses: Int[ArrayLike, "B N"],
    exists: Bool[ArrayLike, " B"],
    row: str = "sum",
    normalize: bool = False,
    temperature: float = 1.0,
) -> GlossLoss:
  """Contrasts the glosses of a sentence with its segments of video; SignVTCL, eq. of L_G.

  The mean over the sentences that have a path; 0 where none has. A row's positives are all places
  of the same gloss. 0 is reached where each row of the softmax is uniform over them.

  Args:
    visual, text: (B, N, D) float, one vector a gloss.
    glosses: (B, N) int, 0 behind the end.
    exists: (B,) bool, which sentences count.
    row: "sum" adds up the positives of a row, "mean" takes their mean.
    normalize: compares unit vectors, by cosine.
    temperature: divides the similarities.

  Raises:
    ValueError: another row.
  """
  if row not in ROWS:
    raise ValueError(f"unknown row {row!r}")
  ways, same, there = _compared(visual, text, glosses, normalize, temperature)
  of_each = [_cross_entropy(x, same, there, row) for x in ways]
  weight = jnp.asarray(exists) / jnp.maximum(jnp.asarray(exists).sum(), 1)
  video, back = (jnp.sum(x * weight.astype(x.dtype)) for x in of_each)
  return GlossLoss((video + back) / 2, video, back)


def _compared(visual, text, glosses, normalize, temperature):
  """Similarities of segments with glosses and the transpose, which are the same gloss, which are.

  ([(B, N, N), (B, N, N)], (B, N, N) bool, (B, N) bool).
  """
  glosses = jnp.asarray(glosses)
  visual, text = (unit_length(jnp.asarray(x)) if normalize else jnp.asarray(x)
                  for x in (visual, text))
  exact = lax.Precision.HIGHEST
  scores = jnp.einsum("bnd,bmd->bnm", visual, text, precision=exact) / temperature
  there = glosses != BLANK
  same = (glosses[:, :, None] == glosses[:, None]) & there[:, :, None] & there[:, None]
  return (scores, jnp.swapaxes(scores, 1, 2)), same, there


def _log_shares(scores, there):
  """Logarithms of each row's softmax over the glosses there are."""
  return jax.nn.log_softmax(jnp.where(there[:, None], scores, _FAR))


def positive_shares(
    visual: Float[ArrayLike, "B N D"],
    text: Float[ArrayLike, "B N D"],
    glosses: Int[ArrayLike, "B N"],
    normalize: bool = False,
    temperature: float = 1.0,
) -> Float[Array, "B N"]:
  """What the softmax of `gloss_loss` gives to all places of the right gloss, in [0, 1].

  The mean of a segment's row over glosses and a gloss's row over segments. Of a gloss that stands c
  times among N, features that tell nothing get c / N.

  Args:
    visual, text: (B, N, D) float, one vector a gloss.
    glosses: (B, N) int, 0 behind the end, where the shares are 0.
    normalize, temperature: as in `gloss_loss`.
  """
  ways, same, there = _compared(visual, text, glosses, normalize, temperature)
  shares = [jnp.where(same, jnp.exp(_log_shares(x, there)), 0).sum(2) for x in ways]
  return (shares[0] + shares[1]) / 2


def _cross_entropy(scores, same, there, row):
  """(B,): mean over the rows there are of the log-share of positives, set off by their number."""
  positives = same.sum(2, keepdims=True)
  shares = _log_shares(scores, there)
  shares = shares + jnp.log(jnp.maximum(positives, 1).astype(scores.dtype))
  weight = same / jnp.maximum(positives, 1) if row == "mean" else same
  rows = -jnp.where(same, weight * shares, 0).sum(2)
  return rows.sum(1) / jnp.maximum(there.sum(1), 1)


def channel_loss(
    visual: Float[ArrayLike, "B D"], text: Float[ArrayLike, "B D"]
) -> Float[Array, ""]:
  """KL(softmax(text) || softmax(visual)) over channels, the mean over sentences."""
  text, visual = jax.nn.log_softmax(jnp.asarray(text)), jax.nn.log_softmax(jnp.asarray(visual))
  return jnp.mean(jnp.sum(jnp.exp(text) * (text - visual), axis=1))


def channel_entropies(text: Float[ArrayLike, "B D"]) -> Float[Array, " B"]:
  """Entropies of softmax(text), in nats; log D where both sides of `channel_loss` say nothing."""
  text = jax.nn.log_softmax(jnp.asarray(text))
  return -jnp.sum(jnp.exp(text) * text, axis=1)


def channel_factors(
    visual: Float[ArrayLike, "B D"], text: Float[ArrayLike, "B D"]
) -> tuple[Float[Array, "B E"], Float[Array, "B E"]]:
  """Vectors (B, D + 1) of videos and of texts whose products are -KL(softmax(text) ||
  softmax(visual)), of each video with each text: the nearer to 0, the more they agree."""
  visual, text = jnp.asarray(visual), jnp.asarray(text)
  ones = jnp.ones((len(visual), 1), visual.dtype)
  visual = jnp.concatenate([jax.nn.log_softmax(visual), ones], axis=1)
  entropies = channel_entropies(text)[:, None]
  return visual, jnp.concatenate([jax.nn.softmax(text), entropies], axis=1)


def batch_loss(
    visual: Float[ArrayLike, "B D"],
    text: Float[ArrayLike, "B D"],
    same: Bool[ArrayLike, "B B"],
    temperature: float = _TEMPERATURE,
) -> Float[Array, ""]:
  """KL between who belongs together and the softmax of cosines over the batch, of both directions.

  Args:
    visual, text: (B, D) float.
    same: (B, B) bool, which sentences are equal; the diagonal is true.
    temperature: divides the cosines.
  """
  visual, text = unit_length(jnp.asarray(visual)), unit_length(jnp.asarray(text))
  scores = jnp.matmul(visual, text.T, precision=lax.Precision.HIGHEST) / temperature
  return (_divergence(scores, same) + _divergence(scores.T, jnp.asarray(same).T)) / 2


def _divergence(scores, same):
  """Mean over rows of KL(uniform over `same` || softmax of the scores)."""
  target = same / jnp.sum(same, axis=1, keepdims=True)
  entropy = jnp.log(jnp.sum(same, axis=1).astype(scores.dtype))
  cross = -jnp.sum(target.astype(scores.dtype) * jax.nn.log_softmax(scores), axis=1)
  return jnp.mean(cross - entropy)


def same_sentences(glosses: Int[ArrayLike, "B N"]) -> Bool[Array, "B B"]:
  """Which sentences of a batch, (B, N) with 0 behind the end, are equal."""
  glosses = jnp.asarray(glosses)
  return (glosses[:, None] == glosses[None]).all(2)
