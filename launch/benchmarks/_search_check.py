"""The proof that certified answers are those of brute force, for many sentences."""

import importlib
import statistics
import time

from tqdm import tqdm

from launch.benchmarks import _search_compare as compare
from launch.benchmarks import _search_torch
from launch.benchmarks._search_torch import Found
from sign_jax.errors import UserError
from sign_jax.search.index import Index

_TOGETHER = 8  # sentences of a search


def row(folder, source, kind, clips, count, k):
  """Compares the k best of `count` sentences; a row for the table.

  Args:
    folder: of the index.
    source: `_search_tokens.Source`.
    kind: of its tokens.
    clips: how many there are.
    count: of sentences; a run's split may have fewer.
    k: hits of each.

  Raises:
    UserError: PyTorch is missing.
  """
  try:
    importlib.import_module("torch")
  except ImportError as error:
    raise UserError("the proof compares with PyTorch, which is missing: install it") from error
  index = Index.open(folder, source.model)
  texts = source.texts(count, clips)
  begun = time.perf_counter()
  right = _by_brute_force(index, texts, k)
  middle = time.perf_counter()
  answers = []
  with tqdm(total=len(texts), desc="certified", unit="sentence", mininterval=1) as bar:
    for start in range(0, len(texts), _TOGETHER):
      answers += index.search(texts[start : start + _TOGETHER], k)
      bar.update(len(answers) - bar.n)
  end = time.perf_counter()
  said, worst = [], 0.0
  for answer, one in zip(answers, right, strict=True):
    own = compare.found(answer)
    said.append(compare.agreement(own, one, k))
    worst = max(worst, float(abs(own.scores - one.scores[:k]).max()))
  shares = [answer.scored / answer.clips for answer in answers]
  return {
      "tokens": kind, "clips": clips, "sentences": len(texts),
      "proved": sum(answer.is_certified for answer in answers),
      "same best": said.count(compare.SAME), "but for ties": said.count(compare.TIED),
      "other": said.count(compare.OTHER), "largest difference": worst,
      "scored %, median": 100 * statistics.median(shares), "scored %, most": 100 * max(shares),
      "brute force s": middle - begun, "certified s": end - middle,
  }  # fmt: skip


def _by_brute_force(index, texts, k):
  engine = _search_torch.BruteForce(index)
  with tqdm(total=engine.rows, desc="brute force", unit="clip", mininterval=1) as bar:
    scores = engine.scores(texts, bar)
  values, rows = scores.topk(min(2 * k, engine.rows), dim=1)
  return [Found(*x) for x in zip(rows.numpy(), values.numpy(), strict=True)]
