"""A small SEDS and a batch for it."""

import jax
import numpy as np

from sign_jax.systems.seds.model import SEDS

BATCH, FRAMES, WINDOWS, FEATURES = 4, 24, 5, 12
RELEASED = {
    "kind": "cgaf", "keys": (5, 3), "heads": 4, "roles": "released", "sampling": "released",
    "merge": "released", "dropout": 0.0,
}
SIZES = {
    "video": {"width": 16, "layers": 1, "heads": 2, "length": WINDOWS},
    "text": {"width": 16, "layers": 1, "heads": 2},
    "embed_dim": 32,
    "pose": {"width": 4, "dropout": 0.0, "head_dropout": 0.0},
}


def make_model(kind="cgaf", **changes):
  return SEDS(**{**SIZES, "fusion": {**RELEASED, "kind": kind}, **changes})


def make_batch(seed=0):
  rng = np.random.default_rng(seed)
  draw = lambda *shape: rng.standard_normal(shape).astype(np.float32)
  valid = np.arange(WINDOWS) < np.array([5, 2, 4, 1])[:, None]
  text = np.zeros((BATCH, 8), np.int32)
  text[:, :4] = rng.integers(1, 49000, (BATCH, 4))
  text[:, 0], text[:, 4] = 49406, 49407
  joints = {name: draw(BATCH, FRAMES, n, 2) for name, n in
            (("right", 21), ("left", 21), ("body", 7))}  # fmt: skip
  return {
      "video": draw(BATCH, WINDOWS, FEATURES) * valid[..., None], "video_valid": valid,
      "pose": {
          **joints, "frames_valid": np.ones((BATCH, FRAMES), bool),
          "clips_start": np.where(valid, 2 * np.arange(WINDOWS), -1).astype(np.int32),
      },
      "text": text, "text_aug": np.roll(text, 1, axis=0),
  }


def make_variables(model, batch, seed=1):
  """Drawn by numpy: compiling `init` takes longer than a test may."""
  rng = np.random.default_rng(seed)

  def draw(path, leaf):
    noise = rng.standard_normal(leaf.shape).astype(np.float32)
    name = path[-1].key
    if name in ("scale", "var"):
      return 1 + 0.1 * np.abs(noise)
    if name == "logit_scale":
      return np.float32(2.66)
    return noise * float(np.prod(leaf.shape[:-1]) ** -0.5) if leaf.ndim > 1 else 0.1 * noise

  shapes = jax.eval_shape(model.init, jax.random.key(0), batch)
  return jax.tree_util.tree_map_with_path(draw, shapes)
