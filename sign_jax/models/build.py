"""Models from the `model` section of a configuration."""

import jax
import jax.numpy as jnp

from sign_jax.errors import UserError, did_you_mean
from sign_jax.models.cico import CiCo
from sign_jax.models.upret import UPRet

# What a switch is where the configuration leaves it None. "released" equals the PyTorch code that
# the published numbers came from, "paper" what the paper says.
VARIANTS = {
    "released": {
        "token_pooling": "softmax",
        "mask_padding": False,
        "score_scale": "released",
        "ot_level": "sample",
    },
    "paper": {
        "token_pooling": "max",
        "mask_padding": True,
        "score_scale": "paper",
        "ot_level": "token",
    },
}
CHOICES = {
    "token_pooling": ("softmax", "max"),
    "score_scale": ("released", "paper"),
    "ot_level": ("sample", "token"),
    "ot_solver": ("ott", "closed_form", "released"),
    "structure": ("mlp+attention", "mlp", "attention"),
    "dtype": ("auto", "float32", "bfloat16"),
    "name": ("cico", "upret"),
    "variant": tuple(VARIANTS),
}


def _choose(switch, value):
  if value not in CHOICES[switch]:
    raise UserError(
        f"{switch}={value!r} is not one of {', '.join(CHOICES[switch])}"
        + did_you_mean(str(value), CHOICES[switch])
    )
  return value


def compute_dtype(name):
  """"auto" -> bfloat16 on accelerators and float32 on CPUs; else the dtype named."""
  if _choose("dtype", name) == "auto":
    name = "float32" if jax.default_backend() == "cpu" else "bfloat16"
  return jnp.dtype(name)


def _tile_elements():
  """Similarities in one tile: about the size of a CPU's cache, or 512 MiB on an accelerator."""
  return 2**19 if jax.default_backend() == "cpu" else 2**27


def build(model, video_length):
  """The Flax module of a `model` section.

  Args:
    model: ml_collections.ConfigDict, see configs/upret.py.
    video_length: clips that the video tower has positions for.

  Raises:
    UserError: on a value that a switch does not have.
  """
  variant = VARIANTS[_choose("variant", model.variant)]
  switch = lambda name, value: _choose(name, variant[name] if value is None else value)
  masked = model.mask_padding
  common = {
      "video": {**model.video, "length": video_length},
      "text": dict(model.text),
      "embed_dim": model.embed_dim,
      "token_pooling": switch("token_pooling", model.token_pooling),
      "mask_padding": variant["mask_padding"] if masked is None else masked,
      "temperature": model.temperature,
      "max_elements": model.max_elements or _tile_elements(),
      "dtype": compute_dtype(model.dtype),
  }
  if _choose("name", model.name) == "cico":
    return CiCo(**common)
  distribution, ot = dict(model.distribution), dict(model.ot)
  distribution["score_scale"] = switch("score_scale", distribution["score_scale"])
  _choose("structure", distribution["structure"])
  ot["level"] = switch("ot_level", ot["level"])
  _check_solver(_choose("ot_solver", ot["solver"]), distribution)
  return UPRet(**common, distribution=distribution, ot=ot)


def _check_solver(solver, distribution):
  both = distribution["sampling"] and distribution["video"] and distribution["text"]
  if solver == "closed_form" and not (both and distribution["samples"] == 2):
    raise UserError(
        "model.ot.solver=closed_form solves 2 x 2 problems only: use --config.model.ot.solver=ott "
        "for other numbers of samples"
    )
