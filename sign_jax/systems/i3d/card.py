"""I3D (Carreira and Zisserman, CVPR 2017), the sign encoder: windows of 16 frames to features."""

from sign_jax.modules import i3d
from sign_jax.systems import options
from sign_jax.systems.base import Classifier, Limits, System
from sign_jax.systems.i3d import released_names, settings


def _make(model, inputs):
  return i3d.I3D(inputs["classes"], model.dropout, model.width, options.compute_dtype(model.dtype))


SYSTEM = System(
    name="i3d",
    task="recognition",
    make=_make,
    init=lambda model, inputs, key: i3d.init(model, key),
    config=settings.config,
    choices={"dtype": options.DTYPES},
    limits=Limits(
        positive=("model.width",),
        not_negative=("model.num_classes",),
        probabilities=("model.dropout",),
    ),
    names=released_names.NAMES,
    ignore=released_names.IGNORE,
    sizes=released_names.sizes,
    classifier=Classifier(
        released_names.CLASSIFIER, released_names.CLASSIFIER_PATHS, released_names.num_classes
    ),
    golden="sign_jax.systems.i3d.golden",
)
