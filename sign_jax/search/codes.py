"""Short codes of tokens, from which an upper bound of every similarity follows.

A token v of length 1 is described by c, its products with the R columns of a basis B, rounded; what
they leave is e = v - B c. For any token t of a query, with p = B' t and q = t - B p,

    v . t = c . p + (B' e) . p + e . q  <=  c . p + |B' e| |p| + |e| |q|.

So a code is (c, |B' e|, |e|), a query's is (p, |p|, |q|), and the product of the two bounds the
similarity from above, whatever the basis. The better the basis fits, the tighter the bound: it is
made of the principal directions of the first tokens of an index, and of the sentences that are
known of these clips.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Float16, Float32

from sign_jax.ops.late_interaction import normalize

COLUMNS = 64  # R + 2
_MOST = 1 << 16  # tokens that a basis is made from
# What float32 arithmetic adds to a norm of at most 1, and float16 takes from a number by rounding.
_SLACK, _HALF_STEP = 2.0**-16, 2.0**-10


def read_dtype(stored: np.dtype) -> np.dtype:
  """In which tokens of an index are read to make codes of them.

  It is that of the index and not that of a model: models of several precisions may add to an index
  and search it, and whoever searches must know what the codes are of.

  Args:
    stored: of the tokens in the index.
  """
  return stored if stored == jnp.bfloat16 else np.dtype(np.float32)


def columns(width: int) -> int:
  """R + 2 for tokens of so many channels."""
  return min(width + 2, COLUMNS)


def fit(
    tokens: Float[np.ndarray, "n D"], count: int, words: Float[np.ndarray, "m D"] | None = None
) -> Float32[np.ndarray, "D R"]:
  """The basis of most of the length of tokens.

  What the basis leaves of a similarity is a product of what it leaves of both sides. So the
  directions of sentences count as much as those of clips, where some are known: models put the two
  into subspaces of their own.

  Args:
    tokens: of clips, at least one, not normalised.
    count: R, at most D.
    words: tokens of sentences, not normalised.
  """
  sides = [tokens] if words is None or not len(words) else [tokens, words]
  _, vectors = np.linalg.eigh(sum(_moments(x) for x in sides))
  return np.ascontiguousarray(vectors[:, ::-1][:, :count], np.float32)


def _moments(tokens):
  """(D, D) float64 mean products of the channels of tokens of length 1."""
  if len(tokens) > _MOST:
    tokens = tokens[np.linspace(0, len(tokens) - 1, _MOST).astype(int)]
  unit = np.asarray(normalize(jnp.asarray(tokens)), np.float32)
  return (unit.T @ unit).astype(np.float64) / len(unit)


@jax.jit
def parts(
    basis: Float32[ArrayLike, "D R"], tokens: Float[ArrayLike, "n N D"]
) -> tuple[Float16[Array, "n N R"], Float16[Array, "n N 2"]]:
  """Codes of tokens: products, and the two norms; those of length 1 in their own dtype."""
  unit = normalize(tokens).astype(jnp.float32)
  exact = jax.lax.Precision.HIGHEST
  code = jnp.matmul(unit, basis, precision=exact).astype(jnp.float16)
  rest = unit - jnp.matmul(code.astype(jnp.float32), basis.T, precision=exact)
  inside = jnp.linalg.norm(jnp.matmul(rest, basis, precision=exact), axis=-1)
  norms = jnp.stack([inside, jnp.linalg.norm(rest, axis=-1)], axis=-1)
  # Up: a bound must not lose by rounding.
  return code, (norms * (1 + _HALF_STEP) + _SLACK).astype(jnp.float16)


def encode(
    basis: Float32[ArrayLike, "D R"], tokens: Float[ArrayLike, "n N D"]
) -> Float[np.ndarray, "n N R+2"]:
  """Codes of tokens, float16; see `parts`."""
  return np.concatenate(parts(jnp.asarray(basis), jnp.asarray(tokens)), axis=-1)


@jax.jit
def of_query(
    basis: Float32[ArrayLike, "D R"], tokens: Float[ArrayLike, "Q M D"]
) -> Float32[Array, "Q M R+2"]:
  """Codes of a query's tokens, float32."""
  unit = normalize(tokens).astype(jnp.float32)
  exact = jax.lax.Precision.HIGHEST
  inside = jnp.matmul(unit, basis, precision=exact)
  rest = unit - jnp.matmul(inside, basis.T, precision=exact)
  norms = [jnp.linalg.norm(x, axis=-1, keepdims=True) + _SLACK for x in (inside, rest)]
  return jnp.concatenate([inside, *norms], axis=-1)
