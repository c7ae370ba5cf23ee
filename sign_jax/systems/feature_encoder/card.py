"""The card of the encoder on features."""

from collections.abc import Mapping
from typing import Any

from sign_jax.errors import UserError
from sign_jax.systems import options
from sign_jax.systems.base import Classifier, Limits, System
from sign_jax.systems.feature_encoder import released_names, settings
from sign_jax.systems.feature_encoder.model import FeatureEncoder
from sign_jax.systems.feature_encoder.recognizer import FeatureRecognizer


def _make(model, inputs):
  widths = tuple(model.widths)
  return FeatureEncoder(inputs["classes"], widths, options.compute_dtype(model.dtype))


def _check(values: Mapping[str, Any]) -> None:
  widths = values["model.widths"]
  if not widths or not all(type(width) is int and width > 0 for width in widths):
    raise UserError(f"model.widths={widths!r} must be whole numbers above 0, such as 512,256")


def _classes(state, path):
  bias = state.get("classifier.bias")
  if bias is None:
    raise UserError(f"{path} holds no encoder on features (it has no classifier.bias)")
  return len(bias)


SYSTEM = System(
    name="feature_encoder",
    task="recognition",
    make=_make,
    config=settings.config,
    choices={"dtype": options.DTYPES},
    limits=Limits(positive=("data.dim",), not_negative=("model.num_classes",)),
    check=_check,
    recognizer=FeatureRecognizer(),
    names=released_names.NAMES,
    ignore=released_names.IGNORE,
    sizes=released_names.sizes,
    classifier=Classifier(r"classifier\..+", r"params/classifier/.+", _classes),
)
