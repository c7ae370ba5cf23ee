"""Rebuilds the golden cases: variables, inputs and noise from names alone."""

import json
import pathlib

import jax
import numpy as np

from sign_jax.weights.convert import merge
from sign_jax.weights.tables import upret as tables
from tests.golden import weights

FOLDER = pathlib.Path(__file__).parent
TINY = {
    "video": {"width": 128, "layers": 2, "heads": 2},
    "text": {"width": 128, "layers": 2, "heads": 2},
    "embed_dim": 128,
}


def load(stem):
  """(facts, arrays) of a golden file."""
  facts = json.loads((FOLDER / f"{stem}.json").read_text())
  return facts, dict(np.load(FOLDER / f"{stem}.npz"))


def state_dict(facts):
  """The released state dict, checked by its fingerprint."""
  state = weights.state_dict(facts["params"])
  np.testing.assert_allclose(weights.fingerprint(state), facts["fingerprint"], rtol=1e-6)
  return state


def variables(facts, model, batch, table=tables.UPRET):
  """The state dict as variables of `model`."""
  keys = {"params": jax.random.key(0), "noise": jax.random.key(1)}
  shapes = jax.eval_shape(model.init, keys, batch)
  return merge(shapes, state_dict(facts), table, ignore=tables.IGNORE)


def _ids(prefix, name, size):
  ends = weights.integers(f"{prefix}input/{name}_len", 4, 31, (size,))[:, None]
  tokens = weights.integers(f"{prefix}input/{name}_tokens", 1, 49000, (size, 32))
  at = np.arange(32)[None]
  tail = np.where(at == ends, 49407, 0)
  return np.where(at == 0, 49406, np.where(at < ends, tokens, tail)).astype(np.int32)


def batch(prefix="", size=6):
  """Inputs of one step."""
  lengths = weights.integers(f"{prefix}input/video_len", 20, 65, (size,))
  valid = np.arange(64)[None] < lengths[:, None]
  video = weights.normal(f"{prefix}input/video", (size, 64, 1024)) * valid[..., None]
  return {
      "video": video, "video_valid": valid,
      "text": _ids(prefix, "text", size), "text_aug": _ids(prefix, "text_aug", size),
  }


def noise(prefix="", size=6, dim=128):
  """Noise of one step for K = 2 samples."""
  return {
      "text": weights.normal(f"{prefix}noise/text", (size, 32, dim))[None],
      "video": weights.normal(f"{prefix}noise/video", (size, 65, dim))[None],
  }


def relative(got, expected):
  """max |a - b| / max |b|."""
  got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
  return np.abs(got - expected).max() / np.abs(expected).max()
