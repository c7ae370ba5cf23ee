"""Dictionary spotting in a whole corpus: ours, NumPy and PyTorch.

Every subtitle asks for every word: its best window, and which of the word's exemplars that is like.
NumPy and PyTorch compute all similarities in one product, ours in tiles. All must find the same.

Memory is what a process of its own needs beside the embeddings, at most; the last row is ours with
more windows, which come one subtitle after the other as from files.
"""

import functools
import importlib
import multiprocessing
import pathlib
from typing import NamedTuple

import numpy as np

from launch.benchmarks import _measure
from sign_jax.errors import UserError
from sign_jax.ops.spotting import Dictionary

OURS, NUMPY, TORCH = "ours", "NumPy", "PyTorch"
_LEAST_NORM = 1e-12


class Problem(NamedTuple):
  """Sizes, and all that follows from them."""

  windows: int
  exemplars: int
  words: int
  dim: int
  subtitle: int  # windows in each
  threshold: float
  float32: bool  # ours too computes in nothing else

  def embeddings(self):
    """(E, D) float32 of the exemplars, sorted by word: E / words of each."""
    return np.random.default_rng(0).standard_normal((self.exemplars, self.dim), np.float32)

  def subtitles(self, embeddings):
    """(n, D) float32 of each subtitle, made when they are asked for; some are like exemplars."""
    for number in range(self.windows // self.subtitle):
      rng = np.random.default_rng((1, number))
      windows = rng.standard_normal((self.subtitle, self.dim), np.float32)
      places = rng.integers(self.subtitle, size=5)
      amount = rng.uniform(0, 3, (5, 1)).astype(np.float32)
      windows[places] += amount * embeddings[rng.integers(len(embeddings), size=5)]
      yield windows


class Annotations(NamedTuple):
  """What was found, in order of subtitle and word.

  Attributes:
    places: (n, 4) int: subtitle, word, window of the subtitle, exemplar.
    scores: (n,) float32 cosines.
  """

  places: np.ndarray
  scores: np.ndarray


def _annotations(cosine, window, exemplar, threshold):
  """`Annotations` of three arrays (subtitles, words)."""
  kept = np.nonzero(cosine > threshold)
  return Annotations(np.stack([*kept, window[kept], exemplar[kept]], 1), cosine[kept])


def add_arguments(parser):
  """Sizes."""
  parser.add_argument("--windows", type=int, default=10_000)
  parser.add_argument("--exemplars", type=int, default=3000)
  parser.add_argument("--words", type=int, default=1000, help="as many exemplars of each")
  parser.add_argument("--dim", type=int, default=1024, help="of embeddings")
  parser.add_argument("--subtitle", type=int, default=100, help="windows in each")
  parser.add_argument("--threshold", type=float, default=0.75)
  parser.add_argument("--float32", action="store_true", help="nothing in bfloat16")
  parser.add_argument("--more", type=int, default=10, help="times the windows, for memory alone")
  _measure.add_repeats(parser)


def run(args):
  """Times the ways; see `launch.benchmarks`.

  Raises:
    UserError: sizes that cannot be.
  """
  _measure.check_positive(args, *Problem._fields[:5], "more", "repeats")
  problem = Problem(*(getattr(args, name) for name in Problem._fields))
  for whole, part in (("windows", "subtitle"), ("exemplars", "words")):
    if getattr(args, whole) % getattr(args, part):
      raise UserError(f"--{whole} must be a multiple of --{part}")
  names = [OURS, NUMPY, *_torch()]
  embeddings = problem.embeddings()
  windows = np.concatenate(list(problem.subtitles(embeddings)))
  ways = {name: functools.partial(_WAYS[name], problem, windows, embeddings) for name in names}
  seconds = _measure.in_turns(ways, args.repeats)
  table = _measure.rows(seconds, NUMPY, problem.windows, "windows")
  expected = ways[NUMPY]()
  for row in table:
    found = ways[row["way"]]()
    row["annotations"] = len(found.scores)
    row["largest difference"] = _difference(found, expected)
    row["MiB"] = _memory(row["way"], problem)
  more = problem._replace(windows=args.more * problem.windows)
  last = {"way": f"{OURS}, {args.more} times the windows", "MiB": _memory(OURS, more)}
  return {
    "settings": {**problem._asdict(), "more": args.more, "repeats": args.repeats},
    "rows": [*table, dict.fromkeys(table[0], "") | last], "seconds": seconds,
  }  # fmt: skip


def _torch():
  """[TORCH], or [] and a word about it where PyTorch is missing."""
  try:
    importlib.import_module("torch")
  except ImportError:
    print("PyTorch is not installed, and left out")
    return []
  return [TORCH]


def _ours(problem, windows, embeddings):
  parts = np.split(windows, len(windows) // problem.subtitle)
  return _in_tiles(problem, parts, embeddings)


def _in_tiles(problem, subtitles, embeddings):
  word_of = np.repeat(np.arange(problem.words), problem.exemplars // problem.words)
  dictionary, every = Dictionary(embeddings, word_of, problem.words), np.arange(problem.words)
  found = []
  asked = ((windows, every) for windows in subtitles)
  least = None if problem.float32 else problem.threshold
  for number, best in enumerate(dictionary.best(asked, least)):
    here = _annotations(*(x[None] for x in best), problem.threshold)
    here.places[:, 0] = number
    found.append(here)
  return Annotations(*(np.concatenate(x) for x in zip(*found, strict=True)))


def _numpy(problem, windows, embeddings):
  unit = lambda x: x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), _LEAST_NORM)
  similarity = unit(windows) @ unit(embeddings).T
  each = problem.exemplars // problem.words
  # The best window of each exemplar and subtitle, and then the best exemplar of each word.
  similarity = similarity.reshape(-1, problem.subtitle, problem.exemplars)
  cosine = similarity.max(1).reshape(-1, problem.words, each)
  window = similarity.argmax(1).reshape(cosine.shape)
  best = cosine.argmax(2)
  take = lambda x: np.take_along_axis(x, best[..., None], 2)[..., 0]
  exemplar = best + each * np.arange(problem.words)
  return _annotations(take(cosine), take(window), exemplar, problem.threshold)


def _pytorch(problem, windows, embeddings):
  torch = importlib.import_module("torch")
  device = "cuda" if torch.cuda.is_available() else "cpu"
  unit = lambda x: torch.nn.functional.normalize(torch.from_numpy(x).to(device), dim=1)
  each = problem.exemplars // problem.words
  with torch.inference_mode():
    similarity = unit(windows) @ unit(embeddings).T
    similarity = similarity.view(-1, problem.subtitle, problem.exemplars)
    cosine, window = (x.view(-1, problem.words, each) for x in similarity.max(1))
    cosine, best = cosine.max(2)
    window = window.gather(2, best[..., None])[..., 0]
    exemplar = best + each * torch.arange(problem.words, device=device)
    arrays = (x.cpu().numpy() for x in (cosine, window, exemplar))
    return _annotations(*arrays, problem.threshold)


_WAYS = {OURS: _ours, NUMPY: _numpy, TORCH: _pytorch}


def _difference(found, expected):
  """Of scores, at most; or that other places were found."""
  if not np.array_equal(found.places, expected.places):
    return "other annotations"
  return float(np.abs(found.scores - expected.scores).max(initial=0.0))


def _memory(name, problem):
  """MiB that a process needs at most beside the embeddings; or that it cannot be told here."""
  with multiprocessing.get_context("spawn").Pool(1) as pool:
    return pool.apply(_memory_here, (name, problem))


def _memory_here(name, problem):
  embeddings = problem.embeddings()
  # Programs are compiled and libraries are loaded before.
  small = problem._replace(windows=problem.subtitle)
  _WAYS[name](small, np.concatenate(list(small.subtitles(embeddings))), embeddings)
  subtitles = problem.subtitles(embeddings)
  if name == OURS:
    work = lambda: _in_tiles(problem, subtitles, embeddings)
  else:
    windows = np.concatenate(list(subtitles))
    work = lambda: _WAYS[name](problem, windows, embeddings)
  try:
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # forgets the peak
    before = _status("VmRSS")
    work()
    return (_status("VmHWM") - before) / 1024
  except OSError:
    return _measure.UNMEASURED


def _status(key):
  """KiB that Linux tells of this process."""
  lines = pathlib.Path("/proc/self/status").read_text().splitlines()
  return int(next(line for line in lines if line.startswith(f"{key}:")).split()[1])
