"""Names of the released SEDS checkpoints, and of SignBERT's pre-trained pose encoder."""

import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sign_jax.errors import UserError
from sign_jax.systems.cico import released_names as cico
from sign_jax.weights import convert, readers
from sign_jax.weights.convert import CONV, LINEAR, POINTWISE_2D, Rule


def _norm(there, here):
  parts = ("weight", "scale"), ("bias", "bias")
  return tuple(Rule(f"{there}.{a}", f"params/{here}/{b}") for a, b in parts)


def _batch_norm(there, here):
  running = ("running_mean", "mean"), ("running_var", "var")
  statistics = (Rule(f"{there}.{a}", f"batch_stats/{here}/{b}") for a, b in running)
  return *_norm(there, here), *statistics


def _layer(there, here, layout):
  return (
    Rule(f"{there}.weight", f"params/{here}/kernel", layout),
    Rule(f"{there}.bias", f"params/{here}/bias"),
  )


def _group(there, here):
  """Rules of a `modules.stgcn.GroupEncoder`."""
  block, ours = f"{there}.st_gcn_{{kind}}.{{n}}", f"{here}/st_gcn_{{kind}}_{{n}}"
  return (
    *_batch_norm(f"{there}.data_bn", f"{here}/data_bn"),
    *_layer(f"{block}.gcn.conv", f"{ours}/gcn_conv", POINTWISE_2D),
    *_layer(f"{block}.tcn.3", f"{ours}/tcn_3", POINTWISE_2D),
    *_batch_norm(f"{block}.tcn.{{i}}", f"{ours}/tcn_{{i}}"),
    *_layer(f"{block}.residual.0", f"{ours}/residual_0", POINTWISE_2D),
    *_batch_norm(f"{block}.residual.1", f"{ours}/residual_1"),
    *_layer(f"{there}.conv4.0", f"{here}/conv4_0", POINTWISE_2D),
    *_batch_norm(f"{there}.conv4.1", f"{here}/conv4_1"),
    *_temporal(f"{there}.tcn_full_{{block}}", f"{here}/tcn_full_{{block}}"),
  )


def _temporal(there, here):
  """Rules of a `modules.stgcn.TemporalBlock`."""
  return (
    *_layer(f"{there}.conv1d_{{size}}.0", f"{here}/conv1d_{{size}}", CONV),
    *_layer(f"{there}.conv1x1", f"{here}/conv1x1", CONV),
    *_batch_norm(f"{there}.bn", f"{here}/bn"),
  )


def _as(part, torch, flax):
  """CiCo's rules of the video tower, of those names that begin with `part`, for another module."""
  renamed = lambda rule: rule._replace(
    torch=rule.torch.replace("clip.visual.", torch),
    flax=rule.flax.replace("params/visual/", flax),
  )
  return tuple(renamed(rule) for rule in cico.NAMES if rule.torch.startswith(f"clip.visual.{part}"))


EMBED = "signbert.embed."
_CHANNELS_OF_A_WINDOW = 12  # times the pose encoder's width
_FUSION, _STREAM = "fusion.{stream}_layers.{n}", "fuse/{stream}_layers_{n}"

NAMES = (
  *(
    rule for group in ("st_gcn_hand", "st_gcn_body")
    for rule in _group(f"{EMBED}{group}", f"pose_encoder/{group}")
  ),
  *_temporal("signbert.GCN_Conv", "pose_encoder/GCN_Conv"),
  *_norm(f"{_FUSION}.layer_norm", f"{_STREAM}/layer_norm"),
  *_norm(f"{_FUSION}.feed_forward.layer_norm", f"{_STREAM}/feed_forward/layer_norm"),
  *_layer(
    f"{_FUSION}.feed_forward.pwff_layer.{{i}}", f"{_STREAM}/feed_forward/pwff_layer_{{i}}", LINEAR
  ),
  *_layer(f"{_FUSION}.src_src_att.{{name}}", f"{_STREAM}/src_src_att/{{name}}", LINEAR),
  *_norm("fusion.{stream}_layer_norm", "fuse/{stream}_layer_norm"),
  *_layer("fusion.mlp_fusion.mlp.{name}", "fuse/mlp_fusion/mlp/{name}", LINEAR),
  *_norm("fusion.mlp_fusion.ln", "fuse/mlp_fusion/ln"),
  # Fusions of table 5 that were not released.
  *_layer("fusion.mlp.{name}", "fuse/mlp/{name}", LINEAR),
  *_as("transformer.", "fusion.", "params/fuse/"),
  *_as("", "clip_rgb.visual.", "params/visual_rgb/"),
  *cico.NAMES,
)  # fmt: skip

