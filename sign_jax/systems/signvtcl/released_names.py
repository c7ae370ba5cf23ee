"""Names of SignVTCL's weights in PyTorch: TwoStream-SLR's released ones, and ours for the rest."""

from collections.abc import Iterator

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
