"""Engines of the benchmark of searches, each of whose turns is a process of its own."""

import concurrent.futures
import contextlib
import multiprocessing
import pathlib
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from typing import NamedTuple

import numpy as np

from launch.benchmarks import _search_compare as compare
from launch.benchmarks import _search_tokens as made
from launch.benchmarks import _search_torch
from launch.benchmarks._search_torch import Found
from sign_jax.errors import UserError, first_line
from sign_jax.run import compile_cache, host_memory
from sign_jax.search.index import Index
from sign_jax.search.qdrant import collection, connection, query

TOGETHER = 8  # sentences of a search of several
_ALIGNED = 64  # bytes; where JAX reads an array without copying it
_TRIES = 2  # searches of several sentences
_SAMPLES = 0.05  # seconds from one look at the memory to the next


class Engine(NamedTuple):
  """One way to search.

  Attributes:
    title: for the table.
    make: function of an open `Index` -> function (sentences, k) -> ([`Found`], [share of the
      clips that was scored exactly]).
    beside: the engine that it is compared with.
    most: clips, at most; 0 for no end.
    turns: at most; 0 for one of each round. Of an engine that takes long to get ready.
  """

  title: str
  make: Callable
  beside: str
  most: int = 0
  turns: int = 0


class Turn(NamedTuple):
  """What an engine is to do in one turn.

  Attributes:
    engine: its name in ENGINES.
    tokens: `_search_tokens.Spec`.
    folder: of the index.
    warm: a sentence that warms up, and is not measured.
    texts: sentences, as many as it has time for.
    k: hits of each.
    seconds: for sentences one by one, but LEAST of them at least.
    keeps_freed: whether freed memory is kept.
  """

  engine: str
  tokens: made.Spec
  folder: str
  warm: str
  texts: list[str]
  k: int
  seconds: float
  keeps_freed: bool


LEAST = 3  # sentences of a turn


class Taken(NamedTuple):
  """What became of a turn.

  Attributes:
    error: why there is nothing else; "" where there is.
    load: seconds until the engine was ready.
    seconds: of each sentence alone, in their order.
    found: [`Found`] of these.
    scored: of these, the share of clips that was scored exactly.
    together: seconds of a search of TOGETHER sentences; None where there was no time for one.
    own, mapped: bytes of memory, at most: the process's own, and of files that are mapped.
  """

  error: str = ""
  load: float = 0.0
  seconds: list[float] = []
  found: list[Found] = []
  scored: list[float] = []
  together: float | None = None
  own: int = 0
  mapped: int = 0


def take(turn: Turn) -> Taken:
  """The turn, in a process of its own; also where that is killed."""
  context = multiprocessing.get_context("spawn")
  with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
    try:
      return pool.submit(told, turn).result()
    except BrokenProcessPool:
      return Taken("was killed: is there memory enough?")


def told(turn: Turn) -> Taken:
  """The turn in this process, or what stopped it."""
  try:
    return here(turn)
  except (UserError, MemoryError, RuntimeError, ImportError) as error:
    return Taken(f"{type(error).__name__}: {first_line(error)}")


def here(turn: Turn) -> Taken:
  """The turn, in this process."""
  if turn.keeps_freed:
    host_memory.keep_freed()
  compile_cache.enable()
  begun = time.perf_counter()
  index = Index.open(turn.folder, made.model_of(turn.tokens))
  search = ENGINES[turn.engine].make(index)
  load = time.perf_counter() - begun
  with _memory() as memory:
    search([turn.warm], turn.k)
    seconds, found, scored = [], [], []
    end = time.perf_counter() + turn.seconds
    for text in turn.texts:
      if len(seconds) >= LEAST and time.perf_counter() > end:
        break
      begun = time.perf_counter()
      (hits,), (share,) = search([text], turn.k)
      seconds.append(time.perf_counter() - begun)
      found.append(hits)
      scored.append(share)
    together = _together(search, turn, TOGETHER * float(np.median(seconds)))
  return Taken("", load, seconds, found, scored, together, memory["own"], memory["mapped"])


