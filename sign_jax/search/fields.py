"""The arrays of an index: which a model needs, and what is checked before they are added."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Float

from sign_jax.data.sampling import sample_indices
from sign_jax.errors import UserError, shown
from sign_jax.ops.late_interaction import normalize
from sign_jax.search import codes, scorer
from sign_jax.search.embedding import Embedding
from sign_jax.search.entries import Entry
from sign_jax.search.manifest import Field, Manifest
from sign_jax.search.store import Store

CODES, TIMES = "codes", "times"
_FLOATS = {"float16", "bfloat16", "float32"}
_TOLERANCE = 1e-3  # of the sum of a clip's weights


def of_model(model: Embedding, storage: str) -> dict[str, Field]:
  """{name: `Field`} of an index of a model.

  Args:
    model: `Embedding`.
    storage: see `index.Index.create`.
  """
  form = jax.tree.leaves(model.video_form)
  found = {}
  for name, leaf in zip(scorer.names(model.video_form), form, strict=True):
    narrow = storage == "float16" and name != "weights" and np.dtype(leaf.dtype) == np.float32
    found[name] = Field(tuple(leaf.shape[1:]), "float16" if narrow else leaf.dtype.name)
  if model.trained.system.late_interaction:
    tokens, width = found["features"].shape
    found[CODES] = Field((tokens, codes.columns(width)), "float16")
  return {**found, TIMES: Field((model.windows, 2), "float64")}


def check(store: Store, model: Embedding) -> None:
  """Raises UserError where an index holds other arrays than a model makes."""
  wanted, there = of_model(model, store.manifest.storage), store.manifest.fields
  if there.keys() != wanted.keys() or any(not _is_like(there[x], wanted[x], x) for x in wanted):
    raise UserError(
        f"{store.folder} holds arrays of other shapes or dtypes than {model.trained.workdir} "
        "makes: build it anew"
    )


def _is_like(there, wanted, name):
  """Whether a field can be read; a model of another precision may have made its tokens."""
  both = {there.dtype, wanted.dtype}
  is_float = name not in (CODES, TIMES) and both <= _FLOATS
  return there.shape == wanted.shape and (len(both) == 1 or is_float)


def checked(
    arrays: Mapping[str, np.ndarray], header: Manifest, clips: Sequence[Entry]
) -> dict[str, np.ndarray]:
  """A model's tokens as an index keeps them, in the dtypes of its fields.

  Args:
    arrays: {field: (n, ...)}.
    header: `Manifest` of the index.
    clips: n `Entry`s.

  Raises:
    UserError: tokens that are not finite, here or in the field's dtype, and weights that are no
      shares of a clip, on which the proof of a search rests.
  """
  found = {}
  for name, array in arrays.items():
    array, field = np.asarray(array), header.fields[name]
    _check_finite(array, f"the {name}", "look for bad values in its features", clips)
    if name == "features" and header.storage == "float16":  # of length 1, as the score reads them
      array = np.asarray(normalize(array))
    with np.errstate(over="ignore"):  # what is too large is told
      found[name] = array.astype(field.numpy)
    _check_finite(
        found[name], f"in {field.dtype} the {name}", "make an index with the storage exact", clips
    )
  if "weights" in found:
    _check_shares(found["weights"], clips)
  if "mask" in found and not found["mask"].any(1).all():
    name = shown(clips[int(np.argmin(found["mask"].any(1)))].name)
    raise UserError(f"the clip {name} is padding alone: leave it out")
  return found


def _check_finite(array, what, advice, clips):
  if array.dtype.kind in "biu":
    return
  bad = ~np.isfinite(array.astype(np.float32)).reshape(len(array), -1).all(1)
  if bad.any():
    name = shown(clips[int(np.argmax(bad))].name)
    raise UserError(f"{what} of the clip {name} are not finite: {advice}")


def _check_shares(weights, clips):
  bad = ~are_shares(weights)
  if bad.any():
    raise UserError(
        f"the weights of the clip {shown(clips[int(np.argmax(bad))].name)} are no shares that sum "
        "to 1: divide them by their sum"
    )


def are_shares(weights: Float[np.ndarray, "n N"]) -> Bool[np.ndarray, " n"]:
  """Of which rows the weights are at least 0 and sum to 1, but for rounding."""
  weights = weights.astype(np.float64)
  return (weights >= 0).all(1) & (np.abs(weights.sum(1) - 1) <= _TOLERANCE)


def times(
    given: Any, windows: int | None, length: int, clip: Entry
) -> np.ndarray:
  """(length, 2) float64 seconds of the windows that a model keeps, NaN after the last one.

  Args:
    given: (n, 2) begin and end of each window of the video, or of those that are kept; or None.
    windows: how many are kept; None where nothing says.
    length: the most that are.
    clip: whose they are.

  Raises:
    UserError: they do not fit.
  """
  found = np.full((length, 2), np.nan)
  if given is None:
    return found
  given = np.asarray(given, np.float64)
  if given.ndim != 2 or given.shape[1] != 2 or not np.isfinite(given).all():
    raise UserError(f"the times of {shown(clip.name)} are no array (windows, 2) of seconds")
  kept = given[sample_indices(len(given), length)]
  if windows is not None and len(kept) != windows:
    raise UserError(
        f"the clip {shown(clip.name)} has {windows} windows and {len(kept)} times: pass as many"
    )
  found[: len(kept)] = kept
  return found


def timed(clip: Entry, known: np.ndarray) -> Entry:
  """The clip with the begin of its first window and the end of its last one, unless it has any."""
  if np.isnan(known[0, 0]) or not np.isnan(clip.start):
    return clip
  return clip._replace(start=float(known[0, 0]), end=float(np.nanmax(known)))
