"""A look at all clips of an index: three kinds of it, one way to make it.

Each gives a number for every clip and every query: a bound of the score from short codes, a close
bound from the tokens, or the score itself. They differ in what they read, in what they compute of a
tile, and in what is added so that rounding cannot make a bound too low.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float32, Int

from sign_jax.api.model import batches, filled
from sign_jax.api.retrieval import RetrievalModel
from sign_jax.errors import UserError
from sign_jax.search import bound, close, codes, softmax_bound
from sign_jax.search.scorer import Scorer
from sign_jax.search.store import Store

_TILE = 256  # clips that are scored at once where all are
_SOME = (16, 64, 256)  # clips of a close look at some: few sizes, few programs
_NARROW = 2.0**-6  # what tokens of another dtype may change in a similarity
_LARGEST_SUM = 1.01  # of the weights of a clip, which sum to 1 but for rounding


class Found(NamedTuple):
  """What a look has found.

  Attributes:
    values: of each query and clip; without meaning where `seen` is False.
    seen: which clips were looked at before time was up.
  """

  values: Float32[np.ndarray, "Q rows"]
  seen: Bool[np.ndarray, " rows"]


class Pass(NamedTuple):
  """A kind of look.

  Attributes:
    fields: that it reads.
    size: clips of a tile, where all clips are looked at.
    compute: function of the arrays of a tile -> (Q, at least as many), which it need not wait for.
    slack: what is added to all values.
    is_even: whether `compute` is to get tiles of few sizes, filled up.
  """

  fields: tuple[str, ...]
  size: int
  compute: Callable
  slack: float
  is_even: bool = True

  def filled(self, arrays: dict[str, np.ndarray], size: int) -> Any:
    """What is computed of a tile, filled up to `size` where that is wanted."""
    return self.compute(bound.filled(arrays, size) if self.is_even else arrays)


class Passes:
  """The kinds of looks that a model allows.

  Attributes:
    scorer: `Scorer`.
    has_bounds: whether there are bounds, and they hold. Those of the late interaction allow for
      what float32 arithmetic rounds on CPUs and GPUs; a TPU makes products of float32 from pieces
      in bfloat16, and nothing has shown that they are as good.
  """

  def __init__(self, model: RetrievalModel) -> None:
    self._model, self.scorer = model, Scorer(model)
    is_late = model.trained.system.late_interaction
    self.has_bounds = is_late and jax.default_backend() != "tpu"

  @functools.cached_property
  def _interaction(self):
    module = self._model.trained.model
    return close.Interaction(
        module.token_pooling, bool(module.mask_padding), float(module.temperature)
    )

  @property
  def _dtype(self):
    """Of the tokens of clips as the model scores them."""
    return np.dtype(self._model.video_form.features.dtype)

  def bounds(self, store: Store, tokens: Any, is_over: Callable[[], bool]) -> Found:
    """Bounds from the codes.

    Args:
      store: `Store`.
      tokens: of Q queries, a tree of arrays (Q, ...).
      is_over: function that says whether time is up; the first tile is looked at in any case.

    Raises:
      UserError: what is read is damaged.
    """
    return _look(store, tokens, is_over, self._by_codes)

  def close(self, store: Store, tokens: Any, is_over: Callable[[], bool]) -> Found:
    """Close bounds from the tokens; see `bounds`."""
    return _look(store, tokens, is_over, self._by_tokens)

  def close_of(
      self, store: Store, tokens: Any, rows: Int[np.ndarray, " n"]
  ) -> Float32[np.ndarray, " n"]:
    """Close bounds of some rows with one query.

    Args:
      store: `Store`.
      tokens: of the query, a tree of arrays (1, ...).
      rows: n rows.

    Raises:
      UserError: what is read is damaged.
    """
    return self._of_some(store, rows, self._by_tokens(store, tokens))

  def looseness(self, store: Store, tokens: Any) -> float:
    """No score is lower than its close bound by more than this; arguments as in `close_of`."""
    return 2 * self._by_tokens(store, tokens).slack

  def scores(self, store: Store, tokens: Any, is_over: Callable[[], bool]) -> Found:
    """The scores of the evaluation; see `bounds`."""
    return _look(store, tokens, is_over, self._by_model)

  def softmax_bounds_of(
      self, store: Store, tokens: Any, rows: Int[np.ndarray, " n"]
  ) -> Float32[np.ndarray, " n"]:
    """Bounds of some rows from codes, tighter than `bounds`, where `has_softmax_bounds`.

    Arguments and errors as in `close_of`.
    """
    return self._of_some(store, rows, self._by_softmax(store, tokens))

  @property
  def has_softmax_bounds(self) -> bool:
    """Whether the score's means are weighted by a softmax, and one that is not too sharp."""
    interaction = self._interaction
    is_soft = interaction.pooling != "max"
    return is_soft and interaction.temperature >= softmax_bound.LEAST_TEMPERATURE

  def _of_some(self, store, rows, made):
    found = [np.zeros(0, np.float32)]
    for start, stop, size in batches(len(rows), _SOME):
      arrays = _checked(store.read(rows[start:stop], made.fields), store)
      values = np.asarray(made.filled(arrays, size))[0, : stop - start]
      found.append(finite(values, store) + np.float32(made.slack))
    return np.concatenate(found)

  def _by_softmax(self, store, tokens):
    query, slack = self._coded(store, tokens)
    video, (_, text, width) = store.manifest.fields["features"].shape[0], tokens.features.shape
    upper = functools.partial(
        softmax_bound.upper, query=query, interaction=self._interaction, slack=slack
    )
    compute = lambda arrays: upper(**arrays)
    # The score itself is a mean weighted by exponentials that are rounded, as the close one is.
    error = close.error(width, video, text, self._interaction)
    return Pass(bound.FIELDS, 0, compute, _LARGEST_SUM * error)

  def _by_codes(self, store, tokens):
    query, slack = self._coded(store, tokens)
    video, text = store.manifest.fields["features"].shape[0], tokens.features.shape[1]
    block = bound.tile_clips(video, text)
    size = bound.BLOCKS * block if jax.default_backend() == "cpu" else block
    upper = functools.partial(
        bound.upper, query=query, mask_padding=self._interaction.mask_padding, block=block
    )
    compute = lambda arrays: upper(**arrays)
    return Pass(bound.FIELDS, size, compute, _LARGEST_SUM * slack)

  def _coded(self, store, tokens):
    """(`bound.Query`, what rounding may add to a similarity or a score)."""
    basis = store.basis()
    if basis is None:
      raise UserError(f"{store.folder} has lost the basis of its codes: build the index again")
    query = bound.Query(codes.of_query(basis, tokens.features), tokens.weights, tokens.mask)
    field, (_, text, width) = store.manifest.fields["features"], tokens.features.shape
    # The codes are of the tokens in one dtype; the score may round these to the model's first.
    dtypes = {codes.read_dtype(field.numpy), self._dtype, np.dtype(tokens.features.dtype)}
    narrow = len(dtypes) > 1
    return query, bound.rounding(width, field.shape[0], text) + narrow * _NARROW

  def _by_tokens(self, store, tokens):
    texts = close.Sentences(tokens.features, tokens.weights, tokens.mask)
    video, (_, text, width) = store.manifest.fields["features"].shape[0], tokens.features.shape
    size = bound.tile_clips(video, text)
    dtype = self._dtype.name

    def compute(arrays):
      return close.scores(*(arrays[x] for x in close.FIELDS), texts, self._interaction, dtype)

    slack = close.error(width, video, text, self._interaction)
    return Pass(close.FIELDS, size, compute, _LARGEST_SUM * slack)

  def _by_model(self, store, tokens):
    del store
    compute = lambda arrays: self.scorer(arrays, tokens).T
    return Pass(tuple(self.scorer.fields), _TILE, compute, 0.0, is_even=False)


