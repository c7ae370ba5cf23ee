"""Names of the released CiCo checkpoints, and the sizes that their shapes tell."""

from collections.abc import Mapping, Sequence

from sign_jax.modules.clip import HEAD_WIDTH
from sign_jax.weights import clip
from sign_jax.weights.convert import POINTWISE_2D, Rule

# conv1 is a 1x1 convolution there and a Dense layer here.
NAMES = (
  Rule("clip.visual.conv1.weight", "params/visual/conv1/kernel", POINTWISE_2D),
  *(rule._replace(torch=f"clip.{rule.torch}") for rule in clip.OPENAI),
)

# In the released files, of CiCo or of UPRet, but without part in the computation.
IGNORE = (
  r"clip\.visual\.conv2_trans\.weight",
  r"clip\.logit_scale_(first|sec)_softmax",
  r"dist_\w+_trans\.(mu|logsig)_proj\.(weight|bias)",
  r"dsu\..*",
)

# What CLIP has no weights for. The released code takes from CLIP what fits: conv1 projects sign
# features (CLIP's cuts patches out of images), and the positions of 64 clips and a class token are
# not the 7 x 7 patches and a class token of an image.
FRESH = (r"params/visual/(conv1/kernel|positional_embedding)",)


def sizes(shapes: Mapping[str, Sequence[int]]) -> dict[str, int | None]:
  """The settings that give a model of the sizes of a checkpoint.

  Args:
    shapes: {released name: shape}.

  Returns:
    {dotted name: value}, None where shapes do not tell it: heads of 64 channels, as CLIP's are,
    are assumed where they fit.

  Raises:
    KeyError: a name that every checkpoint has is missing.
  """
  (video_width,) = shapes["clip.visual.class_embedding"]
  text_width, embed_dim = shapes["clip.text_projection"]
  return {
      "model.embed_dim": embed_dim,
      **_tower(shapes, "video", "clip.visual.transformer.resblocks.", video_width),
      **_tower(shapes, "text", "clip.transformer.resblocks.", text_width),
      "data.video_length": shapes["clip.visual.positional_embedding"][0] - 1,
  }


def _tower(shapes, tower, prefix, width):
  layers = {name.removeprefix(prefix).split(".")[0] for name in shapes if name.startswith(prefix)}
  heads = None if width % HEAD_WIDTH else width // HEAD_WIDTH
  values = {"width": width, "layers": len(layers), "heads": heads}
  return {f"model.{tower}.{name}": value for name, value in values.items()}


def feature_width(shapes: Mapping[str, Sequence[int]]) -> int:
  """D, the channels of a sign feature that a checkpoint reads; {released name: shape} -> int."""
  return shapes["clip.visual.conv1.weight"][1]
