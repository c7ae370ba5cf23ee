"""The likeliest glosses of a recogniser's outputs: beam search over prefixes, and the best path.

The standard search keeps the prefixes with the highest probability over all their paths. That of
TensorFlow, which the released evaluation uses, differs now and then: a prefix which others have
pushed out before its turn is not extended if its parent has offered it again meanwhile.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, Int32

from sign_jax.ops.ctc import BLANK

SEARCHES = ("standard", "tensorflow")
_NEVER = -jnp.inf


class Decoded(NamedTuple):
  """The best sequence of each example.

  Attributes:
    glosses: (B, T) int32, 0 behind the end.
    log_probability: (B,) of the sequence, over the paths that the search has seen.
  """

  glosses: Int32[Array, "B T"]
  log_probability: Float[Array, " B"]


class _Beam(NamedTuple):
  """The kept prefixes of one example, best first; where there are fewer, -inf stands behind."""

  glosses: Int32[Array, "W T"]
  lengths: Int32[Array, " W"]
  blank: Float[Array, " W"]  # log-probability of the paths that end in a blank
  label: Float[Array, " W"]  # and of those that end in the last gloss

  @property
  def total(self):
    return jnp.logaddexp(self.blank, self.label)

  @property
  def last(self):
    """The last gloss of each; 0 of the empty prefix."""
    return _at(self.glosses, self.lengths - 1)


@functools.partial(jax.jit, static_argnames=("width", "search"))
def beam_search(
    scores: Float[ArrayLike, "B T V"],
    steps: Int[ArrayLike, " B"],
    width: int = 5,
    search: str = "standard",
) -> Decoded:
  """Decodes a batch; no language model, no term for the length.

  Args:
    scores: (B, T, V) float logits, or logarithms of probabilities or of their sums.
    steps: (B,) int, how many of the T there are.
    width: prefixes that are kept; of equal ones those that were formed first.
    search: of SEARCHES.

  Raises:
    ValueError: another search.
  """
  if search not in SEARCHES:
    raise ValueError(f"unknown search {search!r}")
  scores = jnp.asarray(scores)
  scores = jax.nn.log_softmax(scores.astype(jnp.promote_types(scores.dtype, jnp.float32)))
  run = functools.partial(_search, width=width, search=search)
  return Decoded(*jax.vmap(run)(scores, jnp.asarray(steps)))


def _search(scores, steps, width, search):
  def advance(beam, given):
    row, number = given
    moved = _step(beam, row, search)
    return jax.tree.map(lambda new, old: jnp.where(number < steps, new, old), moved, beam), None

  length = len(scores)
  start = jnp.full(width, _NEVER, scores.dtype)
  beam = _Beam(
      jnp.zeros((width, length), jnp.int32), jnp.zeros(width, jnp.int32), start.at[0].set(0), start
  )
  beam, _ = lax.scan(advance, beam, (scores, jnp.arange(length)))
  return beam.glosses[0], beam.total[0]


def _step(beam, row, search):
  """The beam after one more step, of which `row` (V,) has the log-probabilities."""
  total, last = beam.total, beam.last
  is_empty = beam.lengths == 0
  # Every kept prefix itself: by a blank, by its last gloss again, and as its parent's extension.
  blank = total + row[BLANK]
  label = jnp.where(is_empty, _NEVER, beam.label + row[last])
  gloss = jnp.arange(len(row))
  from_ = jnp.where(gloss[None] == last[:, None], beam.blank[:, None], total[:, None])
  extended = (from_ + row[None]).at[:, BLANK].set(_NEVER)
  parent, has_parent = _parents(beam, total)
  label = jnp.where(has_parent, jnp.logaddexp(label, extended[parent, last]), label)
  kept = _Beam(beam.glosses, beam.lengths, blank, label)
  none = jnp.where(has_parent, parent, len(total))  # out of bounds, and so left out
  extended = extended.at[none, last].set(_NEVER, mode="drop")
  if search == "tensorflow":
    turn = _turns(kept.total, extended, parent, has_parent, last)
    return _best_of_both(beam, kept, jnp.where(turn[:, None], extended, _NEVER))
  return _best_in_turn(beam, kept, extended, (parent, has_parent, last))


def _parents(beam, total):
  """(W,): the kept prefix that each one extends by its last gloss, and whether there is one."""
  place = jnp.arange(beam.glosses.shape[1])
  inside = place[None] < beam.lengths[:, None] - 1
  begins = jnp.where(inside, beam.glosses, BLANK)
  is_begun = (begins[:, None] == beam.glosses[None]).all(2)
  is_next = beam.lengths[:, None] == beam.lengths[None] + 1
  is_live = (total > _NEVER)[:, None] & (total > _NEVER)[None]
  found = is_begun & is_next & is_live
  return found.argmax(1), found.any(1)


def _best_in_turn(beam, kept, extended, family):
  """The standard search: candidates in the order of prefixes, each itself and its extensions."""
  parent, has_parent, last = family
  width = len(parent)
  number = jnp.arange(width)
  # One that an earlier parent has formed stands in its place.
  is_earlier = has_parent & (parent < number)
  rows, columns = jnp.where(is_earlier, parent, number), jnp.where(is_earlier, last, BLANK)
  table = extended.at[rows, columns].set(kept.total)
  owner = jnp.full(table.shape, -1).at[rows, columns].set(number)
  scores, chosen = lax.top_k(table.ravel(), width)
  return _chosen(beam, kept, scores, chosen, owner.ravel()[chosen], table.shape[1])


def _best_of_both(beam, kept, extended):
  """TensorFlow's: all kept prefixes are formed before all extensions."""
  width = len(extended)
  scores, chosen = lax.top_k(jnp.concatenate([kept.total, extended.ravel()]), width)
  owner = jnp.where(chosen < width, chosen, -1)
  place = jnp.maximum(chosen - width, 0)
  return _chosen(beam, kept, scores, place, owner, extended.shape[1])