# In the released files, but without part in the computation, or constant.
IGNORE = (
  r"clip(_rgb)?\.visual\.conv2_trans\.weight",
  r"clip\.logit_scale_(first|sec)_softmax",
  r".+\.num_batches_tracked",
  r".+\.st_gcn_(hand|body)\.A(_pool)?",
)

# What CLIP has no weights for.
FRESH = (*cico.FRESH, r"(params|batch_stats)/(pose_encoder|fuse)/.+")
# Both video towers begin as CLIP's.
VIDEO_TOWERS = ("visual", "visual_rgb")

_FEATURES = "clip_rgb.visual.conv1.weight"
_UNREAD_WIDTH = 1024  # of features beside poses, where poses alone are read


def sizes(shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
  """As `cico.released_names.sizes`, and which streams there are, and the pose encoder's width.

  The numbers of keys and the heads of the fusion are not in a file.
  """
  if not any(name.startswith(EMBED) for name in shapes):
    shapes[_FEATURES]  # raises KeyError: it is no file of SEDS at all
    # The tower of poses has no part in the computation then, and is not there.
    renamed = {name.replace("clip_rgb.", "clip."): shape for name, shape in shapes.items()}
    return cico.sizes(renamed) | {"model.streams": "rgb"}
  channels = shapes["clip.visual.conv1.weight"][1]
  streams = "both" if _FEATURES in shapes else "pose"
  return cico.sizes(shapes) | {
    "model.streams": streams, "model.pose.width": channels // _CHANNELS_OF_A_WINDOW,
  }  # fmt: skip


def feature_width(shapes: Mapping[str, Sequence[int]]) -> int:
  """As `cico.released_names.feature_width`, of the features beside the poses."""
  return shapes[_FEATURES][1] if _FEATURES in shapes else _UNREAD_WIDTH


# In every file that holds the pose encoder, whatever stands before.
_FIRST = "st_gcn_hand.data_bn.weight"


def load_pose_encoder(variables: dict[str, Any], path: str | pathlib.Path) -> dict[str, Any]:
  """Puts SignBERT's pre-trained pose encoder (`pretrain_signbert.pth`) into SEDS's variables.

  The names assumed are those of SEDS from `st_gcn_hand.` on, and from `st_gcn_body.` on where the
  file has any (SEDS takes its hands from SignBERT), with one beginning that does not matter, such
  as "signbert.embed." or "embed.". All else in the file is left out.

  Args:
    variables: {"params": ..., "batch_stats": ...} of `systems.seds.model.SEDS`.
    path: a file that `weights.readers.read` can read.

  Returns:
    `variables`, with numpy arrays in place of what came from the file.

  Raises:
    UserError: the variables have no pose encoder, or the file cannot be read or does not hold all
      of it.
  """
  if "pose_encoder" not in variables["params"]:
    raise UserError(
      "init.signbert fills the pose encoder, which model.streams=rgb does not have: leave it out"
    )
  state = readers.read(path)
  starts = [name.removesuffix(_FIRST) for name in state if name.endswith(_FIRST)]
  if len(starts) != 1:
    raise UserError(
      f"{path} holds {len(starts) or 'no'} entries {_FIRST}, pass a file of SignBERT's weights"
    )
  groups = r"st_gcn_(hand|body)\."
  encoder = {
    EMBED + name.removeprefix(starts[0]): value for name, value in state.items()
    if re.match(re.escape(starts[0]) + groups, name)
  }
  found = "|".join({re.match(EMBED + groups, name)[1] for name in encoder})
  keep = rf"\w+/(?!pose_encoder/st_gcn_({found})/).+"
  try:
    return convert.merge(variables, encoder, NAMES, IGNORE, keep=(keep,))
  except UserError as error:
    raise UserError(f"{path}: {error}") from error