def _look(store, tokens, is_over, kind):
  queries, rows = len(jax.tree.leaves(tokens)[0]), int(store.first[-1])
  if not rows:
    return Found(np.zeros((queries, 0), np.float32), np.zeros(0, bool))
  size = 2 ** math.ceil(math.log2(queries))  # few sizes, few programs
  made = kind(store, jax.tree.map(lambda x: filled(np.asarray(x), size), tokens))
  tiles = store.tiles(made.fields, made.size)
  tiles = ((first, _checked(arrays, store)) for first, arrays in tiles)
  compute = functools.partial(made.filled, size=made.size)
  values, seen = bound.scan(tiles, compute, queries, rows, is_over)
  finite(values[:, seen], store)
  return Found(values + np.float32(made.slack), seen)


def _checked(arrays, store):
  """The same; raises UserError where the weights of a clip are more than its shares."""
  if "weights" in arrays and (arrays["weights"].sum(-1) > _LARGEST_SUM).any():
    raise UserError(
        f"{store.folder} holds weights of a clip that sum to more than 1: `python -m "
        "sign_jax.search verify` tells whether its files are damaged"
    )
  return arrays


def finite(found: np.ndarray, store: Store) -> np.ndarray:
  """The same; raises UserError where something is no number, which damaged files can lead to."""
  if not np.isfinite(found).all():
    raise UserError(
        f"scores of {store.folder} are no numbers: `python -m sign_jax.search verify` tells "
        "whether its files are damaged"
    )
  return found
