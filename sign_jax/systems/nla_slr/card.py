"""NLA-SLR's card."""

from sign_jax.modules import s3d
from sign_jax.ops import heatmap, label_smoothing
from sign_jax.systems import options
from sign_jax.systems.base import Limits, System
from sign_jax.systems.nla_slr import model as vknet
from sign_jax.systems.nla_slr import recognizer, released_names, settings, stages, streams


def _make(model, inputs):
  return vknet.VKNet(
      inputs["classes"], inputs["embedding"], streams.chosen(model.modalities, model.lengths),
      model.width, options.compute_dtype(model.dtype), model.norm_momentum,
      model.depth,
  )


def _check(values):
  settings.check(values)
  stages.check(values)


SYSTEM = System(
    name="nla_slr",
    task="recognition",
    make=_make,
    init=lambda model, inputs, key: vknet.init(model, key),
    config=settings.config,
    variants={name: {"heatmap": name} for name in heatmap.VARIANTS},
    choices={
        "dtype": options.DTYPES,
        "depth": tuple(s3d.DEPTHS),
        "heatmap": heatmap.VARIANTS,
        "smoothing": label_smoothing.SMOOTHINGS,
        "ensemble": recognizer.ENSEMBLES,
        "modalities": (streams.BOTH, *streams.MODALITIES),
        "lengths": (streams.BOTH, *streams.LENGTHS),
    },
    limits=Limits(
        positive=("model.width", "model.smoothing_temperature", "model.mixup_alpha"),
        not_negative=("model.num_classes", "model.embedding", "model.heatmap_sigma"),
        probabilities=(
            "model.smoothing_eps", "model.integration_base", "model.intra_mixup",
            "model.norm_momentum", "data.least_area",
        ),
    ),
    check=_check,
    init_files=stages.init_files(),
    recognizer=recognizer.SignRecognizer(),
    names=released_names.NAMES,
    ignore=released_names.IGNORE,
    sizes=released_names.sizes,
    golden="sign_jax.systems.nla_slr.golden",
    published="sign_jax.systems.nla_slr.published",
)
