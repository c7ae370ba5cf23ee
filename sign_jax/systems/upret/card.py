"""UPRet's card."""

import functools

import jax

from sign_jax.errors import UserError
from sign_jax.modules.clip import HEAD_WIDTH
from sign_jax.ops.transport import SMALLEST_EPSILON
from sign_jax.protocols import ParameterKinds
from sign_jax.systems import options
from sign_jax.systems.base import Limits, System
from sign_jax.systems.cico import card as cico
from sign_jax.systems.cico.released_names import feature_width
from sign_jax.systems.retrieval_settings import rate_without_its_arithmetic
from sign_jax.systems.upret import advice, released_names, settings
from sign_jax.systems.upret.model import UPRet
from sign_jax.weights import initial


def _make(model, inputs):
  ot = {**model.ot, "max_elements": model.ot.max_elements or _plan_elements()}
  return UPRet(
      **options.towers(model, inputs), objective=model.loss,
      distribution=dict(model.distribution), ot=ot,
  )


def _plan_elements():
  """Elements of one tile of plans between tokens: a CPU's cache, or 64 MiB on an accelerator."""
  return 2**17 if jax.default_backend() == "cpu" else 2**24


def _check(values):
  """Raises UserError where settings do not go together."""
  width = values["model.embed_dim"]
  # Halves of the width have as many heads where the split comes before the attention.
  if width % (2 * max(1, width // HEAD_WIDTH)):
    raise UserError(
        f"model.embed_dim={width} does not divide among the heads of the distribution modules: "
        f"use a multiple of {HEAD_WIDTH}"
    )
  _check_solver(values)


def _check_solver(values):
  solver, level = values["model.ot.solver"], values["model.ot.level"]
  if level == "token" and solver not in ("ott", "scaling"):
    raise UserError(
        f"model.ot.solver={solver} does not solve transport between tokens: use "
        "--config.model.ot.solver=ott or scaling, or --config.model.ot.level=sample"
    )
  if solver == "scaling" and values["model.ot.epsilon"] < SMALLEST_EPSILON:
    raise UserError(
        f"model.ot.solver=scaling needs a model.ot.epsilon of {SMALLEST_EPSILON:.4f} or more: use "
        "--config.model.ot.solver=ott"
    )
  sampled = all(values[f"model.distribution.{key}"] for key in ("sampling", "video", "text"))
  if solver == "closed_form" and not (sampled and values["model.distribution.samples"] == 2):
    raise UserError(
        "model.ot.solver=closed_form solves 2 x 2 problems only: use --config.model.ot.solver=ott "
        "for other numbers of samples"
    )


SYSTEM = System(
    name="upret",
    task="retrieval",
    make=_make,
    config=settings.config,
    variants={
        "released": {
            **cico.SYSTEM.variants["released"],
            "distribution.split": "after",
            "distribution.score_scale": "released",
            "distribution.first_is_mean": True,
            "ot.level": "sample",
            "ot.scaled": False,
        },
        "paper": {
            **cico.SYSTEM.variants["paper"],
            "distribution.split": "before",
            "distribution.score_scale": "paper",
            "distribution.first_is_mean": False,
            "ot.level": "token",
            "ot.scaled": True,
        },
    },
    choices={
        **cico.CHOICES,
        "distribution.split": ("after", "before"),
        "distribution.score_scale": ("released", "paper"),
        "distribution.structure": ("mlp+attention", "mlp", "attention"),
        "ot.level": ("sample", "token"),
        "ot.solver": ("ott", "scaling", "closed_form", "released"),
    },
    limits=Limits(
        positive=("model.distribution.samples", "model.ot.epsilon", "model.ot.iterations"),
        probabilities=("model.distribution.dropout",),
    ),
    check=_check,
    free_keys=(*cico.FREE_KEYS, "model.ot.max_elements"),
    can_cache_gradients=True,
    parameter_kinds=ParameterKinds(
        options.FLOAT16, after_gathering=(r"^(logit_scale$|\w+_weight_fc/|dist_\w+_trans/)",)
    ),
    constrain=cico.clamp_logit_scale,
    names=released_names.NAMES,
    ignore=released_names.IGNORE,
    init_files={"clip": functools.partial(initial.from_clip, fresh=released_names.FRESH)},
    fresh={r"params/(visual/conv1|\w+_weight_fc|dist_\w+_trans)/.+": "uniform"},
    sizes=released_names.sizes,
    feature_width=feature_width,
    warning=advice.epsilon_too_small,
    advice=advice.advice,
    training_warning=rate_without_its_arithmetic,
    late_interaction=True,
    golden="sign_jax.systems.upret.golden",
    published="sign_jax.systems.upret.published",
)
