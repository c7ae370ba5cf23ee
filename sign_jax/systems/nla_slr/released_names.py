"""Names of the released NLA-SLR checkpoints, and the sizes that their arrays tell."""

from collections.abc import Mapping, Sequence
from typing import Any

from sign_jax.modules import s3d
from sign_jax.systems.nla_slr import streams as names
from sign_jax.weights import layer_names
from sign_jax.weights.convert import CONV, LINEAR, TRANSPOSED_CONV, Rule

_LENGTHS = {"long": "high", "short": "low"}
_MODALITIES = {"video": "rgb", "keypoint": "pose"}


def stream(name: str) -> str:
  """What stands before the names of a stream's S3D: "backbone.ts_high.rgb_stream.backbone."."""
  modality, length = name.split("_")
  return f"backbone.ts_{_LENGTHS[length]}.{_MODALITIES[modality]}_stream.backbone."


def _lateral_rules():
  """Rules of the connections: a released name says their target, or whence and where to."""
  for length, level in _LENGTHS.items():
    pairs = (("keypoint", "video", TRANSPOSED_CONV), ("video", "keypoint", CONV))
    for source, target, layout in pairs:
      there = f"backbone.ts_{level}.{_MODALITIES[target]}_stream_lateral"
      yield from _connected(there, f"{source}_{length}", f"{target}_{length}", layout)
  for modality, short in _MODALITIES.items():
    pairs = (("long", "short", CONV), ("short", "long", TRANSPOSED_CONV))
    for source, target, layout in pairs:
      there = f"backbone.{short}_{_LENGTHS[source]}2{_LENGTHS[target]}"
      yield from _connected(there, f"{modality}_{source}", f"{modality}_{target}", layout)


def _connected(there, source, target, layout):
  """Rules of the connections of one kind, behind the blocks 1 to 4."""
  for number in s3d.BLOCKS[:-1]:
    here = f"params/{source}_to_{target}_{number}/conv/kernel"
    yield Rule(f"{there}.{number - 1}.conv.weight", here, layout)


_LAYERS = {
    "gloss_output_layer": "fc1",
    "word_fused_gloss_output_layer": "fc2",
    "word_emb_mapper": "mapper",
}


def _head_rules():
  for head in names.heads(names.STREAMS):
    for released, ours in _LAYERS.items():
      there, here = f"heads.{names.released(head)}.{released}", f"params/head_{head}/{ours}"
      yield Rule(f"{there}.weight", f"{here}/kernel", LINEAR)
      yield Rule(f"{there}.bias", f"{here}/bias")


NAMES = (
    *(rule for name in names.STREAMS for rule in layer_names.s3d(f"{stream(name)}base", name)),
    *_lateral_rules(),
    *_head_rules(),
)
# Counters of PyTorch's BatchNorm, which a fixed momentum does not use.
IGNORE = (r".+\.num_batches_tracked",)

FIRST = layer_names.FIRST_OF_S3D  # of every S3D, whatever stands before


def sizes(shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
  """The settings that give a model of the sizes of a file.

  Args:
    shapes: {released name: shape}.

  Returns:
    {dotted name: value}.

  Raises:
    KeyError: a name that every file has is missing.
  """
  found = [name for name in names.STREAMS if stream(name) + FIRST in shapes]
  modalities = [x for x in names.MODALITIES if any(x in name for name in found)]
  lengths = [x for x in names.LENGTHS if any(x in name for name in found)]
  if not found or len(found) != len(modalities) * len(lengths):
    raise KeyError(stream(names.STREAMS[0]) + FIRST)
  head = f"heads.{names.released(found[0])}"
  size = layer_names.s3d_sizes(stream(found[0]), shapes)
  mapper = shapes.get(f"{head}.word_emb_mapper.weight", (0, 0))
  return {
      "model.num_classes": shapes[f"{head}.gloss_output_layer.weight"][0],
      "model.width": size["width"],
      "model.depth": size["depth"],
      "model.embedding": mapper[1],
      "model.modalities": modalities[0] if len(modalities) == 1 else names.BOTH,
      "model.lengths": lengths[0] if len(lengths) == 1 else names.BOTH,
  }