def _turns(total, extended, parent, has_parent, last):
  """(W,) bool: which prefixes offer their extensions, in TensorFlow's search."""
  width, number = len(total), jnp.arange(len(total))
  gloss = jnp.arange(extended.shape[1])

  def decide(q, turn):
    before = (number < parent[q])[:, None] | (
        (number == parent[q])[:, None] & (gloss < last[q])[None]
    )
    above = (extended > total[q]) & before & turn[:, None]
    ahead = (total > total[q]) | ((total == total[q]) & (number < q))
    is_out = above.sum() + ahead.sum() >= width  # when its parent's turn comes to it
    offered = has_parent[q] & (parent[q] < q) & turn[parent[q]]
    return turn.at[q].set(~(offered & is_out))

  return lax.fori_loop(1, width, decide, jnp.ones(width, bool))


def _chosen(beam, kept, scores, place, owner, classes):
  """The beam of the candidates at places p V + c; `owner` is the kept prefix that one is, or -1."""
  is_kept = owner >= 0
  source = jnp.where(is_kept, owner, place // classes)
  glosses, lengths = beam.glosses[source], beam.lengths[source]
  grown = glosses.at[jnp.arange(len(scores)), lengths].set(place % classes, mode="drop")
  return _Beam(
      jnp.where(is_kept[:, None], glosses, grown),
      jnp.where(is_kept, lengths, lengths + 1),
      jnp.where(is_kept, kept.blank[source], _NEVER),
      jnp.where(is_kept, kept.label[source], scores),
  )


def _at(glosses, places):
  """(W,): the gloss at a place of each row, 0 before the beginning."""
  found = jnp.take_along_axis(glosses, jnp.maximum(places, 0)[:, None], axis=1)[:, 0]
  return jnp.where(places < 0, BLANK, found)


@jax.jit
def best_path(scores: Float[ArrayLike, "B T V"], steps: Int[ArrayLike, " B"]) -> Decoded:
  """The glosses of the likeliest gloss or blank of each step: greedy decoding.

  Args:
    scores, steps: as in `beam_search`; the log-probability is that of this one path.
  """
  scores = jax.nn.log_softmax(jnp.asarray(scores))
  is_there = jnp.arange(scores.shape[1])[None] < jnp.asarray(steps)[:, None]
  path = jnp.where(is_there, scores.argmax(2).astype(jnp.int32), BLANK)
  log_probability = jnp.where(is_there, scores.max(2), 0).sum(1)
  return Decoded(_packed(path, _is_new(path) & (path != BLANK)), log_probability)


@jax.jit
def merge_repeated(glosses: Int32[ArrayLike, "B N"]) -> Int32[Array, "B N"]:
  """The same sequences, 0 behind the end, without a gloss twice in a row: as released."""
  glosses = jnp.asarray(glosses)
  return _packed(glosses, _is_new(glosses))


def _is_new(path: Int32[Array, "B T"]) -> Bool[Array, "B T"]:
  before = jnp.pad(path[:, :-1], ((0, 0), (1, 0)), constant_values=-1)
  return path != before


def _packed(glosses: Int32[Array, "B T"], keep: Bool[Array, "B T"]) -> Int32[Array, "B T"]:
  """What is kept, in its order; 0 behind it."""
  order = jnp.argsort(~keep, axis=1, stable=True)
  return jnp.take_along_axis(jnp.where(keep, glosses, BLANK), order, axis=1)