def _together(search, turn, expected):
  """The best time of searches of several sentences; None where one is expected to take too long."""
  best, texts = None, (turn.texts * TOGETHER)[:TOGETHER]
  end = time.perf_counter() + turn.seconds
  for number in range(_TRIES):
    if time.perf_counter() + expected > end + (turn.seconds if number == 0 else 0):
      break
    begun = time.perf_counter()
    search(texts, turn.k)
    taken = time.perf_counter() - begun
    best = min(best or taken, taken)
  return best


@contextlib.contextmanager
def _memory():
  """Yields {"own", "mapped"}: the most bytes that this process had meanwhile."""
  most, is_done = {"own": 0, "mapped": 0}, threading.Event()

  def look():
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    now = {x[0]: 1024 * int(x[1]) for x in map(str.split, lines) if x and x[0].startswith("Rss")}
    own = now.get("RssAnon:", 0) + now.get("RssShmem:", 0)
    most.update(own=max(most["own"], own), mapped=max(most["mapped"], now.get("RssFile:", 0)))

  def watch():
    with contextlib.suppress(OSError):
      while not is_done.wait(_SAMPLES):
        look()

  thread = threading.Thread(target=watch, daemon=True)
  thread.start()
  try:
    yield most
  finally:
    with contextlib.suppress(OSError):
      look()
    is_done.set()
    thread.join()


def in_memory(index: Index) -> None:
  """Reads the arrays of an index, which are mapped to their files otherwise."""
  for shard in index.store.shards:
    for name in index.store.manifest.fields:
      shard.hold(name, _copy(shard.array(name)))


def _copy(array):
  room = np.empty(array.nbytes + _ALIGNED, np.uint8)
  start = -room.ctypes.data % _ALIGNED
  copy = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
  copy[...] = array
  copy.flags.writeable = False
  return copy


def _torch(index, resident):
  engine = _search_torch.BruteForce(index, resident)
  return lambda texts, k: (engine(texts, 2 * k), [1.0] * len(texts))  # more than k: to see ties


def _ours(index, resident, prune):
  if resident:
    in_memory(index)

  def search(texts, k):
    answers = index.search(texts, k, prune=prune)
    if not all(answer.is_certified for answer in answers):
      raise UserError("a search did not prove its answer, although no time was set")
    return [compare.found(x) for x in answers], [x.scored / x.clips for x in answers]

  return search


def _qdrant(index):
  place = collection.Place(connection.connect(path=connection.MEMORY))
  with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)  # that the local mode is for few points
    collection.upload(index, place)
  ask = query.Asker(index, place)

  def search(texts, k):
    ranked = ask(texts, k, measure=False)
    return [compare.found(x) for x in ranked], [x.candidates / len(index) for x in ranked]

  return search


def _engine(title, make, beside, **options) -> Engine:
  return Engine(title, lambda index: make(index, **options), beside)


TORCH, TORCH_MEMORY = "torch", "torch_memory"
ENGINES = {
    TORCH: _engine("PyTorch, all, mapped", _torch, TORCH, resident=False),
    TORCH_MEMORY: _engine("PyTorch, all, in memory", _torch, TORCH_MEMORY, resident=True),
    "all": _engine("ours, all, mapped", _ours, TORCH, resident=False, prune=False),
    "certified": _engine("ours, certified, mapped", _ours, TORCH, resident=False, prune=True),
    "certified_memory": _engine(
        "ours, certified, in memory", _ours, TORCH_MEMORY, resident=True, prune=True
    ),
    "qdrant": Engine(
        f"Qdrant local, {query.CANDIDATES} candidates", _qdrant, TORCH_MEMORY,
        collection.MOST_LOCAL, 1,
    ),
}
