"""SignVTCL's card."""

from sign_jax.modules import s3d
from sign_jax.ops import alignment
from sign_jax.systems import options
from sign_jax.systems.base import Limits, System
from sign_jax.systems.signvtcl import losses, model, released_names, settings


def _make(section, inputs):
  streams, align = settings.streams_of(section), section.align
  is_aligned = align.gloss > 0 or align.sentence > 0
  return model.SignVTCL(
      inputs["classes"], streams, settings.joint_of(section), section.fusion.kind,
      section.fusion.stages, section.fusion.mlp_depth,
      pyramid=streams if section.spn.weight > 0 else (),
      hidden=section.head.hidden, feedforward=section.head.feedforward,
      dropout=section.head.dropout,
      shared=align.shared if is_aligned else 0, adapter=align.adapter, width=section.width,
      dtype=options.compute_dtype(section.dtype), momentum=section.norm_momentum,
      depth=section.depth,
  )


SYSTEM = System(
    name="signvtcl",
    task="continuous",
    make=_make,
    init=lambda module, inputs, key: model.init(module, key, inputs["text_width"]),
    variants=settings.VARIANTS,
    choices={
        "dtype": options.DTYPES,
        "depth": tuple(s3d.DEPTHS),
        "fusion.kind": model.FUSIONS,
        "fusion.stages": (0, 1, 2, 3),
        "fusion.mlp_depth": (2, 3),
        "align.row": alignment.ROWS,
        "align.sentence_kind": losses.KINDS,
    },
    limits=Limits(
        positive=("model.width", "model.align.temperature", "model.head.hidden"),
        not_negative=(
            "model.spn.weight", "model.distil", "model.ctc", "model.align.gloss",
            "model.align.sentence",
        ),
        probabilities=("model.norm_momentum",),
        below_one=("model.head.dropout",),
    ),
    names=(*released_names.PAPER, *released_names.BASE),
    ignore=released_names.IGNORE,
    golden="sign_jax.systems.signvtcl.golden",
)
