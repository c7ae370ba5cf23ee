"""SignVTCL's settings: the `model` section, and what its two variants decide."""

import ml_collections
from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from sign_jax.errors import UserError, did_you_mean
from sign_jax.systems.signvtcl import streams as names

# "paper" is SignVTCL; "base" is TwoStream-SLR as released, which it builds on.
VARIANTS = {
    "paper": {
        "streams": "video+keypoint+flow", "fusion.kind": "mlp", "spn.weight": 0.0, "distil": 0.0,
        "align.gloss": 1.0, "align.sentence": 1.0,
    },
    "base": {
        "streams": "video+keypoint", "fusion.kind": "lateral", "spn.weight": 1.0, "distil": 1.0,
        "align.gloss": 0.0, "align.sentence": 0.0,
    },
}


def model_section(variant: str = "paper") -> ConfigDict:
  """The `model` section with all defaults; None is what the variant decides.

  Args:
    variant: of VARIANTS.
  """
  # A placeholder is shared by all that hold it, so that each section needs its own.
  return ml_collections.ConfigDict({
      "name": "signvtcl",
      "variant": variant,
      "dtype": "auto",  # of the streams: bfloat16 on accelerators, float32 on CPUs
      "streams": placeholder(str),  # some of "video", "keypoint", "flow", with + between them
      "width": 1.0,  # multiplies the channels of the streams
      "depth": "full",  # or "small", which has three of the nine Inception blocks
      "norm_momentum": 1e-3,  # share of a batch in the running statistics of the streams' BatchNorm
      "fusion": {
          "kind": placeholder(str),  # "mlp", "attention", "convolution", or "lateral"
          "stages": 3,  # blocks behind which maps are exchanged, from the first on; 0: none
          "mlp_depth": 2,  # linear maps; or 3, the other reading of the paper's "two hidden layers"
      },
      "spn": {"weight": placeholder(float)},  # of the pyramids' losses; 0: there are none
      "distil": placeholder(float),  # weight of the heads' divergence from their mean
      "head": {"hidden": 512, "feedforward": 2048, "dropout": 0.1},
      "ctc": 1.0,  # weight of the CTC losses
      "align": {
          "gloss": placeholder(float),  # weights of the two losses between videos and texts
          "sentence": placeholder(float),
          "row": "sum",  # or "mean" of the positives in a row
          "normalize": False,  # compares glosses by their cosine
          "temperature": 1.0,
          "sentence_kind": "channels",  # or "batch", between all sentences of a batch
          "detach_text": False,  # in the loss of sentences
          "shared": 512,  # channels of the space that both are compared in
          "adapter": 512,  # channels inside the adapters
      },
  })


def streams_of(model: ConfigDict) -> tuple[str, ...]:
  """The streams of a decided `model` section, in the order of `streams.STREAMS`.

  Raises:
    UserError: one that there is not, or twice; connections of other streams than they are for.
  """
  wanted = model.streams.split("+")
  for name in wanted:
    if name not in names.STREAMS:
      raise UserError(
          f"model.streams={model.streams} names {name!r}, which is not one of "
          f"{', '.join(names.STREAMS)}{did_you_mean(name, names.STREAMS)}"
      )
  if len(set(wanted)) < len(wanted):
    raise UserError(f"model.streams={model.streams} names a stream twice: name each once")
  found = tuple(name for name in names.STREAMS if name in wanted)
  if model.fusion.kind == "lateral" and len(found) > 1 and found != names.BASE:
    raise UserError(
        f"model.fusion.kind=lateral connects {' and '.join(names.BASE)}, and model.streams is "
        f"{model.streams}: choose another kind"
    )
  return found


def joint_of(model: ConfigDict) -> tuple[str, ...]:
  """The streams in the order in which the joint head reads them: reversed as released."""
  found = streams_of(model)
  return found[::-1] if model.variant == "base" else found
