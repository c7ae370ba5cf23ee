"""Models from the `model` section of a configuration."""

import jax
import jax.numpy as jnp

from sign_jax.errors import UserError, did_you_mean
from sign_jax.models.cico import CiCo
from sign_jax.models.upret import UPRet
from sign_jax.ops.transport import SMALLEST_EPSILON

# What a switch is where the configuration leaves it None. "released" equals the PyTorch code that
# the published numbers came from, "paper" what the paper says.
VARIANTS = {
    "released": {
        "token_pooling": "softmax",
        "mask_padding": False,
        "split": "after",
        "score_scale": "released",
        "first_is_mean": True,
        "ot_level": "sample",
        "ot_scaled": False,
        "loss": "four_terms",
    },
    "paper": {
        "token_pooling": "max",
        "mask_padding": True,
        "split": "before",
        "score_scale": "paper",
        "first_is_mean": False,
        "ot_level": "token",
        "ot_scaled": True,
        "loss": "joint",
    },
}
CHOICES = {
    "token_pooling": ("softmax", "max"),
    "split": ("after", "before"),
    "score_scale": ("released", "paper"),
    "ot_level": ("sample", "token"),
    "ot_solver": ("ott", "scaling", "closed_form", "released"),
    "loss": ("four_terms", "joint"),
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


def _plan_elements():
  """Elements of one tile of plans between tokens: a CPU's cache, or 64 MiB on an accelerator."""
  return 2**17 if jax.default_backend() == "cpu" else 2**24


def resolve(model):
  """The value of every switch of VARIANTS: the configuration's, else the variant's.

  Raises:
    UserError: on a value that a switch does not have.
  """
  switches = dict(VARIANTS[_choose("variant", model.variant)])
  given = {
      "token_pooling": model.token_pooling, "mask_padding": model.mask_padding, "loss": model.loss
  }
  if _choose("name", model.name) == "upret":
    given |= {
        "split": model.distribution.split,
        "score_scale": model.distribution.score_scale,
        "first_is_mean": model.distribution.first_is_mean,
        "ot_level": model.ot.level, "ot_scaled": model.ot.scaled,
    }
  switches |= {name: value for name, value in given.items() if value is not None}
  for name in switches.keys() & CHOICES.keys():
    _choose(name, switches[name])
  return switches


def build(model, video_length):
  """The Flax module of a `model` section.

  Args:
    model: ml_collections.ConfigDict, see configs/upret.py.
    video_length: clips that the video tower has positions for.

  Raises:
    UserError: on a value that a switch does not have.
  """
  switches = resolve(model)
  common = {
      "video": {**model.video, "length": video_length},
      "text": dict(model.text),
      "embed_dim": model.embed_dim,
      "token_pooling": switches["token_pooling"],
      "mask_padding": switches["mask_padding"],
      "temperature": model.temperature,
      "max_elements": model.max_elements or _tile_elements(),
      "dtype": compute_dtype(model.dtype),
  }
  if model.name == "cico":
    return CiCo(**common)
  distribution = {
      **model.distribution,
      **{name: switches[name] for name in ("split", "score_scale", "first_is_mean")},
  }
  ot = {
      **model.ot, "level": switches["ot_level"], "scaled": switches["ot_scaled"],
      "max_elements": model.ot.max_elements or _plan_elements(),
  }
  _choose("structure", distribution["structure"])
  _choose("ot_solver", ot["solver"])
  _check_solver(ot, distribution)
  return UPRet(**common, distribution=distribution, ot=ot)


def _check_solver(ot, distribution):
  solver = ot["solver"]
  if ot["level"] == "token" and solver not in ("ott", "scaling"):
    raise UserError(
        f"model.ot.solver={solver} does not solve transport between tokens: use "
        "--config.model.ot.solver=ott or scaling, or --config.model.ot.level=sample"
    )
  if solver == "scaling" and ot["epsilon"] < SMALLEST_EPSILON:
    raise UserError(
        f"model.ot.solver=scaling needs a model.ot.epsilon of {SMALLEST_EPSILON:.4f} or more: use "
        "--config.model.ot.solver=ott"
    )
  both = distribution["sampling"] and distribution["video"] and distribution["text"]
  if solver == "closed_form" and not (both and distribution["samples"] == 2):
    raise UserError(
        "model.ot.solver=closed_form solves 2 x 2 problems only: use --config.model.ot.solver=ott "
        "for other numbers of samples"
    )
