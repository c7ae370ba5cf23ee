"""The scores of the evaluation, for clips of an index: a model's own `score`, in tiles."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jaxtyping import Float32, PyTree

from sign_jax.api.model import batches, filled
from sign_jax.api.retrieval import RetrievalModel

_CLIPS, _TEXTS = (16, 64, 256), (1, 8, 32)  # of a tile: few sizes, few programs


def names(form: PyTree) -> list[str]:
  """Names of the arrays of a model's tokens, in the order of the tree's leaves."""
  paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(form)]
  plain = (jax.tree_util.keystr(path, simple=True, separator="_") for path in paths)
  found = ["".join(x if x.isalnum() else "_" for x in name.lower()) for name in plain]
  return [name or "vector" for name in found]


class Scorer:
  """Exact scores of clips and sentences, in the order of the evaluation's own arithmetic."""

  def __init__(self, model: RetrievalModel) -> None:
    self._model = model
    self._leaves, self._tree = jax.tree.flatten(model.video_form)
    self.fields = names(model.video_form)
    module = model.trained.model
    self._score = jax.jit(
        lambda variables, video, text: module.apply(variables, video, text, method="score")
    )

  def tree(self, arrays: Mapping[str, np.ndarray]) -> Any:
    """{field: (n, ...)} as the model's tokens, in its dtypes."""
    leaves = [
        np.asarray(arrays[name]).astype(leaf.dtype, copy=False)
        for name, leaf in zip(self.fields, self._leaves, strict=True)
    ]
    return jax.tree.unflatten(self._tree, leaves)

  def __call__(self, arrays: Mapping[str, np.ndarray], texts: Any) -> Float32[np.ndarray, "n Q"]:
    """Scores of n clips and Q sentences.

    Args:
      arrays: {field: (n, ...)}.
      texts: the tokens of sentences, a tree of arrays (Q, ...).
    """
    videos = self.tree(arrays)
    count, queries = (len(jax.tree.leaves(x)[0]) for x in (videos, texts))
    found = np.empty((count, queries), np.float32)
    columns = [(a, b, _tile(texts, a, b, size)) for a, b, size in batches(queries, _TEXTS)]
    for start, stop, size in batches(count, _CLIPS):
      tile = _tile(videos, start, stop, size)
      for first, last, text in columns:
        scores = self._score(self._model.variables, tile, text)
        found[start:stop, first:last] = np.asarray(scores)[: stop - start, : last - first]
    return found


def _tile(tree, start, stop, size):
  return jax.tree.map(lambda x: jax.device_put(filled(x[start:stop], size)), tree)
