"""SEDS's card."""

import functools

from sign_jax.data import hand_boxes
from sign_jax.data.pose import WINDOW
from sign_jax.errors import UserError, did_you_mean, shown
from sign_jax.ops.sampling import SAMPLINGS
from sign_jax.systems import options
from sign_jax.systems.base import Limits, System
from sign_jax.systems.cico import card as cico
from sign_jax.systems.retrieval_settings import rate_without_its_arithmetic
from sign_jax.systems.seds import released_names, settings
from sign_jax.systems.seds.model import SEDS, STREAMS
from sign_jax.weights import initial


def _make(model, inputs):
  pose = {**model.pose, "max_windows": model.pose.max_windows or None}
  # The released program runs on a PyTorch whose attention is float32 inside.
  towers = options.towers(model, inputs, float16_attention="xla")
  return SEDS(
      **towers, pose=pose, fusion=dict(model.fusion), streams=model.streams, alpha=model.alpha,
      beta=model.beta,
  )


def _check(values):
  """Raises UserError where settings cannot work or do not go together."""
  _check_pictures(values["data.image_size"])
  boxes = values.get("data.hand_boxes", "exact")
  if boxes not in hand_boxes.RULES:
    raise UserError(
        f"data.hand_boxes={shown(boxes)} is not one of {', '.join(hand_boxes.RULES)}"
        + did_you_mean(str(boxes), hand_boxes.RULES)
    )
  frames = values["data.max_frames"]
  if frames < WINDOW:
    raise UserError(f"data.max_frames={frames} must be at least {WINDOW}, the frames of a window")
  keys, heads = values["model.fusion.keys"], values["model.fusion.heads"]
  if not keys or not all(type(x) is int and x >= 1 for x in keys):
    raise UserError(f"model.fusion.keys={tuple(keys)} must name a number of keys for every layer")
  width = values["model.embed_dim"]
  if width % heads or width % 2:
    raise UserError(
        f"model.embed_dim={width} must be even and divide among model.fusion.heads={heads}"
    )


def _check_pictures(size):
  """Of poses; (0, 0) leaves the size to the data set."""
  is_size = len(size) == 2 and all(isinstance(x, int | float) for x in size)
  if not is_size or not (min(size) > 0 or tuple(size) == (0, 0)):
    raise UserError(
        f"data.image_size={tuple(size)} is no size: pass the width and height of the pictures "
        "that the poses were estimated on, or (0, 0) to take what the data set states"
    )


# Tokens are pooled as in CiCo's code in both: the paper says nothing else.
_POOLING = {"token_pooling": "softmax", "mask_padding": False}

SYSTEM = System(
    name="seds",
    task="retrieval",
    make=_make,
    config=settings.config,
    variants={
        "released": {
            **_POOLING, "fusion.roles": "released", "fusion.sampling": "released",
            "fusion.merge": "released", "alpha": 1.0,
        },
        "paper": {
            **_POOLING, "fusion.roles": "paper", "fusion.sampling": "exact",
            "fusion.merge": "paper", "alpha": 0.8,
        },
    },
    choices={
        **options.CHOICES,
        "streams": tuple(STREAMS),
        "fusion.kind": (
            "cgaf", "cross_attention", "add_mlp", "concat_mlp", "concat_transformer",
        ),
        "fusion.roles": ("released", "paper"),
        "fusion.sampling": SAMPLINGS,
        "fusion.merge": ("released", "paper"),
    },
    limits=Limits(
        positive=("model.pose.width", "model.fusion.heads"),
        not_negative=(
            "optim.groups.pose.lr", "optim.groups.fusion.lr", "model.pose.max_windows",
            "model.alpha", "model.beta", "data.bottom_margin",
        ),
        probabilities=("model.pose.dropout", "model.pose.head_dropout", "model.fusion.dropout"),
    ),
    check=_check,
    free_keys=(*cico.FREE_KEYS, "model.pose.max_windows"),
    reads_poses=True,
    # Poses, fusion and towers all lie before the gathering.
    parameter_kinds=cico.SYSTEM.parameter_kinds,
    constrain=cico.clamp_logit_scale,
    names=released_names.NAMES,
    ignore=released_names.IGNORE,
    init_files={
        "clip": functools.partial(
            initial.from_clip, fresh=released_names.FRESH, towers=released_names.VIDEO_TOWERS
        ),
        "signbert": released_names.load_pose_encoder,
    },
    fresh={
        r"params/(visual|visual_rgb)/conv1/.+": "uniform",
        r"params/pose_encoder/.+": "uniform",
        r"params/fuse/.+": "normal",
    },
    sizes=released_names.sizes,
    feature_width=released_names.feature_width,
    training_warning=rate_without_its_arithmetic,
    late_interaction=True,
    golden="sign_jax.systems.seds.golden",
    published="sign_jax.systems.seds.published",
)
