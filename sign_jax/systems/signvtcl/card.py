"""SignVTCL's card."""

from sign_jax.modules import s3d
from sign_jax.ops import alignment
from sign_jax.systems import options
from sign_jax.systems.base import Limits, System
from sign_jax.systems.signvtcl import (
  build,
  losses,
  model,
  recognizer,
  released_names,
  settings,
  stages,
  teachers,
)

SYSTEM = System(
    name="signvtcl",
    task="continuous",
    make=build.build,
    init=lambda module, inputs, key: model.init(module, key, inputs["text_width"]),
    config=settings.config,
    variants=settings.VARIANTS,
    choices={
        "dtype": options.DTYPES,
        "depth": tuple(s3d.DEPTHS),
        "fusion.kind": model.FUSIONS,
        "fusion.stages": (0, 1, 2, 3),
        "fusion.mlp_depth": (2, 3),
        "freeze_blocks": (0, 1, 2, 3, 4),
        "align.source": teachers.SOURCES,
        "align.row": alignment.ROWS,
        "align.sentence_kind": losses.KINDS,
    },
    limits=Limits(
        positive=(
            "model.width", "model.align.temperature", "model.head.hidden", "model.heatmap_sigma",
            "model.head.feedforward", "model.align.shared", "model.align.adapter", "decode.width",
            "accumulate", "data.pool", "data.centre", "data.least_area",
        ),
        not_negative=(
            "model.num_classes", "model.spn.weight", "model.distil", "model.ctc",
            "model.align.gloss", "model.align.sentence", "data.heatmap_size",
        ),
        probabilities=("model.norm_momentum", "data.least_area", "data.centre"),
        below_one=("model.head.dropout",),
    ),
    check=settings.check,
    free_keys=("data.flow", "text.cache_dir"),
    measures=("decode.width", "decode.search", "decode.merge_repeated", "data.clean"),
    frozen=settings.frozen,
    still=settings.still,
    check_beginning=settings.check_filled,
    check_classes=teachers.check,
    init_files=stages.init_files(),
    recognizer=recognizer.SentenceRecognizer(),
    names=(*released_names.PAPER, *released_names.BASE),
    names_of=released_names.names_of,
    sizes=released_names.sizes,
    text_inputs=lambda config, shapes: {"text_width": released_names.text_width(shapes)},
    ignore=released_names.IGNORE,
    golden="sign_jax.systems.signvtcl.golden",
    published="sign_jax.systems.signvtcl.published",
)
