"""Models from the `model` section of a configuration."""

import jax
import jax.numpy as jnp

from sign_jax.errors import UserError, did_you_mean
from sign_jax.ops.sampling import SAMPLINGS
from sign_jax.ops.transport import SMALLEST_EPSILON
from sign_jax.systems.cico.model import CiCo
from sign_jax.systems.seds.model import SEDS, STREAMS
from sign_jax.systems.upret.model import UPRet

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
# The same for SEDS, whose paper pools tokens as CiCo's code does.
SEDS_VARIANTS = {
    "released": {
        "token_pooling": "softmax", "mask_padding": False,
        "roles": "released", "sampling": "released", "merge": "released", "alpha": 1.0,
    },
    "paper": {
        "token_pooling": "softmax", "mask_padding": False,
        "roles": "paper", "sampling": "exact", "merge": "paper", "alpha": 0.8,
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
    "streams": tuple(STREAMS),
    "kind": ("cgaf", "cross_attention", "add_mlp", "concat_mlp", "concat_transformer"),
    "roles": ("released", "paper"),
    "sampling": SAMPLINGS,
    "merge": ("released", "paper"),
    "dtype": ("auto", "float32", "bfloat16"),
    "attention": ("xla", "cudnn"),
    "name": ("cico", "upret", "seds"),
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


def _plan_elements():
  """Elements of one tile of plans between tokens: a CPU's cache, or 64 MiB on an accelerator."""
  return 2**17 if jax.default_backend() == "cpu" else 2**24


def resolve(model):
  """The value of every switch of VARIANTS: the configuration's, else the variant's.

  Raises:
    UserError: on a value that a switch does not have.
  """
  name, variant = _choose("name", model.name), _choose("variant", model.variant)
  switches = dict((SEDS_VARIANTS if name == "seds" else VARIANTS)[variant])
  given = {"token_pooling": model.token_pooling, "mask_padding": model.mask_padding}
  if name == "seds":
    given |= {switch: model.fusion[switch] for switch in ("roles", "sampling", "merge")}
    given["alpha"] = model.alpha
  else:
    given["loss"] = model.loss
  if name == "upret":
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
    model: ml_collections.ConfigDict, see configs/common.py.
    video_length: clips that the video tower has positions for.

  Raises:
    UserError: on a value that a switch does not have.
  """
  switches = resolve(model)
  common = {
      "video": {**model.video, **_blocks(model), "length": video_length},
      "text": {**model.text, **_blocks(model)},
      "embed_dim": model.embed_dim,
      "token_pooling": switches["token_pooling"],
      "mask_padding": switches["mask_padding"],
      "temperature": model.temperature,
      "max_elements": model.max_elements,
      "dtype": compute_dtype(model.dtype),
  }
  builders = {"cico": _cico, "upret": _upret, "seds": _seds}
  return builders[model.name](model, switches, common)


def _blocks(model):
  """How the towers' blocks are computed, which changes no result.

  Raises:
    UserError: where cuDNN cannot.
  """
  attention = _choose("attention", model.get("attention", "xla"))
  dtype, backend = compute_dtype(model.dtype), jax.default_backend()
  if attention == "cudnn" and (dtype != jnp.bfloat16 or backend != "gpu"):
    raise UserError(
        f"model.attention=cudnn needs bfloat16 on an NVIDIA GPU, and this is {dtype.name} on "
        f"{backend}: use --config.model.attention=xla"
    )
  return {"attention": attention, "remat": bool(model.get("remat", False))}


def _cico(model, switches, common):
  del model, switches
  return CiCo(**common)


def _upret(model, switches, common):
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


def _seds(model, switches, common):
  _choose("kind", model.fusion.kind)
  fusion = {**model.fusion, **{name: switches[name] for name in ("roles", "sampling", "merge")}}
  pose = {**model.pose, "max_windows": model.pose.max_windows or None}
  return SEDS(
      **common, pose=pose, fusion=fusion, streams=_choose("streams", model.streams),
      alpha=switches["alpha"], beta=model.beta,
  )


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
