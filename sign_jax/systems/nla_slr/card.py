"""NLA-SLR's card."""

from sign_jax.systems import options
from sign_jax.systems.base import Limits, System
from sign_jax.systems.nla_slr import model as vknet
from sign_jax.systems.nla_slr import released_names, settings, streams


def _make(model, inputs):
  return vknet.VKNet(
      inputs["classes"], inputs["embedding"], streams.chosen(model.modalities, model.lengths),
      model.width, options.compute_dtype(model.dtype),
  )


SYSTEM = System(
    name="nla_slr",
    task="recognition",
    make=_make,
    init=lambda model, inputs, key: vknet.init(model, key),
    config=settings.config,
    choices={
        "dtype": options.DTYPES,
        "modalities": (streams.BOTH, *streams.MODALITIES),
        "lengths": (streams.BOTH, *streams.LENGTHS),
    },
    limits=Limits(
        positive=("model.width",),
        not_negative=("model.num_classes", "model.embedding"),
    ),
    names=released_names.NAMES,
    ignore=released_names.IGNORE,
    sizes=released_names.sizes,
)
