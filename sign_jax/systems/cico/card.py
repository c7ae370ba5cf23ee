"""CiCo's card."""

import functools
from typing import Any

import ml_collections

from sign_jax.ops import contrastive
from sign_jax.protocols import ParameterKinds
from sign_jax.systems import options
from sign_jax.systems.base import System
from sign_jax.systems.cico import released_names, settings
from sign_jax.systems.cico.model import OBJECTIVES, CiCo
from sign_jax.systems.retrieval_settings import rate_without_its_arithmetic
from sign_jax.weights import initial

CHOICES = {**options.CHOICES, "loss": tuple(OBJECTIVES)}
FREE_KEYS = ("model.max_elements", "model.remat", "model.attention")

Params = dict[str, Any]


def clamp_logit_scale(params: Params, step: Any, config: ml_collections.ConfigDict) -> Params:
  """The logit scale at most `config.optim.max_logit_scale`, as the released code does it."""
  del step
  return contrastive.clamp_logit_scale(params, config.optim.max_logit_scale)


def _make(model, inputs):
  return CiCo(**options.towers(model, inputs), objective=model.loss)


SYSTEM = System(
    name="cico",
    task="retrieval",
    make=_make,
    config=settings.config,
    variants={
        "released": {"token_pooling": "softmax", "mask_padding": False, "loss": "four_terms"},
        # UPRet's paper, eq. 24 to 26, on CiCo's similarity.
        "paper": {"token_pooling": "max", "mask_padding": True, "loss": "joint"},
    },
    choices=CHOICES,
    free_keys=FREE_KEYS,
    can_cache_gradients=True,
    parameter_kinds=ParameterKinds(options.FLOAT16, after_gathering=(r"^logit_scale$",)),
    constrain=clamp_logit_scale,
    names=released_names.NAMES,
    ignore=released_names.IGNORE,
    init_files={"clip": functools.partial(initial.from_clip, fresh=released_names.FRESH)},
    fresh={r"params/visual/conv1/.+": "uniform"},
    sizes=released_names.sizes,
    feature_width=released_names.feature_width,
    training_warning=rate_without_its_arithmetic,
    late_interaction=True,
    golden="sign_jax.systems.cico.golden",
    published="sign_jax.systems.cico.published",
)
