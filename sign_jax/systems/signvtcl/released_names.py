"""Names of SignVTCL's weights in PyTorch: TwoStream-SLR's released ones, and ours for the rest."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from sign_jax.modules import s3d
from sign_jax.systems.signvtcl import streams as names
from sign_jax.systems.signvtcl.model import BLOCKS
from sign_jax.weights import layer_names
from sign_jax.weights.convert import CONV, LINEAR, SAME, TRANSPOSED_CONV, Rule

_TWO_STREAM = "visual_backbone_twostream"
_RELEASED = {"video": "rgb", "keypoint": "pose"}
_HEADS = {"video": "visual_head", "keypoint": "visual_head_keypoint"}


def _affine(there: str, here: str, own: str = "kernel", layout=LINEAR) -> Iterator[Rule]:
  yield Rule(f"{there}.weight", f"params/{here}/{own}", layout)
  yield Rule(f"{there}.bias", f"params/{here}/bias")


def _head(there: str, here: str) -> Iterator[Rule]:
  yield from _affine(f"{there}.fc1", f"{here}/fc1")
  yield from layer_names.batch_norm(f"{there}.bn1.norm", f"{here}/bn1")
  yield from _affine(f"{there}.feedforward.layer_norm", f"{here}/norm1", "scale", SAME)
  for place, name in (("0", "conv1"), ("3", "conv2")):
    yield from _affine(f"{there}.feedforward.pwff_layer.{place}", f"{here}/{name}", layout=CONV)
  yield from _affine(f"{there}.layer_norm", f"{here}/norm2", "scale", SAME)
  yield from _affine(f"{there}.gloss_output_layer", f"{here}/output")


def _pyramid(there: str, here: str) -> Iterator[Rule]:
  for unit in "st":
    layer = f"{there}.pyramid.upsample_layers.{{n}}", f"{here}/up_{{n}}"
    kernel = f"params/{layer[1]}/conv_{unit}/kernel"
    yield Rule(f"{layer[0]}.conv_trans_{unit}.weight", kernel, TRANSPOSED_CONV)
    yield from layer_names.batch_norm(f"{layer[0]}.bn_{unit}", f"{layer[1]}/bn_{unit}")


def _base() -> Iterator[Rule]:
  """TwoStream-SLR's; a connection has the name of its target there."""
  for name, short in _RELEASED.items():
    stream = f"{_TWO_STREAM}.{short}_stream"
    yield from layer_names.s3d(f"{stream}.backbone.base", name)
    yield from _pyramid(stream, f"pyramid_{name}")
    source, layout = (
        ("keypoint", TRANSPOSED_CONV) if name == "video" else ("video", CONV)
    )
    for number in BLOCKS[:-1]:
      here = f"params/{source}_to_{name}_{number}/conv/kernel"
      yield Rule(f"{stream}_lateral.{number - 1}.conv.weight", here, layout)
    yield from _head(_HEADS[name], f"head_{name}")
    for place, level in enumerate(names.PYRAMID):
      yield from _head(f"{_HEADS[name]}_remain.{place}", f"head_{name}_{level}")
  yield from _head("visual_head_fuse", "head_joint")


def _paper() -> Iterator[Rule]:
  """Ours, where nothing is released."""
  for name in names.STREAMS:
    yield from layer_names.s3d(f"branch.{name}.backbone.base", name)
    yield from _pyramid(f"branch.{name}", f"pyramid_{name}")
    for level in names.PYRAMID:
      yield from _head(f"head.{name}_{level}", f"head_{name}_{level}")
  for name in names.heads(names.STREAMS):
    yield from _head(f"head.{name}", f"head_{name}")
  for number in BLOCKS[:-1]:
    there, here = f"fusion.{number - 1}", f"fusion_{number}"
    for place in (0, 2, 4):  # of an MLP
      # The layout of convolutions is that of linear maps too, where there are no windows.
      yield from _affine(f"{there}.{place}", f"{here}/layer_{place}", layout=CONV)
    for name in ("in_proj", "out_proj"):
      yield from _affine(f"{there}.attention.{name}", f"{here}/attention/{name}")
  for name in ("v2t_gloss", "v2t_sentence", "t2v"):
    yield from _affine(f"{name}.{{n}}", f"{name}/layer_{{n}}")


