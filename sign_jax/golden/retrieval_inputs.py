"""Inputs of the golden cases of retrieval systems, functions of names alone (`seeded`)."""

import numpy as np
from jaxtyping import Float32

from sign_jax.golden import seeded
from sign_jax.protocols import Batch

VIDEO_LENGTH, TEXT_LENGTH, FEATURES = 64, 32, 1024


def texts(prefix: str = "", size: int = 6) -> Batch:
  """{"text", "text_aug": (size, TEXT_LENGTH) int32}, drawn from names that begin with `prefix`."""
  return {name: _ids(name, prefix, size) for name in ("text", "text_aug")}


def _ids(name, prefix, size):
  ends = seeded.integers(f"{prefix}input/{name}_len", 4, 31, (size,))[:, None]
  tokens = seeded.integers(f"{prefix}input/{name}_tokens", 1, 49000, (size, TEXT_LENGTH))
  at = np.arange(TEXT_LENGTH)[None]
  tail = np.where(at == ends, 49407, 0)
  return np.where(at == 0, 49406, np.where(at < ends, tokens, tail)).astype(np.int32)


def batch(prefix: str = "", size: int = 6) -> Batch:
  """A training batch of `size` pairs, as `systems.cico.model.CiCo` reads it."""
  lengths = seeded.integers(f"{prefix}input/video_len", 20, 65, (size,))
  valid = np.arange(VIDEO_LENGTH)[None] < lengths[:, None]
  video = seeded.normal(f"{prefix}input/video", (size, VIDEO_LENGTH, FEATURES))
  return {"video": video * valid[..., None], "video_valid": valid, **texts(prefix, size)}


def noise(
    prefix: str = "", size: int = 6, dim: int = 128
) -> dict[str, Float32[np.ndarray, "1 B N D"]]:
  """Noise for K = 2 samples of D = `dim` channels, as `systems.upret.model.UPRet` reads it."""
  length = {"video": 1 + VIDEO_LENGTH, "text": TEXT_LENGTH}
  return {
      name: seeded.normal(f"{prefix}noise/{name}", (size, n, dim))[None]
      for name, n in length.items()
  }


def norms(title: str, arrays: dict[str, np.ndarray]) -> dict[str, np.floating]:
  """{"TITLE/NAME": L2 norm} of {name: array}."""
  return {f"{title}/{name}": np.linalg.norm(x.ravel()) for name, x in arrays.items()}
