"""SPOT-ALIGN's card: the system of its cross-modal embeddings."""

from sign_jax.data import captions
from sign_jax.ops import ranking
from sign_jax.protocols import Selection
from sign_jax.systems import options
from sign_jax.systems.base import Limits, System
from sign_jax.systems.spot_align import recognized_signs, released_names, settings
from sign_jax.systems.spot_align.model import AGGREGATIONS, PROJECTIONS, SpotAlign


def _make(model, inputs):
  text = model.text
  shape, dtype = inputs["text"]
  return SpotAlign(
      embed_dim=model.embed_dim, aggregation=model.video.aggregation,
      projection=model.video.projection, clusters=text.clusters,
      ghost_clusters=text.ghost_clusters, mask_padding=text.mask_padding, margin=model.margin,
      objective=model.loss, words=inputs["words"] if dtype == "int32" else 0,
      word_width=text.width if dtype == "int32" else shape[-1],
      dtype=options.compute_dtype(model.dtype),
  )


SYSTEM = System(
    name="spot_align",
    task="retrieval",
    make=_make,
    config=settings.config,
    variants={
        "released": {"text.mask_padding": False, "loss": "mean", "video.projection": "geu"},
        "paper": {"text.mask_padding": True, "loss": "batch", "video.projection": "linear"},
    },
    choices={
        "dtype": options.DTYPES,
        "loss": ranking.REDUCTIONS,
        "video.aggregation": AGGREGATIONS,
        "video.projection": PROJECTIONS,
        "text.embedding": settings.EMBEDDINGS,
        "text.mask_padding": (True, False),
    },
    limits=Limits(
        positive=(
            "model.text.clusters", "model.text.width", "spotting.dim", "spotting.size",
            "spotting.stride", "spotting.steps", "spotting.batch_size",
        ),
        not_negative=(
            "model.text.ghost_clusters", "model.margin", "spotting.iterations", "spotting.pad",
        ),
        probabilities=("sr.threshold", "optim.gamma"),
    ),
    check=settings.check,
    free_keys=settings.FREE_KEYS,
    selection=Selection("t2v/geometric_mean"),
    text_reader=captions.reader,
    text_inputs=released_names.text_inputs,
    scorers={"cm": None, "sr": recognized_signs.similarity},
    measures=settings.MEASURES,
    names=released_names.NAMES,
    ignore=released_names.IGNORE,
    fresh={r"params/(text_gu|video_gu|video_dim_reduce)/.+": "uniform"},
    sizes=released_names.sizes,
    feature_width=released_names.feature_width,
    golden="sign_jax.systems.spot_align.golden",
    published="sign_jax.systems.spot_align.published",
    program="launch.spot_align",
    only_of_program=settings.ONLY_OF_PROGRAM,
    shared="spotting.shared",
    training_warning=settings.warning,
)
