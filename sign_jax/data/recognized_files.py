"""The signs that an encoder recognises in the windows of videos, one .npz per video."""

import pathlib
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int32

from sign_jax.errors import UserError
from sign_jax.files import existing_file, replacing
from sign_jax.untrusted import npz

_REMEDY = "make it anew with `python -m sign_jax.extract --recognized`"


class Recognized(NamedTuple):
  """What a file holds.

  Attributes:
    label: (windows,) int32, the most probable class of each window.
    score: (windows,) float32, its probability.
    weights: fingerprint of the encoder's weights.
  """

  label: Int32[np.ndarray, " windows"]
  score: Float32[np.ndarray, " windows"]
  weights: str


def best(probabilities: Float[np.ndarray, "n N"], weights: str) -> Recognized:
  """`Recognized` of the classes' probabilities in n windows."""
  return Recognized(
      probabilities.argmax(1).astype(np.int32), probabilities.max(1).astype(np.float32), weights
  )


def path_of(folder: str | pathlib.Path, name: str) -> pathlib.Path:
  """Where the signs of a clip are; `name` as in `clip_table.Row`."""
  return pathlib.Path(folder) / f"{name}.npz"


def write(path: pathlib.Path, content: Recognized) -> None:
  """Writes it, whole or not at all; makes the folder."""
  path.parent.mkdir(parents=True, exist_ok=True)
  with replacing(path) as partial, partial.open("wb") as file:
    np.savez(file, **content._asdict())


def read(path: str | pathlib.Path) -> Recognized:
  """Reads a file; runs no code from it.

  Raises:
    UserError: no such file, a damaged one, or one of something else.
  """
  path = existing_file(path, remedy="make it with `python -m sign_jax.extract --recognized`")
  entries = npz.read(path, Recognized._fields, kind="file of recognised signs", remedy=_REMEDY)
  label, score = entries["label"], entries["score"]
  is_right = (
      label.ndim == 1 and label.shape == score.shape
      and label.dtype.kind in "iu" and score.dtype.kind == "f"
  )
  if not is_right or np.any(label < 0) or not np.all((score >= 0) & (score <= 1 + 1e-4)):
    raise UserError(f"{path} holds no classes and probabilities of windows, {_REMEDY}")
  return Recognized(
      label.astype(np.int32), score.astype(np.float32), str(entries["weights"])
  )
