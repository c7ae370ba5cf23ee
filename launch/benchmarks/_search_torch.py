"""Brute force in PyTorch: the late interaction of every clip of an index with sentences.

Float16 tokens, float32 arithmetic, in tiles; one product and one exponential of each similarity
serve both directions, which is as well as one would reasonably write it.
"""

import importlib
import time
import warnings
from typing import Any, NamedTuple

import jax
import numpy as np

from sign_jax.search.index import Index

_TILES = (16, 64, 256)  # clips; the quickest is taken
_SIMILARITIES = 1 << 24  # of a tile with many sentences, at most
_NEGATIVE = -1e30


class Found(NamedTuple):
  """The best of a search: numbers of rows (k,) int, best first, and their scores (k,) float32."""

  rows: np.ndarray
  scores: np.ndarray


class BruteForce:
  """All clips of an index of CiCo's or UPRet's tokens."""

  def __init__(self, index: Index, in_memory: bool = False) -> None:
    self._torch = importlib.import_module("torch")
    module = index.model.trained.model
    self._model, self._temperature = index.model, float(module.temperature)
    self._mask_padding, self._pooling = bool(module.mask_padding), module.token_pooling
    self._shards = [
        {name: self._tensor(shard.array(name), in_memory) for name in ("features", "mask")}
        | {"weights": self._tensor(shard.array("weights"), True)}
        for shard in index.store.shards
    ]
    self.rows = int(index.store.first[-1])
    for shard in self._shards:  # lengths, which float16 has changed: once for all searches
      parts = shard["features"].split(1024)
      shard["inverse"] = self._torch.cat([1 / x.float().norm(dim=-1).clamp_min(1e-12)
                                          for x in parts])  # fmt: skip
    self._tile = None

  def __call__(self, texts: list[str], k: int) -> list[Found]:
    """The k best of all clips for each sentence."""
    scores = self.scores(texts)
    values, rows = scores.topk(min(k, self.rows), dim=1)
    return [Found(*x) for x in zip(rows.numpy(), values.numpy(), strict=True)]

  def scores(self, texts: list[str], bar: Any = None) -> Any:
    """(Q, rows) float32 tensor; `bar` is told how many clips are done."""
    with self._torch.inference_mode():
      sentences = self._sentences(texts)
      found = self._torch.empty((len(texts), self.rows))
      size, first = self._size(sentences), 0
      for shard in self._shards:
        count = len(shard["features"])
        for start in range(0, count, size):
          part = slice(start, min(start + size, count))
          found[:, first + part.start : first + part.stop] = self._of_tile(shard, part, sentences)
          if bar is not None:
            bar.update(part.stop - part.start)
        first += count
      return found

  def _size(self, sentences):
    """Clips of a tile; measured once for a single sentence."""
    words, count = sentences["tokens"].shape[1], len(sentences["tokens"])
    video = self._shards[0]["features"].shape[1]
    most = max(1, _SIMILARITIES // (count * words * video))
    if count > 1:
      return min(most, _TILES[-1])
    if self._tile is None:
      shard, seconds = self._shards[0], {}
      some = min(len(shard["features"]), 1024)
      for size in _TILES:
        for _ in range(2):  # the first time warms up
          begun = time.perf_counter()
          for start in range(0, some, size):
            self._of_tile(shard, slice(start, min(start + size, some)), sentences)
          seconds[size] = time.perf_counter() - begun
      self._tile = min(seconds, key=seconds.get)
    return self._tile

  def _sentences(self, texts):
    tokens = self._model.encode_texts(texts).tokens
    array = lambda x: self._torch.from_numpy(np.array(jax.device_get(x)))
    normal = self._torch.nn.functional.normalize(array(tokens.features).float(), dim=-1)
    return {"tokens": normal, "mask": array(tokens.mask), "weights": array(tokens.weights)}

  def _of_tile(self, shard, part, sentences):
    """(Q, clips) scores of some clips of a shard."""
    tokens, mask = shard["features"][part].float(), shard["mask"][part]
    queries, words, width = sentences["tokens"].shape
    clips, video = tokens.shape[:2]
    products = tokens.view(-1, width) @ sentences["tokens"].view(-1, width).T
    products = products.view(clips, video, queries, words)
    products *= shard["inverse"][part][:, :, None, None]
    of_windows, of_words = self._pooled(products, mask, sentences["mask"])
    i2t = (of_windows * shard["weights"][part][:, :, None]).sum(1)
    t2i = (of_words * sentences["weights"]).sum(2)
    return (0.5 * (i2t + t2i)).T

  def _pooled(self, products, mask, text_mask):
    """(clips, video, Q) over the words and (clips, Q, words) over the windows."""
    if self._pooling == "max":
      if not self._mask_padding:
        return products.amax(3), products.amax(1)
      return (products.masked_fill(~text_mask, _NEGATIVE).amax(3),
              products.masked_fill(~mask[:, :, None, None], _NEGATIVE).amax(1))  # fmt: skip
    powers = (products / self._temperature).exp_()
    if not self._mask_padding:
      weighted = powers * products
      return weighted.sum(3) / powers.sum(3), weighted.sum(1) / powers.sum(1)
    words, windows = powers * text_mask, powers * mask[:, :, None, None]
    return ((words * products).sum(3) / words.sum(3), (windows * products).sum(1) / windows.sum(1))

  def _tensor(self, array, in_memory):
    if in_memory:
      array = np.array(array)
    with warnings.catch_warnings():  # a file that is mapped to be read only; nothing writes to it
      warnings.simplefilter("ignore", UserWarning)
      return self._torch.from_numpy(array)
