"""One direction of the late interaction in tiles: tokens of one side with sequences of the other.

A tile holds the products of some tokens with all tokens of some sequences. Tokens whose weight is 0
(padding) count for nothing in a weighted sum: they are sorted to the end and never multiplied.
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Float32, Int32, Shaped

from sign_jax.ops.maximum import max_over

NEGATIVE = -1e30  # finite: a fully masked row stays free of NaN


class Settings(NamedTuple):
  """What is no array.

  Attributes:
    pooling: "softmax", the mean under softmax(similarity / temperature) (released), "max" (UPRet,
      eq. 24), or "diagonal", of that mean the one term with the token's own place (SEDS, eq. 5
      and 6; N_v = N_t).
    temperature: of that softmax.
    max_elements: of a tile of similarities.
    axes: of the mesh, which divide the sequences.
  """

  pooling: str
  temperature: float
  max_elements: int
  axes: tuple[str, ...]


class Side(NamedTuple):
  """Sequences: tokens (A, N, D), weights (A, N) and mask (A, N) bool or None."""

  tokens: Float[ArrayLike, "A N D"]
  weights: Float[ArrayLike, "A N"]
  mask: Bool[ArrayLike, "A N"] | None


def normalize(x: Float[ArrayLike, "*shape"], eps: float = 1e-12) -> Float[Array, "*shape"]:
  """L2-normalises the last axis in float32, safely at 0; keeps the dtype."""
  wide = x.astype(jnp.float32)
  square = jnp.sum(jnp.square(wide), axis=-1, keepdims=True)
  return (wide * jax.lax.rsqrt(jnp.maximum(square, eps**2))).astype(x.dtype)


def _product(
    formula: str, x: Float[ArrayLike, "..."], y: Float[ArrayLike, "..."]
) -> Float32[Array, "..."]:
  """Float32 einsum of operands in the dtype of `y`."""
  # Accelerators round float32 operands to fewer bits by default.
  exact = jax.lax.Precision.HIGHEST if y.dtype == jnp.float32 else None
  return jnp.einsum(
      formula, x.astype(y.dtype), y, precision=exact, preferred_element_type=jnp.float32
  )


def _pool(
    similarity: Float32[ArrayLike, "R C K"],
    mask: Bool[ArrayLike, "C K"] | None,
    places: Int32[ArrayLike, " R"],
    settings: Settings,
) -> Float32[Array, "R C"]:
  """Pools the last axis.

  Args:
    similarity: (R, C, K) float32, of R tokens with C sequences of K tokens.
    mask: (C, K) bool, or None to let padding take part (released).
    places: (R,) int32, each row's place in its own sequence.
    settings: see `Settings`.

  Returns:
    (R, C) float32.
  """
  masked = similarity if mask is None else jnp.where(mask[None], similarity, NEGATIVE)
  if settings.pooling == "max":
    return max_over(masked, 2)
  logits = masked / settings.temperature
  if settings.pooling == "diagonal":
    own = jax.nn.one_hot(places, similarity.shape[2], dtype=bool)[:, None]
    take = lambda x: jnp.where(own, x, 0.0).sum(2)
    return take(similarity) * jnp.exp(take(logits) - jax.nn.logsumexp(logits, axis=2))
  return (jax.nn.softmax(logits, axis=2) * similarity).sum(2)


class _Rows(NamedTuple):
  """The tokens of all sequences, those with a weight first, in tiles.

  Attributes:
    order: (tiles, R) int32, index of each row's token; the last tile is filled up with 0.
    weights: (tiles, R) float32, 0 for what fills up.
    count: int32, tiles that hold a weight.
    back: (A * N,) int32, each token's row.
  """

  order: Int32[Array, "tiles R"]
  weights: Float[Array, "tiles R"]
  count: Int32[Array, ""]
  back: Int32[Array, " A*N"]


def _rows(weights: Float[ArrayLike, "A N"], size: int) -> _Rows:
  flat = weights.reshape(-1)
  order = jnp.argsort(flat == 0, stable=True)
  padding = (0, -flat.size % size)
  tiles = lambda x: jnp.pad(x, padding).reshape(-1, size)
  count = ((flat != 0).sum() + size - 1) // size
  return _Rows(tiles(order), tiles(flat[order]), count, jnp.argsort(order))


def _tile(settings, side, rows, number, keys, mask):
  """One tile: its tokens, weights, sequences (R,), pooled similarities (R, C), their gradient."""
  _, length, width = side.tokens.shape
  order, weights = rows.order[number], rows.weights[number]
  tokens = normalize(jnp.take(side.tokens.reshape(-1, width), order, axis=0))
  pool = functools.partial(_pool, mask=mask, places=order % length, settings=settings)
  pooled, back = jax.vjp(pool, _product("rd,ckd->rck", tokens, keys))
  return tokens, weights, order // length, pooled, back


def tile_shape(rows: int, sequences: int, tokens: int, max_elements: int) -> tuple[int, int]:
  """(rows, sequences) of a tile of similarities, about twice as wide as high.

  The last tile of the sequences is filled up, unless a width of use divides them.

  Args:
    rows: tokens on one side, over all of its sequences.
    sequences, tokens: on the other side, and of each of them; only whole sequences are pooled.
    max_elements: bound, kept unless one row with one sequence has more.
  """
  most = min(sequences, max(1, int((2 * max_elements) ** 0.5) // tokens))
  width = max(d for d in range(1, most + 1) if sequences % d == 0)
  if 2 * width <= most:
    width = math.ceil(sequences / math.ceil(sequences / most))
  return min(rows, max(1, max_elements // (width * tokens))), width


def _split(x: Shaped[ArrayLike, "C ..."], width: int) -> Shaped[Array, "blocks {width} ..."]:
  """Sequences (C, ...) in blocks of `width`, the last filled up with 0 or False."""
  padding = [(0, -x.shape[0] % width), *[(0, 0)] * (x.ndim - 1)]
  return jnp.pad(x, padding).reshape(-1, width, *x.shape[1:])


def _blocks(settings, queries, keys):
  """(`_Rows` of the queries, tokens and masks of the keys in blocks)."""
  size, width = tile_shape(
      queries.weights.size, *keys.weights.shape, settings.max_elements
  )
  mask = None if keys.mask is None else _split(keys.mask, width)
  return _rows(queries.weights, size), (_split(keys.tokens, width), mask)


def _in_place(rows, x):
  """What a loop found for each row, (tiles, R, ...), by token: (A * N, ...)."""
  return jnp.take(x.reshape(-1, *x.shape[2:]), rows.back, axis=0)


def direction(settings: Settings, queries: Side, keys: Side) -> Float32[Array, "A C"]:
  """(A, C) weighted sums over query tokens of their pooled similarities with C sequences."""
  rows, blocks = _blocks(settings, queries, keys)

  def block(x):
    tokens, mask = x
    unit = normalize(tokens)

    def add(number, terms):
      _, weights, _, pooled, _ = _tile(settings, queries, rows, number, unit, mask)
      return terms.at[number].set(weights[:, None] * pooled)

    start = jnp.zeros((*rows.order.shape, tokens.shape[0]))
    terms = jax.lax.fori_loop(0, rows.count, add, start)
    # Gathered and summed: sums of scattered rows would have no fixed order on accelerators.
    return _in_place(rows, terms).reshape(*queries.weights.shape, -1).sum(1)

  scores = jax.lax.map(block, blocks)  # (blocks, A, width)
  return scores.transpose(1, 0, 2).reshape(scores.shape[1], -1)[:, : keys.weights.shape[0]]


def direction_gradients(
    settings: Settings, queries: Side, keys: Side, grads: Float[ArrayLike, "A C"]
) -> tuple[Float32[Array, "A N D"], Float32[Array, "A N"], Float32[Array, "C K D"]]:
  """Float32 gradients of both sides' normalised tokens and of the queries' weights."""
  rows, blocks = _blocks(settings, queries, keys)

  def block(total, x):
    (tokens, mask), grads = x
    unit = normalize(tokens)

    def add(number, carry):
      (grad_queries, grad_weights), grad_keys = carry
      found = _tile(settings, queries, rows, number, unit, mask)
      tile, weights, sequences, pooled, back = found
      grad = jnp.take(grads, sequences, axis=0)
      (grad_similarity,) = back(grad * weights[:, None])
      grad_tile = _product("rck,ckd->rd", grad_similarity, unit)
      grad_keys += _product("rck,rd->ckd", grad_similarity, tile)
      return (
          (
              grad_queries.at[number].add(grad_tile),
              grad_weights.at[number].add((grad * pooled).sum(1) * (weights != 0)),
          ),
          grad_keys,
      )

    return jax.lax.fori_loop(0, rows.count, add, (total, jnp.zeros(tokens.shape)))

  columns = _split(grads.T, blocks[0].shape[1]).transpose(0, 2, 1)  # (blocks, A, width)
  start = (
      jnp.zeros((*rows.order.shape, queries.tokens.shape[2])), jnp.zeros(rows.order.shape)
  )
  total, grad_keys = jax.lax.scan(block, start, (blocks, columns))
  return (
      _in_place(rows, total[0]).reshape(queries.tokens.shape),
      _in_place(rows, total[1]).reshape(queries.weights.shape),
      grad_keys.reshape(-1, *keys.tokens.shape[1:])[: keys.tokens.shape[0]],
  )