def _mbart() -> Iterator[Rule]:
  for kind in ("tokens", "positions"):
    yield Rule(f"embed_{kind}.weight", f"params/embed_{kind}")
  for name in ("layernorm_embedding", "layer_norm"):
    yield from _affine(name, name, "scale", SAME)
  there, here = "layers.{n}", "layers_{n}"
  for name in ("self_attn_layer_norm", "final_layer_norm"):
    yield from _affine(f"{there}.{name}", f"{here}/{name}", "scale", SAME)
  for name in ("q", "k", "v", "out"):
    yield from _affine(f"{there}.self_attn.{name}_proj", f"{here}/{name}_proj")
  for name in ("fc1", "fc2"):
    yield from _affine(f"{there}.{name}", f"{here}/{name}")


BASE, PAPER, MBART = tuple(_base()), tuple(_paper()), tuple(_mbart())
# Counters of PyTorch's BatchNorm, which a fixed momentum does not use.
IGNORE = (r".+\.num_batches_tracked",)


def names_of(model: ConfigDict) -> tuple[Rule, ...]:
  """All rules, those first that files of such a `model` section have: the base's are R's."""
  return (*BASE, *PAPER) if model.variant == "base" else (*PAPER, *BASE)


def sizes(shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
  """The settings that give a model of the sizes of a file.

  Args:
    shapes: {released name: shape}.

  Returns:
    {dotted name: value}; nothing of what the weights do not show, such as the sizes of pictures.

  Raises:
    KeyError: a name that every file has is missing.
  """
  is_base = any(name.startswith(_TWO_STREAM) for name in shapes)
  there = {name: _stream(name, is_base) for name in (names.BASE if is_base else names.STREAMS)}
  found = [name for name, place in there.items() if place + layer_names.FIRST_OF_S3D in shapes]
  if not found:
    raise KeyError(there["video"] + layer_names.FIRST_OF_S3D)
  head = _HEADS[found[0]] if is_base else f"head.{found[0]}"
  size = layer_names.s3d_sizes(there[found[0]], shapes, s3d.ENDS[len(BLOCKS) - 1])
  return {
      "model.variant": "base" if is_base else "paper", "model.streams": "+".join(found),
      "model.num_classes": shapes[f"{head}.gloss_output_layer.weight"][0],
      "model.width": size["width"], "model.depth": size["depth"],
      "model.head.hidden": shapes[f"{head}.fc1.weight"][0],
      "model.head.feedforward": shapes[f"{head}.feedforward.pwff_layer.0.weight"][0],
      "model.spn.weight": float(any(".pyramid." in name for name in shapes)),
      **(_fusion(shapes) if len(found) > 1 else {}), **_alignment(shapes),
  }


def text_width(shapes: Mapping[str, Sequence[int]]) -> int:
  """Channels of a token's features, which the adapter of texts reads; 0 without one."""
  return shapes["t2v.0.weight"][1] if "t2v.0.weight" in shapes else 0


def _stream(name, is_base):
  """What stands before the names of a stream's S3D."""
  start = f"{_TWO_STREAM}.{_RELEASED[name]}_stream" if is_base else f"branch.{name}"
  return f"{start}.backbone."


def _fusion(shapes):
  """Of a model of several streams: which tell each other something behind how many blocks."""
  lateral = [name for name in shapes if "_stream_lateral." in name]
  if lateral:
    stages = {name.split(".")[2] for name in lateral}
    return {"model.fusion.kind": "lateral", "model.fusion.stages": len(stages)}
  stages = {name.split(".")[1] for name in shapes if name.startswith("fusion.")}
  return {"model.fusion.stages": len(stages), **(_kind(shapes) if stages else {})}


def _kind(shapes):
  if any(name.startswith("fusion.0.attention") for name in shapes):
    return {"model.fusion.kind": "attention"}
  if len(shapes["fusion.0.0.weight"]) > 2:
    return {"model.fusion.kind": "convolution"}
  depth = 3 if "fusion.0.4.weight" in shapes else 2
  return {"model.fusion.kind": "mlp", "model.fusion.mlp_depth": depth}


def _alignment(shapes):
  """Of the adapters; nobody is taught where there are no data."""
  if "t2v.0.weight" not in shapes:
    return {"model.align.gloss": 0.0, "model.align.sentence": 0.0}
  return {
      "model.align.gloss": 1.0, "model.align.sentence": 1.0, "model.align.source": "online",
      "model.align.adapter": shapes["v2t_gloss.0.weight"][0],
      "model.align.shared": shapes["v2t_gloss.2.weight"][0],
  }
