"""An index of signing: clips in, the best clips for a sentence out, with proof."""

import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import jax
import numpy as np
from jaxtyping import Float32

from sign_jax.api import loading
from sign_jax.api import model as api_model
from sign_jax.api.retrieval import EncodedVideos, RetrievalModel
from sign_jax.data.sampling import sample_indices
from sign_jax.errors import UserError, shown
from sign_jax.files import user_path
from sign_jax.ops.late_interaction import normalize
from sign_jax.search import codes, manifest, origin, searcher
from sign_jax.search.entries import Entry
from sign_jax.search.hits import Answer
from sign_jax.search.manifest import Field
from sign_jax.search.store import Store

_FILTERS = ("source", "split", "signer")


class Index:
  """Clips of a run's videos, on disk.

  Attributes:
    store: `store.Store`.
    model: `api.retrieval.RetrievalModel` whose tokens it holds; None where it was opened without.
  """

  def __init__(self, store: Store, model: RetrievalModel | None = None) -> None:
    """Not for callers: see `create` and `open`."""
    self.store, self._model = store, model
    self._searcher = None

  @classmethod
  def create(
      cls, folder: str | os.PathLike, model: RetrievalModel | str | os.PathLike,
      storage: str = "exact",
  ) -> Self:
    """A new, empty index.

    Args:
      folder: that is not there yet, or empty.
      model: what `sign_jax.load` gives or takes, of a system that retrieves.
      storage: of the tokens: "exact", in the model's own dtype, gives the scores of an evaluation
        to rounding; "float16" halves the folder and changes scores by 1e-6 to 1e-5.

    Raises:
      UserError: the folder holds something, or the model does not retrieve.
    """
    if storage not in manifest.STORAGES:
      raise UserError(f"storage={shown(storage)} is not one of {', '.join(manifest.STORAGES)}")
    model = cls.check_model(model)
    header = manifest.Manifest(origin.of(model), storage, _fields(model, storage))
    return cls(Store.create(user_path(folder), header), model)

  @classmethod
  def open(
      cls, folder: str | os.PathLike, model: RetrievalModel | str | os.PathLike | None = None
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
      _check_fields(store, model)
    return cls(store, model)

  @staticmethod
  def check_model(model: Any) -> RetrievalModel:
    """What `sign_jax.load` gives or takes, as a model that retrieves.

    Raises:
      UserError: it is of a system that does not.
    """
    found = model if isinstance(model, api_model.Model) else loading.load(model)
    if not isinstance(found, RetrievalModel):
      raise UserError(f"{found} does not retrieve: pass a run of a system that does")
    return found

  @property
  def model(self) -> RetrievalModel:
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
      videos: as `RetrievalModel.encode_videos` takes them, or what it gives.
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
    arrays = dict(zip(self._fields_of_tokens, jax.tree.leaves(videos.tokens), strict=True))
    for name, array in arrays.items():
      _check_finite(name, array, clips)
    if self.store.manifest.storage == "float16":
      arrays = {name: self._narrow(name, array) for name, array in arrays.items()}
    basis = None
    self.store.refresh()
    if "codes" in self.store.manifest.fields:
      basis, arrays["codes"] = self._codes(arrays)
    if "times" in self.store.manifest.fields:
      windows = self._windows(arrays, len(clips))
      rows = [
          _times(x, n, self._length, clip)
          for x, n, clip in zip(times, windows, clips, strict=True)
      ]
      arrays["times"] = np.stack(rows)
      clips = [_timed(clip, x) for clip, x in zip(clips, rows, strict=True)]
    self.store.append(arrays, clips, basis)

  @property
  def _fields_of_tokens(self):
    return [name for name in self.store.manifest.fields if name not in ("codes", "times")]

  @property
  def _length(self):
    """The most windows of a clip."""
    return self.store.manifest.fields["times"].shape[0]

  def _narrow(self, name, array):
    field = self.store.manifest.fields[name]
    if name == "features":  # of length 1, as the score reads them: within the range of float16
      array = np.asarray(normalize(np.asarray(array)))
    return np.asarray(array).astype(field.numpy)

  def _codes(self, arrays):
    """(basis that is new or None, codes) of the tokens as a search will read them."""
    if (arrays["weights"] < 0).any():
      raise UserError("the weights of tokens are negative, which no bound allows for")
    tokens = arrays["features"].astype(self._dtype_of("features"))
    known = self.store.basis()
    basis = known
    if known is None:
      count = self.store.manifest.fields["codes"].shape[-1] - 2
      basis = codes.fit(tokens.reshape(-1, tokens.shape[-1]), count)
    return (basis if known is None else None), codes.encode(basis, tokens)

  def _dtype_of(self, name):
    leaves = jax.tree.leaves(self.model.video_form)
    return leaves[self._fields_of_tokens.index(name)].dtype

  def _windows(self, arrays, count):
    """How many windows each clip has; None where the tokens do not say."""
    if "codes" not in self.store.manifest.fields:
      return [None] * count
    return arrays["mask"][:, -self._length :].sum(1)

  def remove(self, names: Sequence[str]) -> int:
    """Takes clips out of what a search finds; returns how many.

    Raises:
      UserError: a name that is not there.
    """
    if isinstance(names, str):
      names = [names]
    return self.store.remove(list(names))

  def search(
      self, texts: str | Sequence[str], k: int = 10, *, seconds: float | None = None,
      only: Mapping[str, str] | None = None, prune: bool = True,
  ) -> list[Answer]:
    """The best clips for each sentence.

    Args:
      texts: one sentence or several.
      k: the most hits of each.
      seconds: for all of them together, after which they say how far they may be off; None is the
        time that a proof takes.
      only: {"source", "split" or "signer": value} that clips must have.
      prune: whether bounds choose what is scored, if the system has such; else all is.

    Returns:
      [`hits.Answer`], in the order of the sentences.

    Raises:
      UserError: a sentence without words, an index without such clips, a damaged one.
    """
    if not isinstance(texts, str | Sequence) and isinstance(texts, Iterable):
      texts = list(texts)  # a generator can be read only once
    texts = [texts] if isinstance(texts, str) else texts
    if type(k) is not int or k < 1:
      raise UserError(f"k={shown(k)} must be a whole number above 0")
    encoded = self.model.encode_texts(texts)
    return self._search(list(texts), encoded, k, seconds, self._chosen(only or {}), prune)

  def similarity(self, texts: Sequence[str]) -> Float32[np.ndarray, "V T"]:
    """Scores of all clips, in the order in which they were added, with sentences.

    These are the numbers of an evaluation (but for `storage="float16"`).
    """
    there = self.store.there()
    return self._search.similarity(self.model.encode_texts(texts))[there]

  @property
  def _search(self):
    if self._searcher is None:
      self._searcher = searcher.Searcher(self.store, self.model)
    return self._searcher

  def _chosen(self, only):
    """(rows,) bool: which clips may be found."""
    found = self.store.there()
    for key, value in only.items():
      if key not in _FILTERS:
        raise UserError(f"clips have no {shown(key)}: choose by {', '.join(_FILTERS)}")
      values = (getattr(x, key) == value for shard in self.store.shards for x in shard.entries)
      found &= np.fromiter(values, bool, len(found))
    if not found.any():
      said = " and ".join(f"{key} {shown(value)}" for key, value in only.items())
      raise UserError(f"{self.store.folder} has no clips{f' with {said}' if said else ''}")
    return found

  def snapshot(self, folder: str | os.PathLike) -> Self:
    """A copy of the index as it is here, which later changes do not reach; see `store.Store`."""
    return type(self)(self.store.snapshot(pathlib.Path(user_path(folder))), self._model)

  def verify(self) -> list[str]:
    """Reads all files; a sentence for each that does not hold what was written."""
    return [f"{path} {fault}" for path, fault in self.store.verify() if fault]


def _fields(model, storage):
  """{name: `Field`} of an index of a model."""
  form = jax.tree.leaves(model.video_form)
  found = {}
  for name, leaf in zip(searcher.names(model.video_form), form, strict=True):
    narrow = storage == "float16" and name != "weights" and np.dtype(leaf.dtype) == np.float32
    found[name] = Field(tuple(leaf.shape[1:]), "float16" if narrow else leaf.dtype.name)
  length = model.trained.inputs["video_valid"][0][0]
  if model.trained.system.late_interaction:
    tokens, width = found["features"].shape
    found["codes"] = Field((tokens, codes.columns(width)), "float16")
  return {**found, "times": Field((length, 2), "float64")}


def _check_fields(store, model):
  wanted = _fields(model, store.manifest.storage)
  shapes = lambda fields: {name: field.shape for name, field in fields.items()}
  if shapes(store.manifest.fields) != shapes(wanted):
    raise UserError(
        f"{store.folder} holds arrays of other shapes than {model.trained.workdir} makes: build "
        "it anew"
    )


def _check_finite(name, array, clips):
  array = np.asarray(array)
  if array.dtype.kind in "biu":
    return
  bad = ~np.isfinite(array.astype(np.float32)).reshape(len(array), -1).all(1)
  if bad.any():
    raise UserError(
        f"the {name} of the clip {shown(clips[int(np.argmax(bad))].name)} are not finite: look for "
        "bad values in its features"
    )


def _times(times, windows, length, clip):
  """(length, 2) float64, NaN behind the last window; raises UserError where they do not fit."""
  found = np.full((length, 2), np.nan)
  if times is None:
    return found
  times = np.asarray(times, np.float64)
  if times.ndim != 2 or times.shape[1] != 2 or not np.isfinite(times).all():
    raise UserError(f"the times of {shown(clip.name)} are no array (windows, 2) of seconds")
  kept = times[sample_indices(len(times), length)]
  if windows is not None and len(kept) != windows:
    raise UserError(
        f"the clip {shown(clip.name)} has {windows} windows and {len(kept)} times: pass as many"
    )
  found[: len(kept)] = kept
  return found


def _timed(clip, times):
  """The clip with the begin of its first window and the end of its last one, unless it has any."""
  if np.isnan(times[0, 0]) or not np.isnan(clip.start):
    return clip
  return clip._replace(start=float(times[0, 0]), end=float(np.nanmax(times)))


