"""An index of signing: clips in, the best clips for a sentence out, with proof."""

import copy
import os
import pathlib
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Self

import jax
import numpy as np
from jaxtyping import Float32

from sign_jax.api.retrieval import EncodedVideos
from sign_jax.errors import UserError, shown
from sign_jax.files import user_path
from sign_jax.search import (
  codes,
  compacting,
  embedding,
  fields,
  manifest,
  origin,
  processes,
  queries,
  ranking,
  searcher,
  words,
)
from sign_jax.search.embedding import Embedding
from sign_jax.search.entries import Entry
from sign_jax.search.hits import Answer, Hit
from sign_jax.search.queries import Query
from sign_jax.search.store import Store

_FILTERS = ("source", "split", "signer")


class Index:
  """Clips of a run's videos, on disk.

  Threads may share it: a search goes on with the clips that were there when it began.

  Attributes:
    store: `store.Store` as it is now; what is added and removed gives another one.
    model: `embedding.Embedding` whose tokens it holds.
  """

  def __init__(self, store: Store, model: Embedding | None = None) -> None:
    """Not for callers: see `create` and `open`."""
    self.store, self._model = store, model
    self._searcher, self._writing = None, threading.Lock()

  @classmethod
  def create(
      cls, folder: str | os.PathLike, model: Embedding | str | os.PathLike,
      storage: str = "exact",
  ) -> Self:
    """A new, empty index.

    Args:
      folder: that is not there yet, or empty.
      model: what `sign_jax.load` gives or takes, of a system that retrieves or, for a dictionary of
        signs, of one that recognises single signs from clips.
      storage: of the tokens: "exact", in the model's own dtype, gives the scores of an evaluation
        to rounding; "float16" halves the folder and changed scores by up to 2e-5 where it was
        measured, and could by 5e-4.

    Raises:
      UserError: the folder holds something, or the model gives nothing that can be compared.
    """
    if storage not in manifest.STORAGES:
      raise UserError(f"storage={shown(storage)} is not one of {', '.join(manifest.STORAGES)}")
    model = cls.check_model(model)
    header = manifest.Manifest(origin.of(model), storage, fields.of_model(model, storage))
    return cls(Store.create(user_path(folder), header), model)

  @classmethod
  def open(
      cls, folder: str | os.PathLike, model: Embedding | str | os.PathLike | None = None
  ) -> Self:
    """An index that is there.

    Args:
      folder: of the index.
      model: as for `create`, the one that the index was made with; to search and to add.

    Raises:
      UserError: there is no index, it is damaged, or it is of another model.
    """
    store = Store(user_path(folder))
    if model is not None:
      model = cls.check_model(model)
      origin.check(store.manifest.run, model, store.folder)
      fields.check(store, model)
    return cls(store, model)

  @staticmethod
  def check_model(model: Any) -> Embedding:
    """As `embedding.of`."""
    return embedding.of(model)

  @property
  def model(self) -> Embedding:
    if self._model is None:
      raise UserError(
          f"{self.store.folder} was opened without its model: pass Index.open(folder, model)"
      )
    return self._model

  def __len__(self) -> int:
    return len(self.store.rows)

  def __contains__(self, name: str) -> bool:
    return name in self.store.rows

  def __repr__(self) -> str:
    return f"<Index of {len(self)} clips in {self.store.folder}>"

  def add(
      self, videos: Any, clips: Sequence[Entry | str],
      times: Sequence[np.ndarray | None] | None = None, **options: Any,
  ) -> None:
    """Adds clips, all of them or, where the process is killed, none.

    Args:
      videos: as the model's `encode_videos` takes them, or what it gives.
      clips: of each video `Entry`, or its name alone.
      times: of each video (n, 2) float, begin and end in seconds of its windows (or of those that
        the model kept), or None; they are what says where in a clip a sentence is.
      options: of `encode_videos`.

    Raises:
      UserError: names that are there already, times of other windows, and as `encode_videos`.
    """
    if not isinstance(videos, EncodedVideos):
      videos = self.model.encode_videos(videos, **options)
    clips = [Entry(clip) if isinstance(clip, str) else clip for clip in clips]
    times = [None] * len(clips) if times is None else list(times)
    if not len(videos) == len(clips) == len(times):
      raise UserError(
          f"there are {len(videos)} videos, {len(clips)} clips and {len(times)} times: pass as many"
      )
    if not clips:
      return
    names = self._fields_of_tokens
    arrays = dict(zip(names, jax.tree.leaves(videos.tokens), strict=True))
    with self._writing:
      store = self._refreshed()
      arrays = fields.checked(arrays, store.manifest, clips)
      rows = [
          fields.times(x, n, self._length, clip)
          for x, n, clip in zip(times, self._windows(arrays, len(clips)), clips, strict=True)
      ]
      basis = None
      if fields.CODES in store.manifest.fields:
        basis, arrays[fields.CODES] = self._codes(store, arrays, clips)
      arrays[fields.TIMES] = np.stack(rows)
      clips = [fields.timed(clip, x) for clip, x in zip(clips, rows, strict=True)]
      store.append(arrays, clips, basis)
      self.store = store

  def refresh(self) -> bool:
    """Takes in what other processes have added and removed since; whether there was anything.

    Raises:
      UserError: there is no index any more, it is damaged, or another one is in its place.
    """
    if self.store.is_current:
      return False
    with self._writing:
      store = self._refreshed()
      is_new = store.manifest != self.store.manifest
      self.store = store
    return is_new

  def _refreshed(self):
    """A `Store` as the folder is now; raises UserError where it holds another index."""
    store, own = copy.copy(self.store), self.store.manifest
    store.refresh()
    there = store.manifest
    if (there.run, there.storage, there.fields) != (own.run, own.storage, own.fields):
      raise UserError(
          f"{store.folder} was built anew, with another run or storage: open it again"
      )
    return store

  @property
  def _fields_of_tokens(self):
    return [
        name for name in self.store.manifest.fields if name not in (fields.CODES, fields.TIMES)
    ]

  @property
  def _length(self):
    """The most windows of a clip."""
    return self.store.manifest.fields[fields.TIMES].shape[0]

  def _codes(self, store, arrays, clips):
    """(basis that is new or None, codes) of the tokens as the index keeps them."""
    tokens = arrays["features"]
    tokens = tokens.astype(codes.read_dtype(tokens.dtype))
    known = store.basis()
    basis = known
    if known is None:
      count = store.manifest.fields[fields.CODES].shape[-1] - 2
      spoken = words.of(self._model, [clip.text for clip in clips])
      basis = codes.fit(tokens.reshape(-1, tokens.shape[-1]), count, spoken)
    return (basis if known is None else None), codes.encode(basis, tokens)

  def _windows(self, arrays, count):
    """How many windows each clip has; None where the tokens do not say."""
    if fields.CODES not in self.store.manifest.fields:
      return [None] * count
    return arrays["mask"][:, -self._length :].sum(1)

  def remove(self, names: str | Sequence[str] = (), sources: str | Sequence[str] = ()) -> int:
    """Takes clips out of what a search finds; returns how many.

    Args:
      names: of clips.
      sources: of videos (`Entry.source`), of which all clips go.

    Raises:
      UserError: a name or a video that is not there.
    """
    listed = lambda x: [x] if isinstance(x, str) else list(x)
    with self._writing:
      store = copy.copy(self.store)
      count = store.remove(listed(names), listed(sources))
      self.store = store
    return count

  def search(
      self, texts: str | Query | Sequence[str | Query], k: int = 10, *,
      seconds: float | None = None, only: Mapping[str, str] | None = None, prune: bool = True,
      spread: bool = False,
  ) -> list[Answer]:
    """The best clips for each query.

    Args:
      texts: a query or several: sentences, or `queries.Query` of sentences and videos.
      k: the most hits of each.
      seconds: for all of them together, from now on; then no more clips are looked at, and answers
        say how far they may be off. A step that has begun is finished, such as the compilation of a
        program at its first use, and the first query always has some answer; those whose turn has
        not come have none. None is the time that a proof takes.
      only: {"source", "split" or "signer": value} that clips must have.
      prune: whether bounds choose what is scored, if the system has such; else all is.
      spread: whether all processes that `jax.distributed` has brought together search together,
        each through its share of the clips. Then all call this, with the same arguments, on an
        index in one folder that all of them see; and all get the same answers.

    Returns:
      [`hits.Answer`], in the order of the queries.

    Raises:
      UserError: a sentence without words, a query that is none, an index without such clips, a
        damaged one.
    """
    wanted = queries.listed(texts)
    if type(k) is not int or k < 1:
      raise UserError(f"k={shown(k)} must be a whole number above 0")
    if seconds is not None and not seconds >= 0:
      raise UserError(f"seconds={shown(seconds)} must not be below 0")
    deadline, store, tools = ranking.Deadline(seconds), self.store, self._tools
    prepared = queries.prepare(wanted, self.model, store, tools.scorer)
    chosen = _chosen(store, only or {})
    if spread:
      processes.check_same(store, prepared, [k, only, seconds, prune])
    return searcher.Search(tools, store, chosen, deadline, prune, spread)(prepared, k)

  def ranked(self, query: str | Query, names: Sequence[str], k: int = 10) -> list[Hit]:
    """The best of some clips, each scored as by `search`: those that another engine proposes, say.

    Args:
      query: a sentence or a `Query`.
      names: of the clips.
      k: the most hits.

    Raises:
      UserError: as `search`, and a name that is not there.
    """
    store = self.store
    rows = np.array([queries.row_of(name, store) for name in names], int)
    (prepared,) = queries.prepare(queries.listed(query), self.model, store, self._tools.scorer)
    return self._tools.ranked(store, prepared, rows, k)

  def similarity(self, texts: Sequence[str | Query]) -> Float32[np.ndarray, "V T"]:
    """Scores of all clips, in the order in which they were added, with sentences or other queries.

    Those of sentences are the numbers of an evaluation (but for `storage="float16"`).
    """
    store = self.store
    prepared = queries.prepare(queries.listed(texts), self.model, store, self._tools.scorer)
    return self._tools.similarity(store, prepared)[store.there()]

  @property
  def _tools(self):
    if self._searcher is None:
      self._searcher = searcher.Searcher(self.model)
    return self._searcher

  def snapshot(self, folder: str | os.PathLike) -> Self:
    """A copy of the index as it is here, which later changes do not reach; see `store.Store`."""
    return type(self)(self.store.snapshot(pathlib.Path(user_path(folder))), self._model)

  def compact(self, folder: str | os.PathLike) -> Self:
    """A copy without the clips that were removed, whose codes suit all that are there.

    The codes of an index are made from the directions of the clips that were added first. Where
    these were few, bounds are tighter in such a copy; what is found is the same.

    Args:
      folder: of the copy, not there yet, or empty.

    Raises:
      UserError: the folder holds something, there are no clips, the index is damaged.
    """
    target = pathlib.Path(user_path(folder))
    return type(self)(compacting.compact(self.store, target, self._model), self._model)

  def verify(self) -> list[str]:
    """Reads all files; a sentence for each that does not hold what was written."""
    return [f"{path} {fault}" for path, fault in self.store.verify() if fault]


def _chosen(store, only):
  """(rows,) bool: which clips may be found."""
  found = store.there()
  for key, value in only.items():
    if key not in _FILTERS:
      raise UserError(f"clips have no {shown(key)}: choose by {', '.join(_FILTERS)}")
    values = (getattr(x, key) == value for shard in store.shards for x in shard.entries)
    found &= np.fromiter(values, bool, len(found))
  if not found.any():
    said = " and ".join(f"{key} {shown(value)}" for key, value in only.items())
    raise UserError(f"{store.folder} has no clips{f' with {said}' if said else ''}")
  return found
